#include "verifier/report.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/text.h"

namespace urna::verifier {
namespace {

using base::Cat;
using nlohmann::ordered_json;
using poll::Phase;

/// Faults of one check that the terminal shows.
constexpr size_t kMaxShown = 20;
constexpr char32_t kReplacement = 0xfffd;

// --- UTF-8 -----------------------------------------------------------------------------------

/// Takes the first code point of well-formed, non-empty UTF-8.
char32_t TakeCodePoint(std::string_view& text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  constexpr std::array<uint8_t, 5> kMask = {0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t code = first & kMask[size];
  for (size_t i = 1; i < size; ++i) code = code << 6 | (static_cast<uint8_t>(text[i]) & 0x3f);
  text.remove_prefix(size);
  return code;
}

/// Characters that move the cursor, end the line or turn the direction of writing: with them a
/// poll's texts could forge lines of the report.
bool IsUnprintable(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/// Columns that well-formed UTF-8 takes in a terminal.
size_t Width(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const char32_t c = TakeCodePoint(text);
    const bool combining = (c >= 0x300 && c <= 0x36f) || (c >= 0xfe00 && c <= 0xfe0f);
    const bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xd7a3) ||
                      (c >= 0xf900 && c <= 0xfaff) || (c >= 0xff00 && c <= 0xff60) ||
                      (c >= 0x1f300 && c <= 0x1faff);
    width += combining ? 0 : wide ? 2 : 1;
  }
  return width;
}

std::string Plain(std::string_view text) {
  std::string out;
  if (!base::IsUtf8(text)) {
    for (const char c : text) out += c >= 0x20 && c < 0x7f ? c : '?';
    return out;
  }
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t c = TakeCodePoint(text);
    if (IsUnprintable(c)) {
      out += "\xef\xbf\xbd";
    } else {
      out += before.substr(0, before.size() - text.size());
    }
  }
  return out;
}

std::string PadRight(std::string_view text, size_t width) {
  const std::string plain = Plain(text);
  return plain + std::string(width - std::min(width, Width(plain)), ' ');
}

std::string PadLeft(std::string_view text, size_t width) {
  const std::string plain = Plain(text);
  return std::string(width - std::min(width, Width(plain)), ' ') + plain;
}

// --- Words -------------------------------------------------------------------------------------

std::string In(const poll::Texts& texts, const std::string& language) {
  const auto it = texts.find(language);
  return it == texts.end() ? "" : it->second;
}

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

std::string RuleWords(const poll::Contest& contest, const std::string& language) {
  const auto option = [&](uint32_t i) {
    return Cat("\"", In(contest.options[i].text, language), "\"");
  };
  return std::visit(
      Overloaded{[](const poll::NoDecision&) {
                   return std::string("totals only; the contest decides nothing by itself");
                 },
                 [&](const poll::Majority& rule) {
                   return Cat(option(rule.yes), " or ", option(rule.no),
                              " wins with more than half of the valid votes");
                 },
                 [&](const poll::TwoThirds& rule) {
                   return Cat(option(rule.yes),
                              " wins with at least two thirds of the valid votes, ", "otherwise ",
                              option(rule.no));
                 },
                 [](const poll::Variants&) {
                   return std::string("a variant wins with more than half of the valid votes");
                 }},
      contest.decision);
}

std::string QuorumWords(const poll::Quorum& quorum) {
  return std::visit(
      Overloaded{[](const poll::NoQuorum&) { return std::string("none is demanded"); },
                 [](const poll::TurnoutQuorum& q) {
                   return Cat("at least ", q.numerator, "/", q.denominator,
                              " of the entitled must take part");
                 },
                 [](const poll::RecallQuorum& q) {
                   return Cat("at least 3/5 of the ", q.voters_then,
                              " who voted in the election must take part");
                 }},
      quorum);
}

std::string OutcomeWords(const poll::Contest& contest, const poll::ContestResult& result,
                         const std::string& language) {
  switch (result.outcome.verdict) {
    case poll::counting::Verdict::kNone:
      return "no decision, totals only";
    case poll::counting::Verdict::kInvalid:
      return "not binding: the quorum was missed, nothing is decided";
    case poll::counting::Verdict::kUndecided:
      return "undecided: no option reached what it needs";
    case poll::counting::Verdict::kDecided:
      return Cat("decided: \"", In(contest.options[*result.outcome.option].text, language), "\"");
  }
  return "";
}

std::string_view OutcomeName(poll::counting::Verdict verdict) {
  switch (verdict) {
    case poll::counting::Verdict::kNone:
      return "none";
    case poll::counting::Verdict::kInvalid:
      return "invalid";
    case poll::counting::Verdict::kUndecided:
      return "undecided";
    case poll::counting::Verdict::kDecided:
      return "decided";
  }
  return "";
}

/// Whether "percent of the valid votes" says something: options are marked, not given points.
bool HasPercent(const poll::Contest& contest) {
  return std::holds_alternative<crypto::Choose>(contest.rule);
}

uint64_t Participants(const Report& report) {
  return report.distinct_ballots + (report.result.has_value() ? report.result->paper_cards : 0);
}

bool Final(Phase phase) { return phase == Phase::kCertified || phase == Phase::kCancelled; }

// --- Text ----------------------------------------------------------------------------------------

class TextWriter {
 public:
  void Line(std::string_view line = "") { out_ += Cat(Plain(line), "\n"); }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

void WriteChecks(const Report& report, TextWriter& out) {
  out.Line("Checks");
  for (const Check& check : report.checks) {
    std::string title(InfoOf(check.id).title);
    if (!check.subject.empty()) title += Cat(" ", check.subject);
    std::string note = check.note;
    if (check.verdict == Verdict::kFail) {
      note = Cat(check.fault_count, check.fault_count == 1 ? " fault" : " faults");
    }
    out.Line(Cat("  ", PadRight(VerdictName(check.verdict), 9),
                 note.empty() ? title : Cat(PadRight(title, 48), "  ", note)));
    const size_t shown = std::min(kMaxShown, check.faults.size());
    for (size_t i = 0; i < shown; ++i) {
      const Fault& fault = check.faults[i];
      const std::string where =
          fault.record.has_value() ? Cat("record ", *fault.record, " (", fault.kind, "): ") : "";
      out.Line(Cat("             ", where, fault.id, ": ", fault.text));
    }
    if (check.fault_count > shown) {
      out.Line(Cat("             … and ", check.fault_count - shown, " more"));
    }
  }
}

void WritePoll(const Report& report, TextWriter& out) {
  const poll::Definition& d = *report.definition;
  const auto field = [&](std::string_view name, std::string_view value) {
    out.Line(Cat("  ", PadRight(name, 22), value));
  };
  out.Line();
  out.Line(d.rehearsal ? "Poll  *** REHEARSAL: it decides nothing ***" : "Poll");
  for (const std::string& language : d.languages) {
    field(Cat("Title (", language, ")"), In(d.title, language));
  }
  field("Poll id", base::Hex(report.poll));
  field("State",
        Cat(poll::PhaseName(report.phase), report.reason.empty() ? "" : ": ", report.reason));
  field("Tokens from", base::FormatUtc(d.issuing_from));
  field("Casting from", base::FormatUtc(d.casting_from));
  field("End", Cat(base::FormatUtc(report.end),
                   report.end != d.end ? Cat(" (extended; first ", base::FormatUtc(d.end), ")")
                                       : std::string()));
  field("Entitled", Cat(report.entitled));
  field("Ballots recorded", Cat(report.ballot_records));
  field("Ballots counted", Cat(report.distinct_ballots, " (the last of each voter)"));
  if (report.result.has_value() && report.result->paper_cards > 0) {
    field("Cards on paper", Cat(report.result->paper_cards));
  }
  const auto turnout = Percent(Participants(report), report.entitled);
  field("Turnout", turnout.has_value()
                       ? Cat(*turnout, " % (", Participants(report), " of ", report.entitled, ")")
                       : std::string("–"));
}

void WriteContest(const Report& report, size_t index, TextWriter& out) {
  const poll::Definition& d = *report.definition;
  const poll::Contest& contest = d.contests[index];
  const poll::ContestResult& result = report.result->contests[index];
  const std::string& language = d.languages[0];
  out.Line();
  out.Line(Cat(d.rehearsal ? "REHEARSAL " : "", "Contest ", contest.id, ": ",
               In(contest.title, language)));
  out.Line(Cat("  ", In(contest.question, language)));
  if (result.withheld) {
    out.Line(Cat("  Withheld: ", result.ballots, " ballots are fewer than the ",
                 std::max<uint64_t>(2, d.minimum_ballots),
                 " that may be decrypted; nobody may learn these votes."));
    return;
  }
  size_t name_width = 6;
  for (const poll::Option& option : contest.options) {
    name_width = std::max(name_width, Width(Plain(In(option.text, language))));
  }
  const bool percent = HasPercent(contest);
  const bool paper = report.result->paper_cards > 0;
  const auto row = [&](std::string_view name, std::string_view online, std::string_view on_paper,
                       std::string_view votes, std::string_view share) {
    out.Line(Cat("    ", PadRight(name, name_width),
                 paper ? Cat(PadLeft(online, 12), PadLeft(on_paper, 12)) : std::string(),
                 PadLeft(votes, 12), percent ? PadLeft(share, 20) : std::string()));
  };
  row("Option", "online", "on paper", "votes", "% of valid votes");
  for (size_t o = 0; o < contest.options.size(); ++o) {
    const uint64_t votes = result.online[o] + result.paper[o];
    row(In(contest.options[o].text, language), Cat(result.online[o]), Cat(result.paper[o]),
        Cat(votes), Percent(votes, result.outcome.valid).value_or("–"));
  }
  const uint64_t participants = result.ballots + result.paper_cards;
  out.Line(Cat("  Entitled ", result.entitled, ", ballots ", participants, ", valid votes ",
               result.outcome.valid, ", invalid or blank ", result.outcome.invalid));
  const bool demanded = !std::holds_alternative<poll::NoQuorum>(d.quorum);
  out.Line(Cat("  Quorum: ", QuorumWords(d.quorum),
               !demanded                   ? ""
               : result.outcome.quorum_met ? ": met"
                                           : ": NOT met"));
  out.Line(Cat("  Rule: ", RuleWords(contest, language)));
  out.Line(Cat("  Outcome: ", OutcomeWords(contest, result, language)));
}

}  // namespace

// --- Checks ------------------------------------------------------------------------------------

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "PASS";
    case Verdict::kFail:
      return "FAIL";
    case Verdict::kSkipped:
      return "SKIPPED";
  }
  return "";
}

