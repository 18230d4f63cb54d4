#include "client/voter.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "client/connection.h"
#include "ledger/record.h"
#include "poll/payload.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::Hash32;
using crypto::Point;
using crypto::Scalar;

constexpr uint32_t kLargestRevision = 65535;

absl::Status Unfit(std::string_view text) {
  return base::Failure(absl::StatusCode::kFailedPrecondition, text);
}

std::string Bytes(std::string_view view) { return std::string(view); }

std::string SignatureBytes(const crypto::CredentialKey& key,
                           const crypto::CredentialStatement& statement) {
  const crypto::CredentialSignature signature = crypto::SignCredential(key, statement);
  return Cat(signature.U.view(), signature.z.view());
}

absl::Status OfIssuer(std::string_view what) {
  return base::Reject("token.answer-invalid", Cat("the issuer sent ", what, " of no valid form"));
}

absl::StatusOr<crypto::TokenOffer> DecodeOffer(std::string_view bytes) {
  if (bytes.size() != 64) return OfIssuer("an offer");
  const auto A = Point::DecodeNonIdentity(bytes.substr(0, 32));
  const auto C = Point::DecodeNonIdentity(bytes.substr(32));
  if (!A.ok() || !C.ok()) return OfIssuer("an offer");
  return crypto::TokenOffer{*A, *C};
}

absl::StatusOr<crypto::IssuerAnswer> DecodeAnswer(std::string_view bytes) {
  if (bytes.size() != 96) return OfIssuer("an answer");
  const auto s = Scalar::Decode(bytes.substr(0, 32));
  const auto y = Scalar::Decode(bytes.substr(32, 32));
  const auto t = Scalar::Decode(bytes.substr(64));
  if (!s.ok() || !y.ok() || !t.ok()) return OfIssuer("an answer");
  return crypto::IssuerAnswer{*s, *y, *t};
}

bool MayTryAgain(const absl::Status& status) {
  const std::string reject = base::RejectId(status);
  // An issuer that was restarted has forgotten its sessions, at no cost to the voter. One that runs
  // elsewhere hears a moment later than the voter that the poll was opened.
  if (!reject.empty()) return reject == "token.session-unknown" || reject == "issuing.not-open";
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded ||
         status.code() == absl::StatusCode::kResourceExhausted;
}

// --- Answers in words ---

/// What options are called: projects by their numbers.
std::string OptionIds(const poll::Contest& contest) {
  constexpr size_t kMost = 12;
  std::string list;
  for (size_t i = 0; i < std::min(kMost, contest.options.size()); ++i) {
    const poll::Option& option = contest.options[i];
    list += Cat(list.empty() ? "" : ", ",
                option.project.has_value() ? option.project->number : option.id);
  }
  return contest.options.size() > kMost ? Cat(list, ", ...") : list;
}

absl::Status BadAnswer(const poll::Contest& contest, std::string_view why) {
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       Cat("answer to \"", contest.id, "\": ", why));
}

absl::StatusOr<uint32_t> FindOption(const poll::Contest& contest, std::string_view id) {
  for (uint32_t i = 0; i < contest.options.size(); ++i) {
    const poll::Option& option = contest.options[i];
    if (option.id == id || (option.project.has_value() && option.project->number == id)) return i;
  }
  return BadAnswer(contest,
                   Cat("there is no option \"", id, "\"; the options are ", OptionIds(contest)));
}

struct ParseBy {
  const poll::Contest& contest;
  std::vector<std::string_view> items;

