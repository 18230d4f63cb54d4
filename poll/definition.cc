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

namespace urna::poll {
namespace {

using base::Cat;
using Json = nlohmann::json;

constexpr std::string_view kFormat = "urna-definition/1";
constexpr size_t kMaxNesting = 16;
// Integers beyond 2^53 mean different numbers to different JSON readers.
constexpr uint64_t kMaxInteger = (uint64_t{1} << 53) - 1;
constexpr uint32_t kMaxSlots = 256;
// Every value of a slot costs every ballot a commitment.
constexpr uint32_t kMaxScore = 255;
// The certificate, one record, holds two 64-bit totals per option and some 60 bytes per contest.
constexpr size_t kMaxOptionsTogether = 2048;
// Each pick costs every ballot two slots, every mix and every share a point for each ballot.
constexpr uint32_t kMaxPicks = 64;

/// The last part of a rehearsal's origin begins with it; no other origin holds it.
constexpr std::string_view kRehearsal = "rehearsal";

absl::Status Invalid(std::string_view where, std::string_view why) {
  return base::Reject("definition.invalid", Cat(where, ": ", why));
}

/// At most `max` bytes of `text`, cut between characters.
std::string Shortened(std::string_view text, size_t max) {
  if (text.size() <= max) return std::string(text);
  while (max > 0 && (static_cast<uint8_t>(text[max]) & 0xc0) == 0x80) --max;
  return Cat(text.substr(0, max), "...");
}

/// A piece of the input as a message may show it.
std::string Shown(std::string_view text) {
  std::string out = Shortened(text, 60);
  for (char& c : out) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

/// Characters that a reader does not see, but that change what they see: controls (C0, C1), line
/// and paragraph separators, and the marks that turn the direction of the text around them.
bool HasHiddenControls(std::string_view utf8) {
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<uint8_t>(utf8[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && static_cast<uint8_t>(utf8[i + 1]) < 0xa0) return true;
    if (byte == 0xe2) {
      const auto second = static_cast<uint8_t>(utf8[i + 1]);
      const auto third = static_cast<uint8_t>(utf8[i + 2]);
      if (second == 0x80 && third >= 0xa8 && third <= 0xae) return true;  // U+2028..202E
      if (second == 0x81 && third >= 0xa6 && third <= 0xa9) return true;  // U+2066..2069
    }
  }
  return false;
}

/// "line 12, column 5" of the character that holds the byte at `offset`; columns count characters.
std::string LineAndColumn(std::string_view text, size_t offset) {
  offset = std::min(offset, text.size());
  while (offset < text.size() && offset > 0 &&
         (static_cast<uint8_t>(text[offset]) & 0xc0) == 0x80) {
    --offset;
  }
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto column =
      1 + std::count_if(before.begin() + static_cast<ptrdiff_t>(start), before.end(),
                        [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; });
  return Cat("line ", line, ", column ", column);
}

// --- Text to tree

/// Builds the tree and refuses what nlohmann::json lets pass: duplicate keys and deep nesting.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit TreeBuilder(std::string_view text) : text_(text) {}

  bool null() override { return Add(nullptr) != nullptr; }
  bool boolean(bool value) override { return Add(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return Add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return Add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override {
    return Add(value) != nullptr;
  }
  bool string(string_t& value) override { return Add(std::move(value)) != nullptr; }
  bool binary(binary_t&) override { return false; }  // no such thing in JSON text

  bool start_object(size_t) override { return Open(Json::object()); }
  bool start_array(size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    const bool repeated = open_.back()->contains(name);
    keys_.back() = std::move(name);
    if (repeated) status_ = Invalid(Place(), "this key appears twice");
    return !repeated;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // "[json...] parse error at line 1, column 2: WHAT; last read: 'TEXT'; expected WHAT": the text
    // read last may end within a character, and the reader has it before them anyway.
    std::string what = error.what();
    if (const size_t colon = what.find(": "); colon != std::string::npos) what.erase(0, colon + 2);
    if (const size_t read = what.find("; last read: '"); read != std::string::npos) {
      const size_t expected = what.rfind("'; expected ");
      what.erase(read, expected == std::string::npos ? expected : expected + 1 - read);
    }
    // `position` counts the bytes read, the offending one included.
    status_ = Invalid(LineAndColumn(text_, position == 0 ? 0 : position - 1), Shortened(what, 300));
    return false;
  }

  /// Why the parser was stopped.
  const absl::Status& status() const { return status_; }
  Json Take() { return std::move(root_); }

 private:
  Json* Add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[keys_.back()] = std::move(value));
  }

  bool Open(Json container) {
    Json* added = Add(std::move(container));
    open_.push_back(added);
    keys_.emplace_back();
    if (open_.size() <= kMaxNesting) return true;
    status_ = Invalid(Place(), Cat("nested deeper than ", kMaxNesting, " levels"));
    return false;
  }

  bool Close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  /// "contests[1].options[0].id".
  std::string Place() const {
    std::string place;
    for (size_t i = 0; i < open_.size(); ++i) {
      if (open_[i]->is_array()) {
        if (!open_[i]->empty()) place += Cat("[", open_[i]->size() - 1, "]");
      } else if (!keys_[i].empty()) {
        place += Cat(place.empty() ? "" : ".", Shown(keys_[i]));
      }
    }
    return place.empty() ? "definition" : place;
  }

  std::string_view text_;
  Json root_;
  std::vector<Json*> open_;        // containers from the root to where the parser is
  std::vector<std::string> keys_;  // the current key of each that is an object
  absl::Status status_;
};

absl::StatusOr<Json> ParseStrictly(std::string_view text) {
  if (text.size() > kMaxDefinitionBytes) {
    return Invalid("definition", Cat("is ", text.size(), " bytes long; at most ",
                                     kMaxDefinitionBytes, " are allowed"));
  }
  // The library takes a zero byte for the end of the text and skips a byte-order mark; other
  // readers do neither.
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return Invalid(LineAndColumn(text, zero), "a zero byte is not text");
  }
  if (text.starts_with("\xef\xbb\xbf")) {
    return Invalid("line 1, column 1", "the text begins with a byte-order mark; save it without");
  }
  if (!base::IsUtf8(text)) {
    // UTF-8 has no continuation across a line end: the first bad line holds the fault.
    size_t line = 1;
    for (const std::string_view piece : base::Split(text, '\n')) {
      if (!base::IsUtf8(piece)) break;
      ++line;
    }
    return Invalid(Cat("line ", line), "is not valid UTF-8");
  }
  TreeBuilder builder(text);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) return builder.status();
  return builder.Take();
}