void Check::Fail(Fault fault) {
  verdict = Verdict::kFail;
  note.clear();
  ++fault_count;
  if (faults.size() < kMaxKept) faults.push_back(std::move(fault));
}

void Check::Pass(std::string_view why) {
  if (verdict == Verdict::kFail) return;
  verdict = Verdict::kPass;
  note = why;
}

void Check::Skip(std::string_view why) {
  if (verdict == Verdict::kFail) return;
  verdict = Verdict::kSkipped;
  note = why;
}

bool Report::failed() const {
  return std::ranges::any_of(checks, [](const Check& c) { return c.verdict == Verdict::kFail; });
}

int Report::ExitCode() const {
  if (failed()) return kExitFailed;
  return pinned && Final(phase) ? kExitClean : kExitIncomplete;
}

std::string Report::Summary() const {
  const std::string rehearsal =
      definition != nullptr && definition->rehearsal ? " This poll is a REHEARSAL." : "";
  if (failed()) {
    std::string names;
    uint64_t count = 0;
    for (const Check& check : checks) {
      if (check.verdict != Verdict::kFail) continue;
      ++count;
      names += Cat(names.empty() ? "" : ", ", InfoOf(check.id).name);
    }
    return Cat("FAILED: ", count, count == 1 ? " check" : " checks", " failed (", names,
               "). Do not trust this ledger or any result drawn from it.", rehearsal);
  }
  const std::string unpinned =
      " Whether this is the poll you mean was not checked: name its id with --poll.";
  if (!Final(phase)) {
    return Cat("INCOMPLETE: nothing is wrong so far, but the poll is not certified (it is ",
               poll::PhaseName(phase), ").", pinned ? "" : unpinned, rehearsal);
  }
  const std::string_view found =
      phase == Phase::kCertified
          ? "every check that could be made passed, and the certified result follows from this "
            "ledger."
          : "every check that could be made passed; the poll was cancelled and has no result.";
  if (!pinned) return Cat("INCOMPLETE: ", found, unpinned, rehearsal);
  return Cat("VERIFIED: ", found, rehearsal);
}