  absl::StatusOr<ContestVotes> operator()(const crypto::Choose& rule) const {
    ContestVotes votes(rule.n, 0);
    for (const std::string_view item : items) {
      URNA_ASSIGN_OR_RETURN(const uint32_t option, FindOption(contest, item));
      if (votes[option] != 0) return BadAnswer(contest, Cat("\"", item, "\" is named twice"));
      votes[option] = 1;
    }
    if (items.size() < rule.lo || items.size() > rule.hi) {
      return BadAnswer(
          contest, Cat(items.size(), " options chosen; allowed are ", rule.lo, " to ", rule.hi));
    }
    return votes;
  }
  absl::StatusOr<ContestVotes> operator()(const crypto::Score& rule) const {
    ContestVotes votes(rule.n, 0);
    std::vector<bool> given(rule.n, false);
    for (const std::string_view item : items) {
      const size_t colon = item.rfind(':');
      uint64_t score = 0;
      if (colon == std::string_view::npos || !base::ParseU64(item.substr(colon + 1), &score) ||
          score > rule.max) {
        return BadAnswer(
            contest, Cat("\"", item, "\" is not OPTION:POINTS with 0 to ", rule.max, " points"));
      }
      URNA_ASSIGN_OR_RETURN(const uint32_t option, FindOption(contest, item.substr(0, colon)));
      if (given[option]) return BadAnswer(contest, Cat("\"", item, "\" is named twice"));
      given[option] = true;
      votes[option] = static_cast<uint32_t>(score);
    }
    if (!crypto::Obeys(rule, votes)) {
      return BadAnswer(contest,
                       Cat("all points together must be ", rule.total_lo, " to ", rule.total_hi));
    }
    return votes;
  }
  absl::StatusOr<ContestVotes> operator()(const crypto::Points& rule) const {
    ContestVotes votes(rule.n, 0);
    if (items.size() != rule.k) {
      return BadAnswer(contest, Cat("name exactly ", rule.k, " options, the best first"));
    }
    for (uint32_t rank = 0; rank < rule.k; ++rank) {
      URNA_ASSIGN_OR_RETURN(const uint32_t option, FindOption(contest, items[rank]));
      if (votes[option] != 0) {
        return BadAnswer(contest, Cat("\"", items[rank], "\" is named twice"));
      }
      votes[option] = rule.k - rank;
    }
    return votes;
  }
  absl::StatusOr<ContestVotes> operator()(const crypto::Picks& rule) const {
    ContestVotes votes;
    if (items.size() < contest.least_picks || items.size() > rule.w) {
      return BadAnswer(contest, Cat(items.size(), " options picked; allowed are ",
                                    contest.least_picks, " to ", rule.w));
    }
    for (const std::string_view item : items) {
      URNA_ASSIGN_OR_RETURN(const uint32_t option, FindOption(contest, item));
      votes.push_back((option + 1) / 16);
      votes.push_back((option + 1) % 16);
    }
    votes.resize(2 * rule.w, 0);
    if (!crypto::Obeys(rule, votes)) return BadAnswer(contest, "an option is named twice");
    std::vector<uint8_t> picks;
    for (size_t p = 0; p < votes.size(); p += 2) {
      picks.push_back(static_cast<uint8_t>(16 * votes[p] + votes[p + 1]));
    }
    if (const auto why = poll::WhyVoid(contest, picks); why.has_value()) {
      return BadAnswer(contest, Cat("would be void: it ", *why));
    }
    return votes;
  }
};

}  // namespace

absl::StatusOr<ContestVotes> ParseAnswer(const poll::Contest& contest, std::string_view answer) {
  ParseBy parse{contest, {}};
  const std::string_view text = base::Trim(answer);
  if (text.empty()) return BadAnswer(contest, "is empty; for a blank vote say \"blank\"");
  // An option may itself be called "blank".
  const bool blank = text == "blank" && !FindOption(contest, text).ok();
  if (!blank) {
    for (const std::string_view item : base::Split(text, ',')) {
      parse.items.push_back(base::Trim(item));
    }
  }
  return std::visit(parse, contest.rule);
}

std::string DescribeAnswer(const poll::Contest& contest, const ContestVotes& votes,
                           const std::string& language) {
  const auto name = [&](size_t option) {
    const poll::Option& one = contest.options[option];
    const auto found = one.text.find(language);
    const std::string& text = found == one.text.end() ? one.id : found->second;
    return one.project.has_value() ? Cat(one.project->number, " ", text) : text;
  };
  std::string out;
  const auto add = [&](std::string_view item) { out += Cat(out.empty() ? "" : ", ", item); };
  if (std::holds_alternative<crypto::Choose>(contest.rule)) {
    for (size_t i = 0; i < votes.size(); ++i) {
      if (votes[i] != 0) add(name(i));
    }
  } else if (std::holds_alternative<crypto::Picks>(contest.rule)) {
    for (size_t p = 0; p + 1 < votes.size(); p += 2) {
      const uint32_t pick = 16 * votes[p] + votes[p + 1];
      if (pick != 0) add(name(pick - 1));
    }
  } else {
    for (size_t i = 0; i < votes.size(); ++i) {
      if (votes[i] != 0) add(Cat(name(i), ": ", votes[i]));
    }
  }
  return out.empty() ? "blank" : out;
}