// --- Tree to fields

/// One value of the tree with the path that leads to it. Like base::Reader, it remembers the first
/// fault; after it every read gives an empty result, so that code reads all fields and asks once.
class Value {
 public:
  Value(const Json& json, std::string path, absl::Status* fault)
      : json_(&json), path_(std::move(path)), fault_(fault) {}

  const std::string& path() const { return path_; }
  bool ok() const { return fault_->ok(); }
  void Fail(std::string_view why) const {
    if (fault_->ok()) *fault_ = Invalid(path_.empty() ? "definition" : path_, why);
  }

  /// Fails unless this is an object with all `required` and at most the `optional` fields besides.
  void Fields(std::initializer_list<std::string_view> required,
              std::initializer_list<std::string_view> optional = {}) const {
    if (!ok()) return;
    if (!json_->is_object()) return Fail("must be an object, { ... }");
    const auto among = [](std::string_view name, std::initializer_list<std::string_view> names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    for (const auto& item : json_->items()) {
      if (!among(item.key(), required) && !among(item.key(), optional)) {
        return Child(item.value(), Shown(item.key())).Fail("unknown field");
      }
    }
    for (const std::string_view name : required) {
      if (!Has(name)) return Child(*json_, name).Fail("is missing");
    }
  }

  bool Has(std::string_view name) const {
    return json_->is_object() && json_->contains(std::string(name));
  }

  /// The field `name`; a missing one fails.
  Value operator[](std::string_view name) const {
    static const Json kNothing;
    if (ok() && json_->is_object()) {
      const auto found = json_->find(std::string(name));
      if (found != json_->end()) return Child(*found, name);
      Child(kNothing, name).Fail("is missing");
    } else {
      Fail("must be an object, { ... }");
    }
    return Child(kNothing, name);
  }

  /// The members of an object, in ascending order of their names.
  std::vector<std::pair<std::string, Value>> Members() const {
    std::vector<std::pair<std::string, Value>> out;
    if (!json_->is_object()) {
      Fail("must be an object, { ... }");
      return out;
    }
    for (const auto& item : json_->items()) {
      out.emplace_back(item.key(), Child(item.value(), Shown(item.key())));
    }
    return out;
  }

  /// The items of an array of `lo`..`hi`.
  std::vector<Value> Items(size_t lo, size_t hi) const {
    std::vector<Value> out;
    if (!ok()) return out;
    if (!json_->is_array()) {
      Fail("must be a list, [ ... ]");
      return out;
    }
    if (json_->size() < lo || json_->size() > hi) {
      Fail(Cat("has ", json_->size(), " entries; ", lo, " to ", hi, " are allowed"));
      return out;
    }
    for (size_t i = 0; i < json_->size(); ++i) {
      out.emplace_back((*json_)[i], Cat(path_, "[", i, "]"), fault_);
    }
    return out;
  }

  uint64_t Whole(uint64_t lo, uint64_t hi) const {
    if (!ok()) return 0;
    const auto* number = json_->get_ptr<const Json::number_unsigned_t*>();
    if (number == nullptr || *number < lo || *number > hi) {
      Fail(Cat("must be a whole number from ", lo, " to ", hi));
      return 0;
    }
    return *number;
  }
  uint32_t Whole32(uint32_t lo, uint32_t hi) const { return static_cast<uint32_t>(Whole(lo, hi)); }

  bool Flag() const {
    if (!ok()) return false;
    const auto* flag = json_->get_ptr<const bool*>();
    if (flag == nullptr) Fail("must be true or false");
    return flag != nullptr && *flag;
  }

  /// Any string, even empty. `instead` says what belongs where a template still has a placeholder.
  std::string Text(std::string_view instead) const {
    if (!ok()) return {};
    const auto* text = json_->get_ptr<const std::string*>();
    if (text == nullptr) {
      Fail("must be a text in quotation marks");
      return {};
    }
    if (text->starts_with("PUT-") && text->ends_with("-HERE")) {
      Fail(Cat("put ", instead));
      return {};
    }
    if (HasHiddenControls(*text)) {
      Fail("has control characters (line breaks, tabs, marks that turn the text's direction)");
      return {};
    }
    return *text;
  }

  std::string NonEmptyText(std::string_view instead) const {
    std::string text = Text(instead);
    if (ok() && base::Trim(text).empty()) Fail("is empty");
    return text;
  }

  /// 1 to 64 of a-z, 0-9, '-' and the characters of `more`.
  std::string Id(std::string_view more = "", std::string_view instead = "a short name") const {
    std::string id = Text(instead);
    if (!ok()) return {};
    const bool fits =
        !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [&](char c) {
          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                 more.find(c) != std::string_view::npos;
        });
    if (!fits) {
      Fail(Cat("must be 1 to 64 characters, each a small letter a-z, a digit or '-'",
               more.empty() ? "" : " or '.'"));
    }
    return id;
  }

