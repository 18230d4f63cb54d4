#include "server/publication.h"

#include <string_view>

#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"

namespace urna::server {
namespace {

std::string PathOf(const std::string& folder, const crypto::Hash32& poll) {
  return base::Cat(folder, "/", base::Hex(poll), ".published");
}

}  // namespace

absl::Status StorePublication(const std::string& folder, const crypto::Hash32& poll,
                              const Publication& publication) {
  return base::WriteFileAtomic(PathOf(folder, poll),
                               base::Cat(publication.period, "\n", publication.note), 0600);
}

std::optional<Publication> ReadPublication(const std::string& folder, const crypto::Hash32& poll) {
  const auto content = base::ReadFile(PathOf(folder, poll));
  if (!content.ok()) return std::nullopt;
  const size_t line = content->find('\n');
  Publication publication;
  if (line == std::string::npos ||
      !base::ParseU64(std::string_view(*content).substr(0, line), &publication.period)) {
    return std::nullopt;
  }
  publication.note = content->substr(line + 1);
  return publication;
}

}  // namespace urna::server
