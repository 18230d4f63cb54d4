#include "server/publication.h"

#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "server/poll_files.h"

namespace urna::server {
namespace {

using base::Cat;

std::string PathOf(const std::string& folder, const crypto::Hash32& poll, std::string_view suffix) {
  return Cat(folder, "/", base::Hex(poll), suffix);
}

std::string PublicationFile(const std::string& folder, const crypto::Hash32& poll) {
  return PathOf(folder, poll, kPublishedSuffix);
}

}  // namespace

absl::Status StorePublication(const std::string& folder, const crypto::Hash32& poll,
                              const Publication& publication) {
  return base::WriteFileAtomic(PublicationFile(folder, poll),
                               Cat(publication.period, "\n", publication.note), 0600);
}

std::optional<Publication> ReadPublication(const std::string& folder, const crypto::Hash32& poll) {
  const auto content = base::ReadFile(PublicationFile(folder, poll));
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

std::string WitnessedFile(const std::string& folder, const crypto::Hash32& poll) {
  return PathOf(folder, poll, kWitnessedSuffix);
}

absl::Status StoreWitnessed(const std::string& folder, const crypto::Hash32& poll,
                            const ledger::Note& note) {
  return base::WriteFileAtomic(WitnessedFile(folder, poll), note.ToString(), 0600);
}

absl::StatusOr<Witnessed> ReadWitnessed(const std::string& folder, const crypto::Hash32& poll,
                                        const ledger::NoteKey& log) {
  const std::string path = WitnessedFile(folder, poll);
  const auto content = base::ReadFile(path);
  if (absl::IsNotFound(content.status())) return Witnessed{};
  URNA_RETURN_IF_ERROR(content.status());
  auto note = ledger::Note::Parse(*content);
  auto checkpoint = ledger::OpenCheckpoint(*content, log);
  if (!note.ok() || !checkpoint.ok()) {
    return base::Failure(
        absl::StatusCode::kDataLoss,
        Cat(path, ": should hold the checkpoint that witnesses cosigned last, and does not: ",
            std::string(checkpoint.status().message())));
  }
  return Witnessed{*std::move(note), *std::move(checkpoint)};
}

}  // namespace urna::server
