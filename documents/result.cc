#include "documents/result.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "documents/budget.h"
#include "documents/page.h"
#include "documents/phrases.h"
#include "documents/reconciliation.h"
#include "documents/text.h"
#include "documents/words.h"
#include "ledger/note.h"

namespace urna::documents {
namespace {

using base::Cat;
using nlohmann::ordered_json;

absl::Status Broken(std::string_view what) {
  return base::Failure(absl::StatusCode::kInternal,
                       Cat("no document was made, because a number does not fit: ", what));
}

bool Carries(const poll::Style& style, uint32_t contest) {
  return std::ranges::binary_search(style.contests, contest);
}

uint64_t Sum(const std::vector<uint64_t>& numbers) {
  uint64_t sum = 0;
  for (const uint64_t number : numbers) sum += number;
  return sum;
}

uint64_t LeastBallots(const poll::Definition& definition) {
  return std::max<uint64_t>(2, definition.minimum_ballots);
}

// --- Sums ----------------------------------------------------------------------------------------

absl::Status Same(std::string_view where, std::string_view what, uint64_t number,
                  std::string_view other, uint64_t expected) {
  if (number == expected) return absl::OkStatus();
  return Broken(Cat(where, ": ", what, " ", number, ", but ", other, " ", expected));
}

absl::Status AtMost(std::string_view where, std::string_view what, uint64_t number,
                    std::string_view other, uint64_t bound) {
  if (number <= bound) return absl::OkStatus();
  return Broken(Cat(where, ": ", what, " ", number, ", but only ", other, " ", bound));
}

/// `votes`: of each option, online and on paper.
absl::Status CheckBudget(const std::string& where, const poll::Budget& budget,
                         const poll::ContestResult& r, const std::vector<uint64_t>& votes) {
  if (r.budget == nullptr) return Broken(Cat(where, ": its projects were not counted"));
  const poll::counting::BudgetOutcome& outcome = r.budget->outcome;
  if (r.budget->sums.points != votes) {
    return Broken(Cat(where, ": projects were counted from other votes"));
  }
  URNA_RETURN_IF_ERROR(
      Same(where, "ballots", r.budget->sums.ballots, "valid votes", r.outcome.valid));
  uint64_t cost = 0;
  std::vector<bool> funded(votes.size(), false);
  for (const uint32_t p : outcome.funded) {
    if (funded.at(p)) return Broken(Cat(where, ": a project is funded twice"));
    funded[p] = true;
    cost += r.budget->profile.projects[p].cost;
  }
  URNA_RETURN_IF_ERROR(Same(where, "cost", outcome.cost, "the funded projects cost", cost));
  URNA_RETURN_IF_ERROR(
      Same(where, "decisions", outcome.decisions.size(), "projects are", votes.size()));
  return Same(where, "cost and what is left", cost + outcome.left, "the pool and the reserve have",
              budget.amount + outcome.reserve);
}

absl::Status CheckContest(const Facts& facts, uint32_t index) {
  const poll::Definition& d = *facts.definition;
  const poll::Contest& contest = d.contests[index];
  const poll::ContestResult& r = facts.result->contests[index];
  const std::string where = Cat("contest ", contest.id);
  uint64_t roll = 0, cast = 0, paper = 0;
  for (size_t s = 0; s < d.styles.size(); ++s) {
    if (!Carries(d.styles[s], index)) continue;
    roll += facts.reconciliation->styles[s].roll;
    cast += facts.reconciliation->styles[s].cast;
    paper += facts.reconciliation->styles[s].paper;
  }
  URNA_RETURN_IF_ERROR(Same(where, "entitled", r.entitled, "its styles' rolls have", roll));
  URNA_RETURN_IF_ERROR(Same(where, "cards online", r.ballots, "its styles have", cast));
  URNA_RETURN_IF_ERROR(Same(where, "cards on paper", r.paper_cards, "its styles have", paper));
  if (r.withheld) {
    if (r.ballots > 0 && r.ballots < LeastBallots(d)) return absl::OkStatus();
    return Broken(Cat(where, ": withheld with ", r.ballots, " ballots"));
  }
  const uint64_t cards = r.ballots + r.paper_cards;
  const poll::counting::ContestOutcome& outcome = r.outcome;
  URNA_RETURN_IF_ERROR(
      Same(where, "options online", r.online.size(), "it has", contest.options.size()));
  URNA_RETURN_IF_ERROR(
      Same(where, "options on paper", r.paper.size(), "it has", contest.options.size()));
  URNA_RETURN_IF_ERROR(Same(where, "valid and invalid votes together",
                            outcome.valid + outcome.invalid, "cards", cards));
  std::vector<uint64_t> votes = r.online;
  for (size_t o = 0; o < votes.size(); ++o) votes[o] += r.paper[o];
  if (AddsUp(contest)) {
    URNA_RETURN_IF_ERROR(
        Same(where, "votes of all options", Sum(votes), "valid votes", outcome.valid));
    URNA_RETURN_IF_ERROR(
        AtMost(where, "votes of all options online", Sum(r.online), "cards online", r.ballots));
    URNA_RETURN_IF_ERROR(AtMost(where, "votes of all options on paper", Sum(r.paper),
                                "cards on paper", r.paper_cards));
  }
  const uint64_t largest = poll::LargestMark(contest);
  for (size_t o = 0; o < votes.size(); ++o) {
    const std::string what = Cat("votes of option ", contest.options[o].id);
    URNA_RETURN_IF_ERROR(AtMost(where, Cat(what, " online"), r.online[o], "cards online can give",
                                r.ballots * largest));
    URNA_RETURN_IF_ERROR(AtMost(where, Cat(what, " on paper"), r.paper[o],
                                "cards on paper can give", r.paper_cards * largest));
  }
  const auto counted =
      poll::counting::CountContest(contest, d.quorum, r.entitled, cards, r.void_ballots, votes);
  if (!counted.ok() || *counted != outcome) {
    return Broken(Cat(where, ": the verdict is not the one that follows from its votes"));
  }
  if (const auto* budget = std::get_if<poll::Budget>(&contest.decision);
      budget != nullptr && outcome.verdict == poll::counting::Verdict::kDecided) {
    URNA_RETURN_IF_ERROR(CheckBudget(where, *budget, r, votes));
  }
  return AtMost(where, "cards", cards, "entitled", r.entitled);
}

// --- Words ---------------------------------------------------------------------------------------

std::vector<Phrase> KindsOf(const poll::Definition& definition) {
  if (std::holds_alternative<poll::RecallQuorum>(definition.quorum)) return {Phrase::kKindRecall};
  std::vector<Phrase> kinds;
  for (const poll::Contest& contest : definition.contests) {
    const Phrase kind =
        std::holds_alternative<poll::Majority>(contest.decision)    ? Phrase::kKindMajority
        : std::holds_alternative<poll::TwoThirds>(contest.decision) ? Phrase::kKindTwoThirds
        : std::holds_alternative<poll::Variants>(contest.decision)  ? Phrase::kKindVariants
        : std::holds_alternative<poll::Budget>(contest.decision)    ? Phrase::kKindBudget
                                                                    : Phrase::kKindTotals;
    if (std::ranges::find(kinds, kind) == kinds.end()) kinds.push_back(kind);
  }
  return kinds;
}

std::string_view KindName(Phrase kind) {
  if (kind == Phrase::kKindRecall) return "recall";
  if (kind == Phrase::kKindMajority) return "majority";
  if (kind == Phrase::kKindTwoThirds) return "two-thirds";
  if (kind == Phrase::kKindVariants) return "variants";
  if (kind == Phrase::kKindBudget) return "budget";
  return "totals";
}

std::string_view DecisionName(const poll::Decision& decision) {
  if (std::holds_alternative<poll::Majority>(decision)) return "majority";
  if (std::holds_alternative<poll::TwoThirds>(decision)) return "two-thirds";
  if (std::holds_alternative<poll::Variants>(decision)) return "variants";
  if (std::holds_alternative<poll::Budget>(decision)) return "budget";
  return "none";
}

std::vector<std::string> Commands(const Facts& facts) {
  const std::string poll = base::Hex(facts.poll);
  return {Cat("urna ledger export --poll ", poll, " --folder ledger"),
          Cat("urna-verify ledger --poll ", poll)};
}

Paragraph Say(Paragraph::Kind kind, std::string text) { return {kind, std::move(text)}; }

/// Makes the document's page in one language.
class PageMaker {
 public:
  PageMaker(const Facts& facts, Voice voice)
      : facts_(facts), d_(*facts.definition), voice_(std::move(voice)) {}