std::optional<std::string> Percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return std::nullopt;
  using Wide = unsigned __int128;
  const Wide hundredths = (Wide{20000} * part + whole) / (Wide{2} * whole);
  const auto whole_percent = static_cast<uint64_t>(hundredths / 100);
  const auto rest = static_cast<uint64_t>(hundredths % 100);
  return Cat(whole_percent, rest < 10 ? ".0" : ".", rest);
}

std::string ToText(const Report& report) {
  TextWriter out;
  out.Line(Cat("urna-verify: audit of the ledger in ", report.folder, ", ", report.records_read,
               " of ", report.size, " records read"));
  out.Line();
  WriteChecks(report, out);
  if (report.definition != nullptr) {
    WritePoll(report, out);
    if (report.result.has_value()) {
      if (report.failed()) {
        out.Line();
        out.Line("NOT TRUSTWORTHY: a check above failed; the totals below prove nothing.");
      }
      for (size_t c = 0; c < report.result->contests.size(); ++c) WriteContest(report, c, out);
    }
  }
  out.Line();
  out.Line(report.Summary());
  return out.Take();
}

// --- JSON ----------------------------------------------------------------------------------------

namespace {

ordered_json PercentJson(uint64_t part, uint64_t whole) {
  const auto percent = Percent(part, whole);
  return percent.has_value() ? ordered_json(*percent) : ordered_json(nullptr);
}

ordered_json CheckJson(const Check& check) {
  ordered_json faults = ordered_json::array();
  for (const Fault& fault : check.faults) {
    ordered_json entry;
    if (fault.record.has_value()) {
      entry["record"] = *fault.record;
      entry["kind"] = fault.kind;
    }
    entry["id"] = fault.id;
    entry["text"] = fault.text;
    faults.push_back(std::move(entry));
  }
  ordered_json json;
  json["check"] = InfoOf(check.id).name;
  json["title"] = InfoOf(check.id).title;
  if (!check.subject.empty()) json["subject"] = check.subject;
  json["verdict"] = VerdictName(check.verdict);
  json["note"] = check.note;
  json["fault_count"] = check.fault_count;
  json["faults"] = std::move(faults);
  return json;
}

ordered_json ContestJson(const poll::Definition& d, const poll::Contest& contest,
                         const poll::ContestResult& result) {
  ordered_json json;
  json["id"] = contest.id;
  json["title"] = contest.title;
  json["question"] = contest.question;
  json["entitled"] = result.entitled;
  json["ballots_online"] = result.ballots;
  json["cards_on_paper"] = result.paper_cards;
  json["withheld"] = result.withheld;
  if (result.withheld) return json;
  ordered_json options = ordered_json::array();
  for (size_t o = 0; o < contest.options.size(); ++o) {
    const uint64_t votes = result.online[o] + result.paper[o];
    ordered_json option;
    option["id"] = contest.options[o].id;
    option["text"] = contest.options[o].text;
    option["online"] = result.online[o];
    option["on_paper"] = result.paper[o];
    option["votes"] = votes;
    if (HasPercent(contest)) {
      option["percent_of_valid"] = PercentJson(votes, result.outcome.valid);
    }
    options.push_back(std::move(option));
  }
  json["options"] = std::move(options);
  json["valid"] = result.outcome.valid;
  json["invalid_or_blank"] = result.outcome.invalid;
  json["quorum"] = QuorumWords(d.quorum);
  json["quorum_met"] = result.outcome.quorum_met;
  json["rule"] = RuleWords(contest, d.languages[0]);
  json["outcome"] = OutcomeName(result.outcome.verdict);
  json["winner"] = result.outcome.option.has_value()
                       ? ordered_json(contest.options[*result.outcome.option].id)
                       : ordered_json(nullptr);
  json["outcome_text"] = OutcomeWords(contest, result, d.languages[0]);
  return json;
}

}  // namespace