  uint64_t Time() const {
    const std::string text = Text("a time such as 2014-05-25T05:00:00Z");
    uint64_t time = 0;
    if (ok() && (text.size() != std::string_view("2014-05-25T05:00:00Z").size() ||
                 !base::ParseUtc(text, &time))) {
      Fail("must be a time in UTC such as \"2014-05-25T05:00:00Z\"");
    }
    return time;
  }

 private:
  Value Child(const Json& json, std::string_view name) const {
    return Value(json, path_.empty() ? std::string(name) : Cat(path_, ".", name), fault_);
  }

  const Json* json_;
  std::string path_;
  absl::Status* fault_;
};

/// Fails if `item` was seen before.
template <typename T>
void Distinct(std::set<T>& seen, const T& item, const Value& value, std::string_view what) {
  if (value.ok() && !seen.insert(item).second) value.Fail(Cat("the same ", what, " appears twice"));
}

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

/// A text in every one of `languages` and in no other.
Texts ReadTexts(const Value& value, const std::vector<std::string>& languages,
                bool may_be_empty = false) {
  Texts texts;
  if (!value.ok()) return texts;
  for (const auto& [language, text] : value.Members()) {
    if (std::find(languages.begin(), languages.end(), language) == languages.end()) {
      text.Fail("this language is not among the poll's languages");
    }
    texts[language] =
        may_be_empty ? text.Text("the text itself") : text.NonEmptyText("the text itself");
  }
  for (const std::string& language : languages) value[language];  // fails if it is missing
  return texts;
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
    ballot.Fields({"rule", "min", "max", "marks"});
    const crypto::Picks picks{.w = ballot["max"].Whole32(1, std::min(options, kMaxPicks)),
                              .n = options};
    contest.least_picks = ballot["min"].Whole32(0, picks.w);
    const std::string marks = ballot["marks"].Text("approval or ranked");
    contest.ranked = marks == "ranked";
    if (marks != "approval" && marks != "ranked") {
      ballot["marks"].Fail("must be \"approval\" or \"ranked\"");
    }
    return picks;
  }
  ballot["rule"].Fail("must be \"choose\", \"score\", \"points\" or \"picks\"");
  return {};
}

/// The number of the option that `value` names.
uint32_t ReadOptionName(const Value& value, const std::vector<Option>& options) {
  const std::string id = value.Text("the id of an option");
  for (uint32_t i = 0; i < options.size(); ++i) {
    if (options[i].id == id) return i;
  }
  value.Fail(Cat("no option has the id \"", Shown(id), "\""));
  return 0;
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
  value["rule"].Fail("must be \"majority\", \"two-thirds\", \"variants\" or \"none\"");
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
    item.Fields({"id", "text"});
    option.id = item["id"].Id();
    Distinct(ids, option.id, item["id"], "option id");
    option.text = ReadTexts(item["text"], languages);
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
