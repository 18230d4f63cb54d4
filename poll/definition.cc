#include "poll/definition.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "ledger/record.h"
#include "poll/definition_budget.h"
#include "poll/definition_json.h"

namespace urna::poll {
namespace {

using base::Cat;
using Json = nlohmann::json;

constexpr std::string_view kFormat = "urna-definition/1";
constexpr uint32_t kMaxSlots = 256;
// Every value of a slot costs every ballot a commitment.
constexpr uint32_t kMaxScore = 255;
// The certificate, one record, holds two 64-bit totals per option, a number for each that is
// funded, and some 80 bytes per contest.
constexpr size_t kMaxOptionsTogether = 2048;
// Each pick costs every ballot two slots, every mix and every share a point for each ballot.
constexpr uint32_t kMaxPicks = 64;

/// The last part of a rehearsal's origin begins with it; no other origin holds it.
constexpr std::string_view kRehearsal = "rehearsal";

std::vector<std::string> ReadLanguages(const Value& value) {
  std::vector<std::string> languages;
  std::set<std::string> seen;
  for (const Value& item : value.Items(1, 32)) {
    const std::string tag = item.Text("a language tag such as pl");
    if (!item.ok()) return {};
    const std::vector<std::string_view> subtags = base::Split(tag, '-');
    bool fits = subtags[0].size() == 2 || subtags[0].size() == 3;
    for (size_t i = 0; i < subtags.size(); ++i) {
      fits = fits && !subtags[i].empty() && subtags[i].size() <= 8 &&
             std::all_of(subtags[i].begin(), subtags[i].end(), [i](char c) {
               return (c >= 'a' && c <= 'z') || (i > 0 && c >= '0' && c <= '9');
             });
    }
    if (!fits) item.Fail("must be a language tag in small letters, such as \"pl\" or \"zh-hant\"");
    Distinct(seen, tag, item, "language");
    languages.push_back(tag);
  }
  return languages;
}

/// The ballot rule of `contest`, whose options are known.
crypto::Rule ReadRule(const Value& ballot, Contest& contest) {
  const auto options = static_cast<uint32_t>(contest.options.size());
  const std::string rule = ballot["rule"].Text("the name of a rule");
  if (!ballot.ok()) return {};
  if (rule == "choose") {
    ballot.Fields({"rule", "min", "max"});
    return crypto::Choose{.lo = ballot["min"].Whole32(0, options),
                          .hi = ballot["max"].Whole32(1, options),
                          .n = options};
  }
  if (rule == "score") {
    ballot.Fields({"rule", "max"}, {"total"});
    crypto::Score score{.max = ballot["max"].Whole32(1, kMaxScore), .n = options};
    if (ballot.ok() && ballot.Has("total")) {
      const Value total = ballot["total"];
      total.Fields({"min", "max"});
      score.has_total = true;
      score.total_hi = total["max"].Whole32(0, score.max * options);
      score.total_lo = total["min"].Whole32(0, score.total_hi);
    }
    return score;
  }
  if (rule == "points") {
    ballot.Fields({"rule", "k"});
    return crypto::Points{.k = ballot["k"].Whole32(1, 5), .n = options};
  }
  if (rule == "picks") {
    ballot.Fields({"rule", "min", "max", "marks"}, {"cost_limit"});
    const crypto::Picks picks{.w = ballot["max"].Whole32(1, std::min(options, kMaxPicks)),
                              .n = options};
    contest.least_picks = ballot["min"].Whole32(0, picks.w);
    const std::string marks = ballot["marks"].Text("approval or ranked");
    contest.ranked = marks == "ranked";
    if (marks != "approval" && marks != "ranked") {
      ballot["marks"].Fail("must be \"approval\" or \"ranked\"");
    }
    if (ballot.ok() && ballot.Has("cost_limit")) {
      contest.cost_limit = ballot["cost_limit"].Whole(1, kMaxInteger);
    }
    return picks;
  }
  ballot["rule"].Fail("must be \"choose\", \"score\", \"points\" or \"picks\"");
  return {};
}

Decision ReadDecision(const Value& value, const Contest& contest) {
  const std::string rule = value["rule"].Text("the name of a rule");
  if (!value.ok()) return NoDecision{};
  const auto* choose = std::get_if<crypto::Choose>(&contest.rule);
  const bool one_choice = choose != nullptr && choose->hi == 1;
  if (rule == "none") {
    value.Fields({"rule"});
    return NoDecision{};
  }
  if (rule == "majority" || rule == "two-thirds") {
    value.Fields({"rule", "yes", "no"});
    if (!one_choice || contest.options.size() != 2) {
      value["rule"].Fail(Cat("\"", rule,
                             "\" is for a contest of two options with the ballot rule \"choose\" "
                             "and max 1"));
    }
    const uint32_t yes = ReadOptionName(value["yes"], contest.options);
    const uint32_t no = ReadOptionName(value["no"], contest.options);
    if (value.ok() && yes == no) value["no"].Fail("must be another option than \"yes\" names");
    if (rule == "majority") return Majority{.yes = yes, .no = no};
    return TwoThirds{.yes = yes, .no = no};
  }
  if (rule == "variants") {
    value.Fields({"rule"});
    if (!one_choice || contest.options.size() < 2) {
      value["rule"].Fail(
          "\"variants\" is for a contest of two or more options with the ballot rule \"choose\" "
          "and max 1");
    }
    return Variants{};
  }
  if (rule == "budget") return ReadBudget(value, contest);
  value["rule"].Fail("must be \"majority\", \"two-thirds\", \"variants\", \"budget\" or \"none\"");
  return NoDecision{};
}

Contest ReadContest(const Value& value, const std::vector<std::string>& languages) {
  Contest contest;
  value.Fields({"id", "title", "question", "options", "ballot", "tally", "decision"});
  if (!value.ok()) return contest;
  contest.id = value["id"].Id();
  // What trustees prove outside of the tally carries these instead of a contest's id.
  if (contest.id == "self-test" || contest.id == "rehearsal") {
    value["id"].Fail(Cat("\"", contest.id, "\" is reserved"));
    return contest;
  }
  contest.title = ReadTexts(value["title"], languages);
  contest.question = ReadTexts(value["question"], languages);

  std::set<std::string> ids;
  for (const Value& item : value["options"].Items(1, kMaxSlots)) {
    Option option;
    item.Fields({"id", "text"}, {"project"});
    option.id = item["id"].Id();
    Distinct(ids, option.id, item["id"], "option id");
    option.text = ReadTexts(item["text"], languages);
    if (item.ok() && item.Has("project")) option.project = ReadProject(item["project"], languages);
    if (!item.ok()) return contest;
    contest.options.push_back(std::move(option));
  }
  if (!value.ok()) return contest;

  contest.rule = ReadRule(value["ballot"], contest);
  if (!value.ok()) return contest;
  if (const absl::Status rule = crypto::CheckRule(contest.rule); !rule.ok()) {
    value["ballot"].Fail(std::string_view(rule.message().data(), rule.message().size()));
  }

  const std::string tally = value["tally"].Text("homomorphic or mixed");
  const bool picks = std::holds_alternative<crypto::Picks>(contest.rule);
  if (tally != "homomorphic" && tally != "mixed") {
    value["tally"].Fail("must be \"homomorphic\" or \"mixed\"");
  } else if (picks != (tally == "mixed")) {
    value["tally"].Fail(picks ? "must be \"mixed\": picks cannot be added up"
                              : "must be \"homomorphic\": only the ballot rule \"picks\" is mixed");
  }
  contest.tally = picks ? TallyKind::kMixed : TallyKind::kHomomorphic;
  contest.decision = ReadDecision(value["decision"], contest);
  if (value.ok()) CheckProjects(value["options"].Items(1, kMaxSlots), contest);
  if (value.ok() && contest.cost_limit.has_value() &&
      !std::holds_alternative<Budget>(contest.decision)) {
    value["ballot"]["cost_limit"].Fail("belongs to the decision \"budget\"");
  }
  return contest;
}

std::vector<Contest> ReadContests(const Value& value, const std::vector<std::string>& languages) {
  std::vector<Contest> contests;
  std::set<std::string> ids;
  size_t options = 0;
  for (const Value& item : value.Items(1, 256)) {
    contests.push_back(ReadContest(item, languages));
    if (!item.ok()) return contests;
    Distinct(ids, contests.back().id, item["id"], "contest id");
    options += contests.back().options.size();
  }
  if (options > kMaxOptionsTogether) {
    value.Fail(Cat("all contests together have ", options, " options; the certificate holds ",
                   kMaxOptionsTogether));
  }
  return contests;
}

std::vector<Style> ReadStyles(const Value& value, const Value& contests_value,
                              const std::vector<Contest>& contests,
                              const std::vector<std::string>& languages) {
  std::vector<Style> styles;
  std::set<std::string> ids;
  std::vector<bool> used(contests.size(), false);
  for (const Value& item : value.Items(1, 256)) {
    Style style;
    item.Fields({"id", "title", "contests"});
    style.id = item["id"].Id();
    Distinct(ids, style.id, item["id"], "style id");
    style.title = ReadTexts(item["title"], languages);
    for (const Value& name : item["contests"].Items(1, contests.size())) {
      const std::string id = name.Text("the id of a contest");
      const auto found = std::find_if(contests.begin(), contests.end(),
                                      [&](const Contest& contest) { return contest.id == id; });
      if (found == contests.end()) {
        name.Fail(Cat("no contest has the id \"", Shown(id), "\""));
        return styles;
      }
      const auto index = static_cast<uint32_t>(found - contests.begin());
      if (!style.contests.empty() && index <= style.contests.back()) {
        name.Fail("contests must stand in the order of the definition, each once");
      }
      style.contests.push_back(index);
      used[index] = true;
    }
    if (!item.ok()) return styles;
    styles.push_back(std::move(style));
  }
  if (!value.ok()) return styles;
  const std::vector<Value> items = contests_value.Items(1, 256);
  for (size_t i = 0; i < contests.size(); ++i) {
    if (!used[i]) items[i].Fail(Cat("no style has the contest \"", contests[i].id, "\""));
  }
  return styles;
}

Quorum ReadQuorum(const Value& value) {
  const std::string rule = value["rule"].Text("the name of a rule");
  if (!value.ok()) return NoQuorum{};
  if (rule == "none") {
    value.Fields({"rule"});
    return NoQuorum{};
  }
  if (rule == "turnout") {
    value.Fields({"rule", "numerator", "denominator"});
    TurnoutQuorum quorum{};
    quorum.denominator = value["denominator"].Whole(1, kMaxInteger);
    quorum.numerator = value["numerator"].Whole(1, quorum.denominator);
    return quorum;
  }
  if (rule == "recall") {
    value.Fields({"rule", "voters_then"});
    return RecallQuorum{.voters_then = value["voters_then"].Whole(1, kMaxInteger)};
  }
  value["rule"].Fail("must be \"turnout\", \"recall\" or \"none\"");
  return NoQuorum{};
}

/// Every key that has a role so far, and whose it is.
using KeyOwners = std::map<crypto::Ed25519Public, std::string>;

void Own(KeyOwners& owners, const crypto::Ed25519Public& key, const Value& value) {
  if (!value.ok()) return;
  if (!crypto::IsEd25519PublicKey(key)) {
    return value.Fail("is no Ed25519 public key (check that it was copied whole)");
  }
  const auto [owner, added] = owners.emplace(key, value.path());
  if (!added) {
    value.Fail(Cat("is the key of ", owner->second,
                   " too; everyone in a poll, and every role, has a key of their own"));
  }
}

crypto::Ed25519Public ReadKey(const Value& value, std::string_view printed_by, KeyOwners& owners) {
  crypto::Ed25519Public key{};
  const std::string hex = value.Text(Cat("the 64 hexadecimal digits that ", printed_by));
  if (!value.ok()) return key;
  if (!base::Unhex(hex, key)) {
    value.Fail(Cat("must be the 64 hexadecimal digits that ", printed_by));
  }
  Own(owners, key, value);
  return key;
}

std::vector<Party> ReadParties(const Value& value, size_t max, std::string_view printed_by,
                               KeyOwners& owners) {
  std::vector<Party> parties;
  for (const Value& item : value.Items(1, max)) {
    Party party;
    item.Fields({"name", "key"});
    party.name = item["name"].NonEmptyText("the name of the person or body that holds this key");
    party.key = ReadKey(item["key"], printed_by, owners);
    if (!item.ok()) return parties;
    parties.push_back(std::move(party));
  }
  return parties;
}

void ReadTimes(const Value& value, Definition& definition) {
  value.Fields({"issuing_from", "casting_from", "end", "latest_end"});
  definition.issuing_from = value["issuing_from"].Time();
  definition.casting_from = value["casting_from"].Time();
  definition.end = value["end"].Time();
  definition.latest_end = value["latest_end"].Time();
  if (!value.ok()) return;
  if (definition.casting_from < definition.issuing_from) {
    value["casting_from"].Fail("casting cannot start before issuing_from");
  }
  if (definition.end <= definition.casting_from) {
    value["end"].Fail("must be later than casting_from");
  }
  if (definition.latest_end < definition.end) {
    value["latest_end"].Fail("must not be earlier than end");
  }
}

void ReadWitnesses(const Value& value, KeyOwners& owners, Definition& definition) {
  value.Fields({"needed", "list"});
  for (const Value& item : value["list"].Items(0, 32)) {
    const std::string text = item.Text("the line that the witness publishes as its verifier key");
    if (!item.ok()) return;
    const absl::StatusOr<ledger::NoteKey> key = ledger::NoteKey::Parse(text);
    if (!key.ok()) {
      return item.Fail(
          Cat("is no verifier key: ",
              std::string_view(key.status().message().data(), key.status().message().size())));
    }
    if (key->type != ledger::kTypeCosignature) {
      return item.Fail("is no witness's key: its type must be 4, cosignature/v1");
    }
    Own(owners, key->key, item);
    definition.witnesses.push_back(*key);
  }
  definition.witnesses_needed =
      value["needed"].Whole32(0, static_cast<uint32_t>(definition.witnesses.size()));
}

/// What the poll's records have to hold must fit them.
void CheckSizes(const Value& root, const Definition& definition) {
  if (!root.ok()) return;
  size_t widest = 0;
  const std::vector<Value> contests = root["contests"].Items(1, 256);
  for (size_t i = 0; i < contests.size(); ++i) {
    const uint32_t slots = crypto::SlotCount(definition.contests[i].rule);
    if (slots > crypto::SlotCount(definition.contests[widest].rule)) widest = i;
  }

  // 2: the style's number stands before the ballot.
  constexpr size_t kMaxBallot = ledger::kMaxPayloadBytes - 2;
  constexpr size_t kLeastBytesPerSlot = 96;
  const std::vector<Value> styles = root["styles"].Items(1, 256);
  for (uint32_t i = 0; i < styles.size(); ++i) {
    size_t slots = 0;
    for (const uint32_t contest : definition.styles[i].contests) {
      slots += crypto::SlotCount(definition.contests[contest].rule);
    }
    // The cheap bound first: the exact size takes building all constraints.
    size_t size = slots * kLeastBytesPerSlot;
    if (size <= kMaxBallot) size = definition.Shape(i).encoded_size();
    if (size > kMaxBallot) {
      return styles[i].Fail(Cat("a ballot of this style would have at least ", size,
                                " bytes, a record holds ", kMaxBallot, "; it has ",
                                definition.styles[i].contests.size(), " contests with ", slots,
                                " options in all: reduce one of them, or the largest score"));
    }
  }

  const size_t keys = definition.keys();
  const size_t needed = definition.trustees_needed;
  const size_t trustees = definition.trustees.size();
  // trustee | F | U z | sealed shares | signature
  const size_t deal = 1 + keys * needed * 32 + 64 + trustees * (keys * 32 + 48) + 64;
  if (deal > ledger::kMaxPayloadBytes) {
    root["trustees"].Fail(Cat("a trustee's part in the key ceremony would have ", deal,
                              " bytes, a record holds ", ledger::kMaxPayloadBytes, "; there are ",
                              trustees, " trustees, ", needed, " needed, and the widest contest (",
                              contests[widest].path(), ") has ", keys,
                              " options: reduce one of these numbers"));
  }
}

/// Checkpoints and receipts carry the origin and nothing else about the poll: it alone must tell a
/// rehearsal from a real poll.
void CheckOrigin(const Value& origin, const Definition& definition) {
  const std::string& name = definition.ballot_box.name;
  const std::string_view last = std::string_view(name).substr(name.rfind('/') + 1);
  if (definition.rehearsal && !last.starts_with(kRehearsal)) {
    origin.Fail(Cat("this is a rehearsal: the part after the last '/' must begin with \"",
                    kRehearsal, "\", such as votes.example.org/2030/rehearsal"));
  }
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c;
  });
  if (!definition.rehearsal && lower.find(kRehearsal) != std::string::npos) {
    origin.Fail(
        Cat("this is no rehearsal: its origin must not hold the word \"", kRehearsal, "\""));
  }
}

}  // namespace