  Page Make() && {
    constexpr std::array<std::string_view, kLanguages> kOwnNames = {"English", "polski",
                                                                    "українська"};
    page_.tag = voice_.texts;
    page_.words_tag = TagOf(voice_.words);
    if (HasWords(voice_.texts)) page_.words_tag = voice_.texts;
    page_.texts_tag = voice_.texts;
    page_.language = kOwnNames[static_cast<size_t>(voice_.words)];
    page_.kind = Words(facts_.cancelled ? Phrase::kRecordOfCancellation : Phrase::kRecordOfResult);
    if (d_.rehearsal) page_.banner = Words(Phrase::kRehearsal);
    page_.title = voice_.Of(d_.title);
    if (facts_.cancelled) {
      Begin("").blocks = {Say(Paragraph::Kind::kVerdict, Words(Phrase::kCancelledStatement)),
                          General()};
      page_.sections.back().heading = Words(Phrase::kRecordOfCancellation);
    } else {
      Participation();
      for (uint32_t c = 0; c < d_.contests.size(); ++c) Contest(c);
    }
    CourseOfTheVote();
    if (!facts_.cancelled) Reconciled();
    Approvals();
    Identification();
    return std::move(page_);
  }

 private:
  std::string Words(Phrase phrase, const std::vector<std::string>& arguments = {}) const {
    return documents::Say(voice_.words, phrase, arguments);
  }
  std::string Count(uint64_t number) const { return Number(voice_.words, number); }
  std::string Percentage(uint64_t part, uint64_t whole) const {
    return PercentText(voice_.words, part, whole);
  }
  Section& Begin(std::string heading) {
    page_.sections.push_back({.heading = std::move(heading), .subject = "", .blocks = {}});
    return page_.sections.back();
  }