absl::StatusOr<CheckedReceipt> CheckCastResponse(const poll::PollContext& context,
                                                 const std::string& payload,
                                                 const v1::CastResponse& response) {
  CheckedReceipt checked;
  checked.text = response.receipt();
  URNA_ASSIGN_OR_RETURN(checked.receipt, ledger::Receipt::Parse(checked.text));
  if (checked.receipt.body != crypto::HashSha256(payload)) {
    return base::Reject("receipt.other-ballot", "the receipt is for another ballot than was sent");
  }
  ledger::Record record;
  record.kind = static_cast<uint8_t>(poll::RecordKind::kBallotCast);
  record.time = response.time();
  if (response.previous().size() != record.previous.size()) {
    return base::Reject("receipt.malformed", "the previous record's hash is not 32 bytes");
  }
  std::ranges::copy(response.previous(), record.previous.begin());
  record.payload = payload;
  if (checked.receipt.leaf != ledger::LeafHash(ledger::EncodeRecord(record))) {
    return base::Reject("receipt.other-ballot",
                        "the receipt's leaf hash is not that of a record with this ballot");
  }
  URNA_ASSIGN_OR_RETURN(checked.checkpoint,
                        ledger::VerifyReceipt(checked.receipt, context.definition->ballot_box));
  return checked;
}

absl::StatusOr<Voter> Voter::Create(std::shared_ptr<const poll::PollContext> context,
                                    Wallet* wallet, Save save, Retry retry) {
  if (wallet->poll != context->poll) return Unfit("the wallet belongs to another poll");
  const poll::Definition& definition = *context->definition;
  if (wallet->tokens.size() != definition.issuers.size()) {
    return Unfit(Cat("the wallet is for ", wallet->tokens.size(), " issuers, the poll has ",
                     definition.issuers.size()));
  }
  for (size_t s = 0; s < definition.styles.size(); ++s) {
    if (definition.styles[s].id == wallet->style) {
      return Voter(std::move(context), static_cast<uint16_t>(s), wallet, std::move(save),
                   std::move(retry));
    }
  }
  return Unfit(Cat("the poll has no ballot style '", wallet->style, "', which the wallet names"));
}

absl::Status Voter::WithRetry(const std::function<absl::Status()>& request) const {
  absl::Status status = request();
  for (int attempt = 2; attempt <= retry_.attempts && MayTryAgain(status); ++attempt) {
    if (retry_.pause) retry_.pause(attempt, status);
    status = request();
  }
  return status;
}

bool StoredAnswer::IsFor(const crypto::TokenInfo& info, const crypto::Omega& omega) const {
  const crypto::BallotKey ballot_key = crypto::DeriveBallotKey(omega, info.opening);
  return crypto::TokenRequest(info, offer, omega, ballot_key.BK).challenge() == c;
}

absl::StatusOr<StoredAnswer> FetchAnswer(v1::Issuing::StubInterface& issuing,
                                         const poll::PollContext& context, uint16_t style,
                                         uint32_t issuer, const crypto::CredentialKey& key) {
  const crypto::TokenInfo& info = context.styles[style].issuers[issuer];
  v1::FetchRequest request;
  request.set_poll(Bytes(base::View(context.poll)));
  request.set_issuer(issuer);
  request.set_credential(Bytes(key.V.view()));
  request.set_signature(
      SignatureBytes(key, crypto::CredentialStatement::Fetch(info.opening, info.style, info.X)));
  URNA_ASSIGN_OR_RETURN(const v1::FetchResponse response,
                        Call(issuing, &v1::Issuing::StubInterface::Fetch, request));
  StoredAnswer stored;
  URNA_ASSIGN_OR_RETURN(stored.offer, DecodeOffer(response.offer()));
  const auto c = Scalar::Decode(response.challenge());
  if (!c.ok()) return OfIssuer("a challenge");
  stored.c = *c;
  URNA_ASSIGN_OR_RETURN(stored.answer, DecodeAnswer(response.answer()));
  return stored;
}

absl::StatusOr<crypto::Token> Voter::FetchToken(v1::Issuing::StubInterface& issuing,
                                                const crypto::CredentialKey& key,
                                                const Point& ballot_key, uint32_t issuer) {
  URNA_ASSIGN_OR_RETURN(const StoredAnswer stored,
                        FetchAnswer(issuing, *context_, style_, issuer, key));
  const crypto::TokenInfo& info = ballot_context().issuers[issuer];
  if (!stored.IsFor(info, wallet_->omega)) {
    return base::Reject(
        "token.other-wallet",
        "this credential was already given its token, for another wallet. If you made a wallet "
        "before, use that one, a copy of it, or its recovery phrase. If you did not, somebody "
        "else has used your code or key: report it to the officials");
  }
  return crypto::TokenRequest(info, stored.offer, wallet_->omega, ballot_key)
      .Unblind(stored.answer);
}

