#include "server/poll_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::server {

namespace fs = std::filesystem;

absl::StatusOr<std::vector<PollFile>> PollFiles(const std::string& folder,
                                                std::string_view suffix) {
  std::vector<PollFile> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    PollFile file{at->path().string(), {}};
    if (name.ends_with(suffix) &&
        base::Unhex(std::string_view(name).substr(0, name.size() - suffix.size()), file.poll)) {
      files.push_back(std::move(file));
    }
  }
  if (error) {
    return base::Failure(error == std::errc::no_such_file_or_directory
                             ? absl::StatusCode::kNotFound
                             : absl::StatusCode::kUnavailable,
                         base::Cat(folder, ": cannot be listed: ", error.message()));
  }
  std::ranges::sort(files, {}, &PollFile::path);
  return files;
}

}  // namespace urna::server
