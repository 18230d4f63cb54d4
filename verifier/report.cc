#include "verifier/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "documents/budget.h"
#include "documents/phrases.h"
#include "documents/reconciliation.h"
#include "documents/text.h"
#include "documents/words.h"

namespace urna::verifier {
namespace {

using base::Cat;
using documents::HasPercent;
using documents::PadLeft;
using documents::PadRight;
using documents::Percent;
using documents::Plain;
using documents::Width;
using nlohmann::ordered_json;
using poll::Phase;

/// Faults of one check that the terminal shows.
constexpr size_t kMaxShown = 20;

// --- Words -----------------------------------------------------------------------------------

std::string In(const poll::Texts& texts, const std::string& language) {
  const auto it = texts.find(language);
  return it == texts.end() ? "" : it->second;
}

uint64_t Participants(const Report& report) {
  return report.distinct_ballots + (report.result.has_value() ? report.result->paper_cards : 0);
}

/// "" for none.
std::string Count(uint64_t number, std::string_view one, std::string_view many) {
  return number == 0 ? "" : Cat(number, " ", number == 1 ? one : many);
}

std::string Words(const Taken& taken) {
  const std::string ballots = Count(taken.ballots, "ballot", "ballots");
  const std::string entries = Count(taken.register_entries, "register entry", "register entries");
  return Cat("The proofs of ", ballots, ballots.empty() || entries.empty() ? "" : " and ", entries,
             " were not checked again: that they hold is what you say who audited ", taken.from,
             ". Without --since all are checked.");
}

bool Final(Phase phase) { return phase == Phase::kCertified || phase == Phase::kCancelled; }

// --- Text ----------------------------------------------------------------------------------------

class TextWriter {
 public:
  void Line(std::string_view line = "") { out_ += Cat(Plain(line), "\n"); }
  /// Text whose lines are harmless already.
  void Harmless(std::string_view lines) { out_ += lines; }
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
  field("Ledger's key", d.ballot_box.ToString());
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

void WriteOutcome(const Report& report, size_t index, const documents::Voice& voice,
                  TextWriter& out) {
  const poll::Definition& d = *report.definition;
  const poll::ContestResult& result = report.result->contests[index];
  const uint64_t participants = result.ballots + result.paper_cards;
  out.Line(Cat("  Entitled ", result.entitled, ", ballots ", participants, ", valid votes ",
               result.outcome.valid, ", invalid or blank ", result.outcome.invalid));
  out.Line(Cat("  Quorum: ", documents::QuorumOutcome(voice.words, d.quorum, result.entitled,
                                                      participants, result.outcome.quorum_met)));
  out.Line(Cat("  Rule: ", documents::DecisionRule(voice, d.contests[index])));
  out.Line(Cat("  Outcome: ", documents::VerdictText(voice, d.contests[index], result)));
}

void WriteBudget(const Report& report, size_t index, const documents::Voice& voice,
                 TextWriter& out) {
  const poll::Contest& contest = report.definition->contests[index];
  WriteOutcome(report, index, voice, out);
  for (const documents::Block& block :
       documents::BudgetBlocks(voice, contest, report.result->contests[index])) {
    if (const auto* table = std::get_if<documents::Table>(&block)) {
      out.Line();
      out.Line(Cat("  ", table->caption, ":"));
      out.Harmless(documents::TableText(*table, 2));
    }
  }
  for (const std::string& line :
       documents::SharesText(voice.words, *report.result->contests[index].budget)) {
    out.Line(Cat("  ", line));
  }
}

void WriteContest(const Report& report, size_t index, TextWriter& out) {
  const poll::Definition& d = *report.definition;
  const poll::Contest& contest = d.contests[index];
  const poll::ContestResult& result = report.result->contests[index];
  const documents::Voice voice = documents::EnglishVoice(d);
  const std::string& language = voice.texts;
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
  if (result.budget != nullptr) return WriteBudget(report, index, voice, out);
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
  WriteOutcome(report, index, voice, out);
}

void WriteReconciliation(const Report& report, TextWriter& out) {
  const poll::Definition& d = *report.definition;
  const documents::Voice voice = documents::EnglishVoice(d);
  const poll::PublicReconciliation numbers = poll::ForPrint(*report.reconciliation, d);
  out.Line();
  out.Line(documents::Say(voice.words, documents::Phrase::kReconciliation));
  out.Harmless(documents::TableText(documents::ReconciliationTable(voice, d, numbers), 2));
  if (documents::HidesAny(numbers)) {
    out.Line(Cat("  ", documents::HiddenLegend(voice.words, numbers)));
  }
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
    case Verdict::kTaken:
      return "TAKEN";
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

void Check::Take(std::string_view why) {
  if (verdict == Verdict::kFail) return;
  verdict = Verdict::kTaken;
  note = why;
}

bool Report::failed() const {
  return std::ranges::any_of(checks, [](const Check& c) { return c.verdict == Verdict::kFail; });
}

int Report::ExitCode() const {
  if (failed()) return kExitFailed;
  return pinned && Final(phase) && !taken.has_value() ? kExitClean : kExitIncomplete;
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
  const std::string missing =
      Cat(pinned ? "" : unpinned, taken.has_value() ? Cat(" ", Words(*taken)) : "");
  if (!Final(phase)) {
    return Cat("INCOMPLETE: nothing is wrong so far, but the poll is not certified (it is ",
               poll::PhaseName(phase), ").", missing, rehearsal);
  }
  const std::string found =
      Cat("every check that ", taken.has_value() ? "was" : "could be", " made passed",
          phase == Phase::kCertified ? ", and the certified result follows from this ledger."
                                     : "; the poll was cancelled and has no result.");
  return Cat(missing.empty() ? "VERIFIED: " : "INCOMPLETE: ", found, missing, rehearsal);
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
    if (report.reconciliation.has_value()) WriteReconciliation(report, out);
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
    if (contest.options[o].project.has_value()) {
      option["project"] = documents::ProjectJson(*contest.options[o].project,
                                                 std::get<poll::Budget>(contest.decision).decimals);
    }
    if (HasPercent(contest)) {
      option["percent_of_valid"] = PercentJson(votes, result.outcome.valid);
    }
    options.push_back(std::move(option));
  }
  json["options"] = std::move(options);
  json["valid"] = result.outcome.valid;
  json["invalid_or_blank"] = result.outcome.invalid;
  const documents::Voice voice = documents::EnglishVoice(d);
  json["quorum"] = documents::QuorumRule(voice.words, d.quorum);
  json["quorum_needed"] = documents::QuorumThreshold(d.quorum, result.entitled);
  json["quorum_met"] = result.outcome.quorum_met;
  json["rule"] = documents::DecisionRule(voice, contest);
  json["outcome"] = documents::VerdictName(result.outcome.verdict);
  json["winner"] = result.outcome.option.has_value()
                       ? ordered_json(contest.options[*result.outcome.option].id)
                       : ordered_json(nullptr);
  json["outcome_text"] = documents::VerdictText(voice, contest, result);
  if (result.budget != nullptr) {
    json["currency"] = std::get<poll::Budget>(contest.decision).currency;
    json["budget"] = documents::BudgetJson(*result.budget);
  }
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
  if (report.taken.has_value()) {
    json["taken"] = {{"from", report.taken->from},
                     {"records", report.taken->records},
                     {"ballots", report.taken->ballots},
                     {"register_entries", report.taken->register_entries}};
  }
  ordered_json checks = ordered_json::array();
  for (const Check& check : report.checks) checks.push_back(CheckJson(check));
  json["checks"] = std::move(checks);
  if (report.definition != nullptr) {
    const poll::Definition& d = *report.definition;
    ordered_json poll;
    poll["title"] = d.title;
    poll["languages"] = d.languages;
    poll["rehearsal"] = d.rehearsal;
    poll["ledger_key"] = d.ballot_box.ToString();
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
    if (report.reconciliation.has_value()) {
      json["reconciliation"] =
          documents::ReconciliationJson(d, poll::ForPrint(*report.reconciliation, d));
    }
  }
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

// --- Documents -----------------------------------------------------------------------------------

absl::StatusOr<std::string> ResultDocument(const Report& report, documents::Format format) {
  std::string why;
  if (report.failed()) {
    why = report.Summary();
  } else if (!report.pinned) {
    why = "the poll that it must be was not named (--poll)";
  } else if (report.taken.has_value()) {
    why = Words(*report.taken);
  } else if (!report.facts.has_value()) {
    why = Cat("the poll is ", poll::PhaseName(report.phase), ", neither certified nor cancelled");
  }
  if (!why.empty()) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         Cat("no record of the result was made: ", why));
  }
  return documents::ResultDocument(*report.facts, format);
}

}  // namespace urna::verifier
