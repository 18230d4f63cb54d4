// A list of a backup that is read is written and read again the same, and no text crashes the
// reader.

#include <cstdlib>

#include "server/backup.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using urna::server::BackupManifest;
  const auto manifest =
      BackupManifest::FromJson(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!manifest.ok()) return 0;
  const std::string json = manifest->ToJson();
  const auto again = BackupManifest::FromJson(json);
  if (!again.ok() || again->ToJson() != json) abort();
  return 0;
}