  Pairs General() const {
    Pairs pairs;
    std::string kinds;
    for (const Phrase kind : KindsOf(d_)) kinds += Cat(kinds.empty() ? "" : "; ", Words(kind));
    pairs.rows = {
        {Words(Phrase::kKind), kinds},
        {Words(Phrase::kVotingFrom), Time(d_.casting_from)},
        {Words(Phrase::kVotingEnd),
         facts_.end == d_.end ? Time(facts_.end)
                              : Words(Phrase::kExtended, {Time(facts_.end), Time(d_.end)})}};
    pairs.rows.emplace_back(Words(facts_.cancelled ? Phrase::kCancelledAt : Phrase::kCertifiedAt),
                            Time(facts_.course.concluded_at));
    if (facts_.cancelled) pairs.rows.emplace_back(Words(Phrase::kReason), facts_.reason);
    return pairs;
  }

  Table Counts(const std::string& caption,
               const std::vector<std::pair<Phrase, uint64_t>>& counts) const {
    Table table;
    table.caption = caption;
    table.columns = {{.head = Words(Phrase::kLine), .number = true},
                     {.head = Words(Phrase::kWhat)},
                     {.head = Words(Phrase::kCount), .number = true}};
    for (const auto& [phrase, number] : counts) {
      table.rows.push_back({Cat(table.rows.size() + 1, "."), Words(phrase), Count(number)});
    }
    return table;
  }

  void Participation() {
    Section& section = Begin(Words(Phrase::kParticipation));
    section.blocks.emplace_back(General());
    for (const poll::Course::MissingRegister& missing : facts_.course.missing_registers) {
      section.blocks.emplace_back(
          Say(Paragraph::Kind::kAlarm,
              Words(Phrase::kMissingRegister, {d_.issuers[missing.issuer].name, missing.reason})));
    }
    const poll::Result& r = *facts_.result;
    std::vector<std::pair<Phrase, uint64_t>> counts = {{Phrase::kEntitled, r.entitled}};
    if (r.registers_complete) {
      counts.emplace_back(Phrase::kGotTokens, facts_.reconciliation->total.answered);
    }
    const uint64_t cards = r.ballots + r.paper_cards;
    counts.emplace_back(Phrase::kCardsOnline, r.ballots);
    counts.emplace_back(Phrase::kCardsPaper, r.paper_cards);
    counts.emplace_back(Phrase::kCardsTogether, cards);
    section.blocks.emplace_back(Counts(section.heading, counts));
    section.blocks.emplace_back(
        Pairs{.rows = {{Words(Phrase::kTurnout),
                        Words(Phrase::kTurnoutValue,
                              {Count(cards), Count(r.entitled), Percentage(cards, r.entitled)})}}});
  }

  void Contest(uint32_t index) {
    const poll::Contest& contest = d_.contests[index];
    const poll::ContestResult& r = facts_.result->contests[index];
    Section& section = Begin(Words(Phrase::kQuestion, {Cat(index + 1)}));
    section.subject = voice_.Of(contest.title);
    section.blocks.emplace_back(Say(Paragraph::Kind::kPollText, voice_.Of(contest.question)));
    const uint64_t cards = r.ballots + r.paper_cards;
    std::vector<std::pair<Phrase, uint64_t>> counts = {{Phrase::kQuestionEntitled, r.entitled},
                                                       {Phrase::kQuestionCardsOnline, r.ballots},
                                                       {Phrase::kQuestionCardsPaper, r.paper_cards},
                                                       {Phrase::kQuestionCards, cards}};
    if (r.withheld) {
      section.blocks.emplace_back(Counts(section.subject, counts));
      section.blocks.emplace_back(
          Say(Paragraph::Kind::kVerdict,
              Words(Phrase::kWithheld, {Count(r.ballots), Count(LeastBallots(d_))})));
      return;
    }
    counts.emplace_back(Phrase::kInvalid, r.outcome.invalid);
    counts.emplace_back(Phrase::kValid, r.outcome.valid);
    section.blocks.emplace_back(Counts(section.subject, counts));
    Pairs quorum{
        .rows = {{Words(Phrase::kQuorum), QuorumOutcome(voice_.words, d_.quorum, r.entitled, cards,
                                                        r.outcome.quorum_met)}}};
    if (r.budget != nullptr) {
      section.blocks.emplace_back(std::move(quorum));
      Verdict(contest, r, &section);
      for (Block& block : BudgetBlocks(voice_, contest, r)) {
        section.blocks.push_back(std::move(block));
      }
      return;
    }
    section.blocks.emplace_back(Options(contest, r));
    if (!AddsUp(contest)) {
      section.blocks.emplace_back(Say(Paragraph::Kind::kNote, Words(Phrase::kNotOneMark)));
    }
    quorum.rows.emplace_back(Words(Phrase::kRule), DecisionRule(voice_, contest));
    section.blocks.emplace_back(std::move(quorum));
    Verdict(contest, r, &section);
  }