uint32_t PointsOfPick(const Contest& contest, size_t place) {
  if (!contest.ranked) return 1;
  return std::get<crypto::Picks>(contest.rule).w - static_cast<uint32_t>(place);
}

uint64_t LargestMark(const Contest& contest) {
  return contest.tally == TallyKind::kMixed ? PointsOfPick(contest, 0)
                                            : crypto::LargestValue(contest.rule);
}

uint32_t Definition::keys() const {
  uint32_t widest = 0;
  for (const Contest& contest : contests) {
    widest = std::max(widest, crypto::SlotCount(contest.rule));
  }
  return widest;
}

crypto::BallotShape Definition::Shape(uint32_t style) const {
  crypto::BallotShape shape;
  shape.style = styles[style].id;
  for (const uint32_t contest : styles[style].contests) {
    shape.contests.push_back({contests[contest].id, contests[contest].rule});
  }
  shape.issuers = static_cast<uint32_t>(issuers.size());
  return shape;
}

absl::StatusOr<Definition> ParseDefinition(std::string_view json) {
  URNA_ASSIGN_OR_RETURN(const Json tree, ParseStrictly(json));
  absl::Status fault;
  const Value root(tree, "", &fault);
  Definition definition;

  // First, so that a text of another kind is not blamed for its fields.
  if (root["format"].Text("the format") != kFormat) {
    root["format"].Fail(Cat("must be \"", kFormat, "\""));
  }
  root.Fields({"format", "roll_label", "rehearsal", "languages", "title", "description", "contests",
               "styles", "quorum", "officials", "trustees", "issuers", "ballot_box", "witnesses",
               "times", "publish_every", "minimum_ballots", "revoting"});
  if (!fault.ok()) return fault;

  definition.roll_label = root["roll_label"].Id(".", "a short name for the roll of voters");
  definition.rehearsal = root["rehearsal"].Flag();
  definition.languages = ReadLanguages(root["languages"]);
  definition.title = ReadTexts(root["title"], definition.languages);
  definition.description =
      ReadTexts(root["description"], definition.languages, /*may_be_empty=*/true);
  definition.contests = ReadContests(root["contests"], definition.languages);
  if (!fault.ok()) return fault;
  definition.styles =
      ReadStyles(root["styles"], root["contests"], definition.contests, definition.languages);
  definition.quorum = ReadQuorum(root["quorum"]);

  KeyOwners owners;
  const Value officials = root["officials"];
  officials.Fields({"needed", "list"});
  definition.officials = ReadParties(officials["list"], 32, "`urna official key` printed", owners);
  definition.officials_needed =
      officials["needed"].Whole32(1, static_cast<uint32_t>(definition.officials.size()));
  const Value trustees = root["trustees"];
  trustees.Fields({"needed", "list"});
  definition.trustees = ReadParties(trustees["list"], 32, "`urna trustee key` printed", owners);
  definition.trustees_needed =
      trustees["needed"].Whole32(1, static_cast<uint32_t>(definition.trustees.size()));
  definition.issuers =
      ReadParties(root["issuers"], 8, "the issuer's server shows as its key", owners);

  const Value box = root["ballot_box"];
  box.Fields({"origin", "key"});
  definition.ballot_box.name = box["origin"].Text(
      "the name under which this ledger is published, such as votes.example.org/krakow-2030");
  if (fault.ok() && (!ledger::IsNoteName(definition.ballot_box.name) ||
                     definition.ballot_box.name.size() > 255)) {
    box["origin"].Fail("must be a name of 1 to 255 bytes without spaces and '+'");
  }
  CheckOrigin(box["origin"], definition);
  definition.ballot_box.type = ledger::kTypeEd25519;
  definition.ballot_box.key =
      ReadKey(box["key"], "the ballot box's server shows as its key", owners);
  ReadWitnesses(root["witnesses"], owners, definition);

  ReadTimes(root["times"], definition);
  definition.publish_every = root["publish_every"].Whole(1, 86400);
  definition.minimum_ballots = root["minimum_ballots"].Whole(2, kMaxInteger);
  definition.revoting = root["revoting"].Flag();
  CheckSizes(root, definition);
  if (!fault.ok()) return fault;
  return definition;
}

std::string StripTemplateComments(std::string_view text) {
  std::string out;
  bool first = true;
  for (const std::string_view line : base::Split(text, '\n')) {
    if (!first) out += '\n';
    first = false;
    if (!base::Trim(line).starts_with("//")) out += line;
  }
  return out;
}

}  // namespace urna::poll