absl::StatusOr<crypto::Token> Voter::ObtainToken(v1::Issuing::StubInterface& issuing,
                                                 const crypto::CredentialKey& key,
                                                 const Point& ballot_key, uint32_t issuer) {
  // The answer to an attempt before this one may have been lost on the way, and an issuer answers
  // one challenge only: so first ask for what is there.
  auto fetched = FetchToken(issuing, key, ballot_key, issuer);
  if (fetched.ok() || fetched.status().code() != absl::StatusCode::kNotFound) return fetched;

  const crypto::TokenInfo& info = ballot_context().issuers[issuer];
  v1::BeginRequest begin;
  begin.set_poll(Bytes(base::View(context_->poll)));
  begin.set_issuer(issuer);
  begin.set_credential(Bytes(key.V.view()));
  begin.set_signature(
      SignatureBytes(key, crypto::CredentialStatement::Begin(info.opening, info.style, info.X)));
  URNA_ASSIGN_OR_RETURN(const v1::BeginResponse begun,
                        Call(issuing, &v1::Issuing::StubInterface::Begin, begin));

  URNA_ASSIGN_OR_RETURN(const crypto::TokenOffer offer, DecodeOffer(begun.offer()));
  const crypto::TokenRequest token(info, offer, wallet_->omega, ballot_key);
  v1::AnswerRequest ask;
  ask.set_poll(begin.poll());
  ask.set_issuer(issuer);
  ask.set_credential(begin.credential());
  ask.set_session(begun.session());
  ask.set_challenge(Bytes(token.challenge().view()));
  ask.set_signature(SignatureBytes(
      key, crypto::CredentialStatement::Request(info.opening, info.style, info.X, offer.A, offer.C,
                                                token.challenge())));
  URNA_ASSIGN_OR_RETURN(const v1::AnswerResponse answered,
                        Call(issuing, &v1::Issuing::StubInterface::Answer, ask));
  URNA_ASSIGN_OR_RETURN(const crypto::IssuerAnswer answer, DecodeAnswer(answered.answer()));
  return token.Unblind(answer);
}

absl::Status Voter::TakeMissing(
    const std::function<absl::StatusOr<std::optional<crypto::Token>>(uint32_t issuer)>& take) {
  for (uint32_t issuer = 0; issuer < wallet_->tokens.size(); ++issuer) {
    if (wallet_->tokens[issuer].has_value()) continue;
    const absl::Status status = WithRetry([&]() -> absl::Status {
      URNA_ASSIGN_OR_RETURN(wallet_->tokens[issuer], take(issuer));
      return absl::OkStatus();
    });
    if (!status.ok()) {
      return base::Annotate(status, Cat("issuer ", context_->definition->issuers[issuer].name));
    }
    if (wallet_->tokens[issuer].has_value()) URNA_RETURN_IF_ERROR(save_(*wallet_));
  }
  return absl::OkStatus();
}

absl::Status Voter::ObtainTokens(std::span<v1::Issuing::StubInterface* const> issuing,
                                 const crypto::CredentialKey& key) {
  if (wallet_->has_all_tokens()) return absl::OkStatus();
  if (key.V != wallet_->credential) {
    return Unfit("the wallet was made for another credential than this code or key");
  }
  if (issuing.size() != wallet_->tokens.size()) return Unfit("a line to each issuer is needed");
  // Without omega an answer is worthless, and there is one answer only.
  URNA_RETURN_IF_ERROR(save_(*wallet_));
  const crypto::BallotKey ballot_key = crypto::DeriveBallotKey(wallet_->omega, context_->opening);
  // A wrong recovery phrase, or a thief who was at one issuer only, is found out before the answer
  // of another issuer is spent on an omega that gets no further.
  using Found = absl::StatusOr<std::optional<crypto::Token>>;
  URNA_RETURN_IF_ERROR(TakeMissing([&](uint32_t issuer) -> Found {
    auto token = FetchToken(*issuing[issuer], key, ballot_key.BK, issuer);
    if (absl::IsNotFound(token.status())) return std::nullopt;
    return token;
  }));
  return TakeMissing([&](uint32_t issuer) -> Found {
    return ObtainToken(*issuing[issuer], key, ballot_key.BK, issuer);
  });
}