  void Verdict(const poll::Contest& contest, const poll::ContestResult& r, Section* section) const {
    section->blocks.emplace_back(
        Say(Paragraph::Kind::kVerdict,
            Cat(Words(Phrase::kVerdict), ": ", VerdictText(voice_, contest, r))));
  }

  Table Options(const poll::Contest& contest, const poll::ContestResult& r) const {
    Table table;
    table.caption = voice_.Of(contest.title);
    const Phrase last = AddsUp(contest)       ? Phrase::kOfValid
                        : HasPercent(contest) ? Phrase::kOfCards
                                              : Phrase::kMeanPerCard;
    table.columns = {{.head = Words(Phrase::kOption), .poll_text = true},
                     {.head = Words(Phrase::kOnline), .number = true},
                     {.head = Words(Phrase::kPaper), .number = true},
                     {.head = Words(Phrase::kTogether), .number = true},
                     {.head = Words(last), .number = true}};
    const auto share = [&](uint64_t votes) {
      return HasPercent(contest) ? Percentage(votes, r.outcome.valid)
                                 : Mean(voice_.words, votes, r.outcome.valid);
    };
    for (size_t o = 0; o < contest.options.size(); ++o) {
      const uint64_t votes = r.online[o] + r.paper[o];
      table.rows.push_back({voice_.Of(contest.options[o].text), Count(r.online[o]),
                            Count(r.paper[o]), Count(votes), share(votes)});
    }
    if (AddsUp(contest)) {
      const uint64_t online = Sum(r.online), paper = Sum(r.paper);
      table.rows.push_back({Words(Phrase::kAllOptions), Count(online), Count(paper),
                            Count(online + paper), share(online + paper)});
      table.last_is_total = true;
    }
    return table;
  }

  void CourseOfTheVote() {
    Section& section = Begin(Words(Phrase::kCourseHeading));
    const auto happened = [&](const std::string& what, const std::string& reason) {
      section.blocks.emplace_back(
          Say(Paragraph::Kind::kPlain,
              reason.empty() ? what : Words(Phrase::kWithReason, {what, reason})));
    };
    const poll::Course& course = facts_.course;
    for (const poll::Course::Pause& pause : course.pauses) {
      happened(pause.until.has_value()
                   ? Words(Phrase::kPause, {Time(pause.from), Time(*pause.until)})
                   : Words(Phrase::kPauseToEnd, {Time(pause.from)}),
               pause.reason);
    }
    for (const poll::Course::Extension& extension : course.extensions) {
      happened(Words(Phrase::kExtension,
                     {Time(extension.at), Time(extension.end_before), Time(extension.end)}),
               extension.reason);
    }
    if (facts_.credentials_replaced > 0) {
      happened(Words(Phrase::kReplacedCredentials, {Count(facts_.credentials_replaced)}), "");
    }
    for (const poll::Course::Loss& loss : course.losses) {
      section.blocks.emplace_back(
          Say(Paragraph::Kind::kAlarm,
              Words(Phrase::kLostRecords, {Count(loss.count()), loss.reason})));
    }
    if (section.blocks.empty()) happened(Words(Phrase::kNothingHappened), "");
    if (course.lot.has_value()) happened(Words(Phrase::kLotOutcome, {*course.lot}), "");
  }

  void Reconciled() {
    Section& section = Begin(Words(Phrase::kReconciliation));
    const poll::PublicReconciliation numbers = poll::ForPrint(*facts_.reconciliation, d_);
    section.blocks.emplace_back(ReconciliationTable(voice_, d_, numbers));
    if (HidesAny(numbers)) {
      section.blocks.emplace_back(Say(Paragraph::Kind::kNote, HiddenLegend(voice_.words, numbers)));
    }
  }

