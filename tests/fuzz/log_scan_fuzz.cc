#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ledger/store/log_scan.h"

// What stands before the place that a scan names is no damage.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using urna::ledger::LogScan;
  using urna::ledger::ScanLog;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const bool write_ahead : {false, true}) {
    const LogScan scan = ScanLog(input, write_ahead);
    if (scan.offset > size || scan.what.empty() != (scan.verdict == LogScan::Verdict::kWhole)) {
      abort();
    }
    const LogScan before = ScanLog(input.substr(0, scan.offset), write_ahead);
    if (before.verdict == LogScan::Verdict::kDamaged || before.records > scan.records) abort();
  }
  return 0;
}