absl::StatusOr<Hash32> Voter::Prepare(const std::vector<ContestVotes>& votes) {
  URNA_ASSIGN_OR_RETURN(prepared_, crypto::PreparedBallot::Encrypt(ballot_context(), votes));
  return prepared_->fingerprint();
}

absl::StatusOr<OpenedBallot> Voter::Challenge() {
  if (!prepared_.has_value()) return Unfit("no ballot was prepared");
  crypto::PreparedBallot prepared = *std::exchange(prepared_, std::nullopt);
  return OpenBallot(context_->poll, ballot_context().shape, std::move(prepared));
}

absl::StatusOr<uint32_t> Voter::PublishedRevision(v1::Reading::StubInterface& reading,
                                                  const Point& ballot_key) const {
  v1::LastRevisionRequest request;
  request.set_poll(Bytes(base::View(context_->poll)));
  request.set_ballot_key(Bytes(ballot_key.view()));
  v1::LastRevisionResponse last;
  URNA_RETURN_IF_ERROR(WithRetry([&]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(last, Call(reading, &v1::Reading::StubInterface::LastRevision, request));
    return absl::OkStatus();
  }));
  return last.revision();
}

absl::StatusOr<CheckedReceipt> Voter::Cast(v1::Casting::StubInterface& casting,
                                           v1::Reading::StubInterface& reading) {
  if (!wallet_->has_all_tokens()) return Unfit("the wallet lacks a token");
  if (!prepared_.has_value()) return Unfit("no ballot was prepared");
  if (wallet_->pending.has_value()) {
    return Unfit("the outcome of an earlier ballot is unknown; it must be sent again first");
  }
  const crypto::BallotKey key = crypto::DeriveBallotKey(wallet_->omega, context_->opening);
  if (wallet_->restored) {
    URNA_ASSIGN_OR_RETURN(const uint32_t published, PublishedRevision(reading, key.BK));
    taken_ = std::max(taken_, published);
  }
  const uint32_t revision = std::max<uint32_t>(wallet_->last_revision, taken_) + 1;
  if (revision > kLargestRevision) return Unfit("this ballot key has no revision left");
  std::vector<crypto::Token> tokens;
  for (const auto& token : wallet_->tokens) tokens.push_back(*token);
  crypto::PreparedBallot prepared = *std::exchange(prepared_, std::nullopt);
  const crypto::Ballot ballot = std::move(prepared).Cast(ballot_context(), key, std::move(tokens),
                                                         static_cast<uint16_t>(revision));
  wallet_->pending =
      PendingBallot{static_cast<uint16_t>(revision),
                    poll::EncodePayload(poll::BallotCast{style_, crypto::EncodeBallot(ballot)})};
  URNA_RETURN_IF_ERROR(save_(*wallet_));
  auto receipt = CastPending(casting);
  if (base::RejectId(receipt.status()) == "ballot.revision-repeated") {
    URNA_ASSIGN_OR_RETURN(const uint32_t published, PublishedRevision(reading, key.BK));
    taken_ = std::max(revision, published) + step_ - 1;
    step_ *= 2;
  }
  return receipt;
}

absl::StatusOr<CheckedReceipt> Voter::CastPending(v1::Casting::StubInterface& casting) {
  if (!wallet_->pending.has_value()) return Unfit("no ballot is pending");
  const PendingBallot& pending = *wallet_->pending;
  v1::CastRequest request;
  request.set_poll(Bytes(base::View(context_->poll)));
  request.set_ballot(pending.payload);
  v1::CastResponse response;
  const absl::Status sent = WithRetry([&]() -> absl::Status {
    URNA_ASSIGN_OR_RETURN(response, Call(casting, &v1::Casting::StubInterface::Cast, request));
    return absl::OkStatus();
  });
  if (!sent.ok()) {
    // What was rejected is not on the ledger and never will be with these bytes, except after a
    // pause.
    const std::string reject = base::RejectId(sent);
    if (!reject.empty() && reject != "ballot.paused") {
      wallet_->pending.reset();
      URNA_RETURN_IF_ERROR(save_(*wallet_));
    }
    return sent;
  }
  URNA_ASSIGN_OR_RETURN(CheckedReceipt receipt,
                        CheckCastResponse(*context_, pending.payload, response));
  receipt.revision = pending.revision;
  wallet_->last_revision = std::max(wallet_->last_revision, pending.revision);
  wallet_->restored = false;
  wallet_->KeepReceipt({receipt.revision, receipt.text});
  wallet_->pending.reset();
  URNA_RETURN_IF_ERROR(save_(*wallet_));
  return receipt;
}

}  // namespace urna::client