  Table Parties(const std::string& caption, const std::vector<const poll::Party*>& parties) const {
    Table table;
    table.caption = caption;
    table.columns = {{.head = Words(Phrase::kName)},
                     {.head = Words(Phrase::kKey), .verbatim = true}};
    for (const poll::Party* party : parties) {
      table.rows.push_back({party->name, base::Hex(party->key)});
    }
    return table;
  }

  void Approvals() {
    Section& section = Begin(Words(Phrase::kSignatures));
    section.blocks.emplace_back(Say(Paragraph::Kind::kPlain, Words(Phrase::kSignedInLedger)));
    const auto list = [&](const std::string& heading,
                          const std::vector<const poll::Party*>& parties) {
      section.blocks.emplace_back(Say(Paragraph::Kind::kPlain, Cat(heading, ":")));
      section.blocks.emplace_back(Parties(heading, parties));
    };
    std::vector<const poll::Party*> officials, trustees, issuers;
    for (const uint32_t i : facts_.course.concluded_by) officials.push_back(&d_.officials[i]);
    for (const uint32_t i : facts_.decrypted_by) trustees.push_back(&d_.trustees[i - 1]);
    for (const poll::Party& issuer : d_.issuers) issuers.push_back(&issuer);
    list(Words(facts_.cancelled ? Phrase::kOfficialsCancelled : Phrase::kOfficialsCertified,
               {Count(d_.officials_needed)}),
         officials);
    if (!facts_.cancelled && trustees.empty()) {
      section.blocks.emplace_back(Say(Paragraph::Kind::kPlain, Words(Phrase::kNoTrustees)));
    } else if (!facts_.cancelled) {
      list(Words(Phrase::kTrustees, {Count(d_.trustees_needed)}), trustees);
    }
    list(Words(Phrase::kIssuers), issuers);
  }

  void Identification() {
    Section& section = Begin(Words(Phrase::kIdentification));
    Pairs pairs;
    pairs.verbatim = true;
    pairs.rows = {{Words(Phrase::kPollId), base::Hex(facts_.poll)},
                  {Words(Phrase::kDefinitionSha256), base::Hex(facts_.definition_sha256)}};
    if (facts_.course.persons_sha256 != crypto::Hash32{}) {
      pairs.rows.emplace_back(Words(Phrase::kPersonsSha256),
                              base::Hex(facts_.course.persons_sha256));
    }
    pairs.rows.insert(pairs.rows.end(), {{Words(Phrase::kLedgerOrigin), facts_.checkpoint.origin},
                                         {Words(Phrase::kLedgerSize), Cat(facts_.checkpoint.size)},
                                         {Words(Phrase::kLedgerRoot),
                                          base::Base64(base::View(facts_.checkpoint.root))},
                                         {Words(Phrase::kCheckpointSignature), facts_.signature}});
    section.blocks.emplace_back(std::move(pairs));
    section.blocks.emplace_back(Say(Paragraph::Kind::kPlain, Words(Phrase::kHowToCheck)));
    std::string commands;
    for (const std::string& command : Commands(facts_)) {
      commands += Cat(commands.empty() ? "" : "\n", command);
    }
    section.blocks.emplace_back(Say(Paragraph::Kind::kCode, commands));
  }