std::string ToJson(const Report& report) {
  ordered_json json;
  json["format"] = "urna-report/1";
  json["export"] = report.folder;
  json["exit_code"] = report.ExitCode();
  json["summary"] = report.Summary();
  json["ledger"] = {{"records_promised", report.size},
                    {"records_read", report.records_read},
                    {"root", base::Hex(report.root)},
                    {"poll_id", base::Hex(report.poll)},
                    {"poll_id_pinned", report.pinned}};
  ordered_json checks = ordered_json::array();
  for (const Check& check : report.checks) checks.push_back(CheckJson(check));
  json["checks"] = std::move(checks);
  if (report.definition != nullptr) {
    const poll::Definition& d = *report.definition;
    ordered_json poll;
    poll["title"] = d.title;
    poll["languages"] = d.languages;
    poll["rehearsal"] = d.rehearsal;
    poll["state"] = poll::PhaseName(report.phase);
    poll["reason"] = report.reason;
    poll["issuing_from"] = base::FormatUtc(d.issuing_from);
    poll["casting_from"] = base::FormatUtc(d.casting_from);
    poll["end"] = base::FormatUtc(report.end);
    poll["entitled"] = report.entitled;
    poll["ballots_recorded"] = report.ballot_records;
    poll["ballots_counted"] = report.distinct_ballots;
    poll["turnout_percent"] = PercentJson(Participants(report), report.entitled);
    json["poll"] = std::move(poll);
    if (report.result.has_value()) {
      ordered_json contests = ordered_json::array();
      for (size_t c = 0; c < d.contests.size(); ++c) {
        contests.push_back(ContestJson(d, d.contests[c], report.result->contests[c]));
      }
      json["result"] = {{"trustworthy", !report.failed()},
                        {"certified", report.phase == Phase::kCertified},
                        {"cards_on_paper", report.result->paper_cards},
                        {"registers_complete", report.result->registers_complete},
                        {"contests", std::move(contests)}};
    }
  }
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace urna::verifier
