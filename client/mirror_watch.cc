#include "client/mirror_watch.h"

#include <algorithm>

#include "base/status.h"
#include "base/text.h"

namespace urna::client {
namespace {

using base::Cat;
using std::chrono::seconds;

constexpr seconds kLongestPause{300};

std::string Ago(MirrorWatch::Time since, MirrorWatch::Time now) {
  const auto passed = std::chrono::duration_cast<seconds>(now - since).count();
  if (passed < 120) return Cat(passed, " s");
  if (passed < 7200) return Cat(passed / 60, " min");
  return Cat(passed / 3600, " h");
}

std::string TroubleOf(const absl::StatusOr<Mirror::News>& outcome, uint64_t size) {
  if (outcome.ok()) {
    if (*outcome != Mirror::News::kOlder) return "";
    return Cat("shows an older state of the ledger than the ", size,
               " records held here: it lags behind, or was set back. What it shows contradicts "
               "nothing");
  }
  const std::string reject = base::RejectId(outcome.status());
  return Cat(std::string(outcome.status().message()), reject.empty() ? "" : Cat(" (", reject, ")"));
}

}  // namespace

std::vector<std::string> MirrorWatch::Note(const std::string& name,
                                           const absl::StatusOr<Mirror::News>& outcome,
                                           uint64_t size, std::optional<uint64_t> grows_within,
                                           Time now) {
  std::vector<std::string> lines;
  Source& source = sources_.try_emplace(name, now).first->second;
  std::string trouble = TroubleOf(outcome, size);
  source.failures = outcome.ok() ? 0 : source.failures + 1;
  if (trouble.empty()) {
    if (!source.trouble.empty()) {
      lines.push_back(Cat(name, ": in order again, after ", Ago(source.news, now)));
    }
    source.news = now;
    source.met = true;
    source.late = false;
  } else if (trouble != source.trouble) {
    // Most failures name the URL themselves.
    const std::string where = trouble.starts_with(name) ? "" : Cat(name, ": ");
    const std::string since =
        source.met ? Cat("last news ", Ago(source.news, now), " ago") : "no news yet";
    lines.push_back(Cat(where, trouble, "; ", since, "; trying again"));
  }
  source.trouble = std::move(trouble);
  if (!source.late && now - source.news > patience_) {
    source.late = true;
    lines.push_back(Cat("WARNING: no news from ", name, " for ", Ago(source.news, now)));
  }

  if (size > size_ || !grows_within.has_value()) {
    if (size > size_) size_ = size;
    grown_ = now;
    still_ = false;
  } else if (!still_ && now - grown_ > seconds(*grows_within) + patience_) {
    still_ = true;
    lines.push_back(Cat("WARNING: the poll is open, and its ledger has not grown for ",
                        Ago(grown_, now), ", though it should within ",
                        Ago(Time(), Time(seconds(*grows_within))),
                        ". Is an old state shown here? Compare it with what others see"));
  }
  return lines;
}

seconds MirrorWatch::Pause(seconds every) const {
  int failures = 0;
  for (const auto& [name, source] : sources_) {
    // A source that is in order is looked at as often as was asked for.
    if (source.failures == 0) return every;
    failures = failures == 0 ? source.failures : std::min(failures, source.failures);
  }
  seconds pause = every;
  for (int i = 1; i < failures && pause < kLongestPause; ++i) pause *= 2;
  return std::max(every, std::min(pause, kLongestPause));
}

}  // namespace urna::client