  const Facts& facts_;
  const poll::Definition& d_;
  const Voice voice_;
  Page page_;
};

// --- JSON ----------------------------------------------------------------------------------------

ordered_json PercentJson(uint64_t part, uint64_t whole) {
  const auto percent = Percent(part, whole);
  return percent.has_value() ? ordered_json(*percent) : ordered_json(nullptr);
}

ordered_json PartyJson(const poll::Party& party) {
  ordered_json json;
  json["name"] = party.name;
  json["key"] = base::Hex(party.key);
  return json;
}

ordered_json ContestJson(const poll::Definition& d, const poll::Contest& contest,
                         const poll::ContestResult& r) {
  const uint64_t cards = r.ballots + r.paper_cards;
  ordered_json json;
  json["id"] = contest.id;
  json["title"] = contest.title;
  json["question"] = contest.question;
  json["entitled"] = r.entitled;
  json["cards_online"] = r.ballots;
  json["cards_on_paper"] = r.paper_cards;
  json["cards"] = cards;
  json["withheld"] = r.withheld;
  if (r.withheld) {
    json["ballots_needed"] = LeastBallots(d);
    return json;
  }
  ordered_json options = ordered_json::array();
  for (size_t o = 0; o < contest.options.size(); ++o) {
    const uint64_t votes = r.online[o] + r.paper[o];
    ordered_json option;
    option["id"] = contest.options[o].id;
    option["text"] = contest.options[o].text;
    option["online"] = r.online[o];
    option["on_paper"] = r.paper[o];
    option["votes"] = votes;
    if (contest.options[o].project.has_value()) {
      option["project"] = ProjectJson(*contest.options[o].project,
                                      std::get<poll::Budget>(contest.decision).decimals);
    }
    if (HasPercent(contest)) {
      option["percent_of_valid"] = PercentJson(votes, r.outcome.valid);
    } else {
      option["mean_per_card"] =
          r.outcome.valid == 0 ? ordered_json(nullptr)
                               : ordered_json(Mean(Language::kEnglish, votes, r.outcome.valid));
    }
    options.push_back(std::move(option));
  }
  json["options"] = std::move(options);
  json["valid"] = r.outcome.valid;
  json["invalid_or_blank"] = r.outcome.invalid;
  ordered_json quorum;
  quorum["rule"] = QuorumName(d.quorum);
  quorum["needed"] = QuorumThreshold(d.quorum, r.entitled);
  quorum["took_part"] = cards;
  quorum["met"] = r.outcome.quorum_met;
  json["quorum"] = std::move(quorum);
  json["rule"] = DecisionName(contest.decision);
  json["outcome"] = VerdictName(r.outcome.verdict);
  json["winner"] = r.outcome.option.has_value()
                       ? ordered_json(contest.options[*r.outcome.option].id)
                       : ordered_json(nullptr);
  if (r.budget != nullptr) {
    json["currency"] = std::get<poll::Budget>(contest.decision).currency;
    json["budget"] = BudgetJson(*r.budget);
  }
  return json;
}

ordered_json CourseJson(const Facts& facts) {
  ordered_json json;
  json["pauses"] = ordered_json::array();
  for (const poll::Course::Pause& pause : facts.course.pauses) {
    ordered_json one;
    one["from"] = base::FormatUtc(pause.from);
    one["until"] = pause.until.has_value() ? ordered_json(base::FormatUtc(*pause.until))
                                           : ordered_json(nullptr);
    one["reason"] = pause.reason;
    json["pauses"].push_back(std::move(one));
  }
  json["extensions"] = ordered_json::array();
  for (const poll::Course::Extension& extension : facts.course.extensions) {
    ordered_json one;
    one["at"] = base::FormatUtc(extension.at);
    one["from"] = base::FormatUtc(extension.end_before);
    one["to"] = base::FormatUtc(extension.end);
    one["reason"] = extension.reason;
    json["extensions"].push_back(std::move(one));
  }
  json["credentials_replaced"] = facts.credentials_replaced;
  json["registers_missing"] = ordered_json::array();
  for (const poll::Course::MissingRegister& missing : facts.course.missing_registers) {
    ordered_json one;
    one["issuer"] = missing.issuer;
    one["reason"] = missing.reason;
    json["registers_missing"].push_back(std::move(one));
  }
  json["losses"] = ordered_json::array();
  for (const poll::Course::Loss& loss : facts.course.losses) {
    ordered_json one;
    one["record"] = loss.record;
    one["records_lost"] = loss.count();
    one["reason"] = loss.reason;
    json["losses"].push_back(std::move(one));
  }
  json["lot"] =
      facts.course.lot.has_value() ? ordered_json(*facts.course.lot) : ordered_json(nullptr);
  return json;
}

std::string ToJson(const Facts& facts) {
  const poll::Definition& d = *facts.definition;
  ordered_json json;
  json["format"] = "urna-result/1";
  json["state"] = facts.cancelled ? "cancelled" : "certified";
  json["poll_id"] = base::Hex(facts.poll);
  json["title"] = d.title;
  json["languages"] = d.languages;
  json["rehearsal"] = d.rehearsal;
  json["kind"] = ordered_json::array();
  for (const Phrase kind : KindsOf(d)) json["kind"].push_back(KindName(kind));
  json["casting_from"] = base::FormatUtc(d.casting_from);
  json["end"] = base::FormatUtc(facts.end);
  json["first_end"] = base::FormatUtc(d.end);
  json["concluded_at"] = base::FormatUtc(facts.course.concluded_at);
  if (facts.cancelled) {
    json["reason"] = facts.reason;
  } else {
    const poll::Result& r = *facts.result;
    const uint64_t cards = r.ballots + r.paper_cards;
    json["entitled"] = r.entitled;
    json["registers_complete"] = r.registers_complete;
    json["received_all_tokens"] = r.registers_complete
                                      ? ordered_json(facts.reconciliation->total.answered)
                                      : ordered_json(nullptr);
    json["cards_online"] = r.ballots;
    json["cards_on_paper"] = r.paper_cards;
    json["cards"] = cards;
    json["turnout_percent"] = PercentJson(cards, r.entitled);
    json["contests"] = ordered_json::array();
    for (size_t c = 0; c < d.contests.size(); ++c) {
      json["contests"].push_back(ContestJson(d, d.contests[c], r.contests[c]));
    }
    json["reconciliation"] = ReconciliationJson(d, poll::ForPrint(*facts.reconciliation, d));
  }
  json["course"] = CourseJson(facts);
  ordered_json officials = ordered_json::array(), trustees = officials, issuers = officials;
  for (const uint32_t i : facts.course.concluded_by) officials.push_back(PartyJson(d.officials[i]));
  for (const uint32_t i : facts.decrypted_by) trustees.push_back(PartyJson(d.trustees[i - 1]));
  for (const poll::Party& issuer : d.issuers) issuers.push_back(PartyJson(issuer));
  json["officials_needed"] = d.officials_needed;
  json["officials"] = std::move(officials);
  json["trustees_needed"] = d.trustees_needed;
  json["trustees"] = std::move(trustees);
  json["issuers"] = std::move(issuers);
  json["definition_sha256"] = base::Hex(facts.definition_sha256);
  json["persons_sha256"] = facts.course.persons_sha256 == crypto::Hash32{}
                               ? ordered_json(nullptr)
                               : ordered_json(base::Hex(facts.course.persons_sha256));
  ordered_json ledger;
  ledger["origin"] = facts.checkpoint.origin;
  ledger["size"] = facts.checkpoint.size;
  ledger["root"] = base::Base64(base::View(facts.checkpoint.root));
  ledger["signature"] = facts.signature;
  json["checkpoint"] = std::move(ledger);
  json["recheck"] = Commands(facts);
  return JsonEscaped(json.dump(2, ' ', false, ordered_json::error_handler_t::replace)) + "\n";
}

// --- CSV -----------------------------------------------------------------------------------------

/// A text as a cell. Spreadsheets take what begins with these characters for a formula.
std::string Cell(std::string_view raw) {
  const std::string text = Plain(raw);
  std::string cell = "\"";
  if (!text.empty() && std::string_view("=+-@").find(text[0]) != std::string_view::npos) {
    cell += '\'';
  }
  for (const char c : text) {
    if (c == '"') cell += '"';
    cell += c;
  }
  return cell + "\"";
}

std::string ToCsv(const Facts& facts) {
  const poll::Definition& d = *facts.definition;
  const Voice voice = EnglishVoice(d);
  std::string out =
      "contest,option,text,online,on_paper,votes,number,category,place_of_project,cost,currency,"
      "rank,funded,order,left_before,reason\r\n";
  for (size_t c = 0; c < d.contests.size() && facts.result.has_value(); ++c) {
    const poll::Contest& contest = d.contests[c];
    const poll::ContestResult& r = facts.result->contests[c];
    if (r.withheld) continue;
    std::vector<std::string> decided(contest.options.size(), ",,,,");
    if (r.budget != nullptr) {
      const poll::counting::BudgetOutcome& outcome = r.budget->outcome;
      std::vector<uint32_t> ranks(contest.options.size());
      for (const poll::counting::Ranked& ranked : outcome.ranking) {
        ranks[ranked.project] = ranked.place;
      }
      for (size_t i = 0; i < outcome.decisions.size(); ++i) {
        const poll::counting::Decision& decision = outcome.decisions[i];
        decided[decision.project] =
            Cat(ranks[decision.project], ",", IsFunded(decision.reason) ? "yes" : "no", ",", i + 1,
                ",", poll::counting::FormatAmount(decision.left, r.budget->profile.decimals), ",",
                Cell(DecisionText(Language::kEnglish, *r.budget, decision)));
      }
    }
    for (size_t o = 0; o < contest.options.size(); ++o) {
      const poll::Option& option = contest.options[o];
      out += Cat(contest.id, ",", option.id, ",", Cell(voice.Of(option.text)), ",", r.online[o],
                 ",", r.paper[o], ",", r.online[o] + r.paper[o], ",");
      if (option.project.has_value()) {
        const auto& budget = std::get<poll::Budget>(contest.decision);
        out += Cat(Cell(option.project->number), ",", Cell(voice.Of(option.project->category)), ",",
                   Cell(voice.Of(option.project->place)), ",",
                   poll::counting::FormatAmount(option.project->cost, budget.decimals), ",",
                   Cell(budget.currency), ",");
      } else {
        out += ",,,,,";
      }
      out += Cat(decided[o], "\r\n");
    }
  }
  return out;
}

}  // namespace

// --- Facts ---------------------------------------------------------------------------------------

absl::StatusOr<Facts> GatherFacts(const poll::State& state,
                                  const std::optional<poll::Result>& result,
                                  std::string_view checkpoint_note) {
  Facts facts;
  facts.cancelled = state.phase() == poll::Phase::kCancelled;
  if (!facts.cancelled && state.phase() != poll::Phase::kCertified) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         Cat("there is no record of the result yet: the poll is ",
                             poll::PhaseName(state.phase()), ", not certified"));
  }
  facts.definition = state.definition();
  URNA_ASSIGN_OR_RETURN(facts.checkpoint,
                        ledger::OpenCheckpoint(checkpoint_note, facts.definition->ballot_box));
  if (facts.checkpoint.size != state.size() || facts.checkpoint.root != state.root()) {
    return Broken("the checkpoint is of another ledger than the one that was read");
  }
  URNA_ASSIGN_OR_RETURN(ledger::Note note, ledger::Note::Parse(checkpoint_note));
  std::erase_if(note.signatures, [&](const ledger::NoteSignature& signature) {
    return signature.name != facts.definition->ballot_box.name ||
           signature.key_id != facts.definition->ballot_box.id();
  });
  note.signatures.resize(1);
  const std::string lines = note.ToString();
  facts.signature = base::Trim(std::string_view(lines).substr(note.text.size()));

  facts.definition_sha256 = crypto::HashSha256(state.definition_json());
  facts.poll = state.poll();
  facts.end = state.end();
  for (const poll::StyleCount& style : state.styles()) {
    facts.credentials_replaced += style.replaced;
  }
  facts.course = state.course();
  if (facts.cancelled) {
    facts.reason = state.reason();
    return facts;
  }
  facts.result = result;
  facts.reconciliation = poll::Reconcile(state);
  if (!facts.result.has_value() || !facts.reconciliation.has_value()) {
    return Broken("a certified poll without a result");
  }
  for (uint32_t j = 1; j <= facts.definition->trustees.size(); ++j) {
    for (uint32_t c = 0; c < facts.definition->contests.size(); ++c) {
      if (!state.HasShare(c, j)) continue;
      facts.decrypted_by.push_back(j);
      break;
    }
  }
  return facts;
}

absl::Status CheckSums(const Facts& facts) {
  if (facts.cancelled) return absl::OkStatus();
  const poll::Result& r = *facts.result;
  const poll::Reconciliation& all = *facts.reconciliation;
  const std::vector<std::string> broken = poll::BrokenNumbers(all, *facts.definition);
  if (!broken.empty()) return Broken(broken.front());
  URNA_RETURN_IF_ERROR(Same("in total", "entitled", r.entitled, "the roll has", all.total.roll));
  URNA_RETURN_IF_ERROR(Same("in total", "cards online", r.ballots, "ballot keys", all.total.cast));
  URNA_RETURN_IF_ERROR(
      Same("in total", "cards on paper", r.paper_cards, "the styles have", all.total.paper));
  URNA_RETURN_IF_ERROR(Same("in total", "credentials replaced", facts.credentials_replaced,
                            "the styles have", all.total.replaced));
  const bool complete =
      std::ranges::all_of(all.total.registers, [](const auto& count) { return count.has_value(); });
  URNA_RETURN_IF_ERROR(Same("registers", "complete", r.registers_complete ? 1 : 0,
                            "counted from them", complete ? 1 : 0));
  URNA_RETURN_IF_ERROR(Same("result", "contests", r.contests.size(), "the definition has",
                            facts.definition->contests.size()));
  for (uint32_t c = 0; c < r.contests.size(); ++c) {
    URNA_RETURN_IF_ERROR(CheckContest(facts, c));
  }
  return absl::OkStatus();
}

// --- Documents -----------------------------------------------------------------------------------

absl::StatusOr<Format> ParseFormat(std::string_view name) {
  if (name == "text") return Format::kText;
  if (name == "html") return Format::kHtml;
  if (name == "json") return Format::kJson;
  if (name == "csv") return Format::kCsv;
  return base::Failure(absl::StatusCode::kInvalidArgument,
                       Cat("\"", name, "\" is no format; text, html, json and csv are"));
}

absl::StatusOr<Format> FormatOfFile(std::string_view path) {
  if (path.ends_with(".txt")) return Format::kText;
  if (path.ends_with(".html")) return Format::kHtml;
  if (path.ends_with(".json")) return Format::kJson;
  if (path.ends_with(".csv")) return Format::kCsv;
  return base::Failure(
      absl::StatusCode::kInvalidArgument,
      Cat(path, ": the file's name says what to write: it must end in .txt, .html, .json or .csv"));
}

absl::StatusOr<std::string> ResultDocument(const Facts& facts, Format format) {
  URNA_RETURN_IF_ERROR(CheckSums(facts));
  if (format == Format::kJson) return ToJson(facts);
  if (format == Format::kCsv) return ToCsv(facts);
  std::vector<Page> pages;
  for (const Voice& voice : VoicesOf(*facts.definition)) {
    pages.push_back(PageMaker(facts, voice).Make());
  }
  return format == Format::kHtml ? PagesHtml(pages) : PagesText(pages);
}

}  // namespace urna::documents
