#include "client/destruction.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::client {
namespace {

using base::Cat;
using poll::Phase;
using Json = nlohmann::json;

constexpr std::string_view kFormat = "urna-destroyed/1";

std::string Message(const DestructionStatement& statement) {
  return base::Writer()
      .Frame("urna/v1")
      .Frame("destroyed")
      .Frame(base::View(statement.poll))
      .Frame(crypto::U64(statement.trustee))
      .Frame(crypto::U64(statement.time))
      .Take();
}

absl::Status Refuse(std::string_view why) {
  return base::Failure(absl::StatusCode::kInvalidArgument, why);
}

absl::Status SystemError(const std::string& path, std::string_view what) {
  const int error = errno;
  return base::Failure(
      error == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kUnavailable,
      Cat(path, ": cannot ", what, ": ", strerror(error)));
}

absl::Status Overwrite(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return SystemError(path, "inspect it");
  if (!S_ISREG(info.st_mode)) {
    return base::Failure(absl::StatusCode::kFailedPrecondition, Cat(path, ": is no regular file"));
  }
  if (info.st_nlink > 1) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         Cat(path, ": has ", info.st_nlink,
                             " names (hard links); remove the others first, or they would point to "
                             "rubbish unnoticed"));
  }
  auto left = static_cast<uint64_t>(info.st_size);
  char rubbish[1 << 14];
  while (left > 0) {
    const size_t size = std::min<uint64_t>(left, sizeof rubbish);
    randombytes_buf(rubbish, size);
    const ssize_t written = write(fd, rubbish, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(path, "overwrite it");
    left -= static_cast<uint64_t>(written);
  }
  if (fsync(fd) != 0) return SystemError(path, "sync it");
  return absl::OkStatus();
}

}  // namespace

absl::Status MayDestroy(const poll::State& state) {
  const Phase phase = state.phase();
  if (phase == Phase::kCertified || phase == Phase::kCancelled || phase == Phase::kFailed) {
    return absl::OkStatus();
  }
  return base::Failure(absl::StatusCode::kFailedPrecondition,
                       Cat("the poll is ", PhaseName(phase),
                           "; the share may still be needed until the result is certified or the "
                           "poll is cancelled. Nothing was destroyed"));
}

absl::Status OverwriteAndRemove(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0 && errno == ELOOP) {
    return base::Failure(absl::StatusCode::kFailedPrecondition,
                         Cat(path, ": is a symbolic link; name the file itself"));
  }
  if (fd < 0) return SystemError(path, "open it for overwriting");
  const absl::Status status = Overwrite(fd, path);
  close(fd);
  URNA_RETURN_IF_ERROR(status);
  if (unlink(path.c_str()) != 0) return SystemError(path, "remove it");
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const int folder =
      open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && fsync(folder) == 0;
  if (folder >= 0) close(folder);
  return synced ? absl::OkStatus() : SystemError(path, "sync its folder");
}

DestructionStatement DestructionStatement::Make(const Hash32& poll, uint32_t trustee, uint64_t time,
                                                const crypto::Ed25519Key& key) {
  DestructionStatement statement{poll, trustee, time, {}};
  statement.signature = key.Sign(Message(statement));
  return statement;
}

std::string DestructionStatement::Encode(std::string_view name) const {
  const Json json = {
      {"format", kFormat}, {"poll", base::Hex(poll)},       {"trustee", trustee},
      {"name", name},      {"date", base::FormatUtc(time)}, {"signature", base::Hex(signature)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<DestructionStatement> DestructionStatement::Decode(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto word = [&json](const char* name) -> std::string {
    return json.is_object() && json.contains(name) && json[name].is_string()
               ? json[name].get<std::string>()
               : "";
  };
  if (word("format") != kFormat)
    return Refuse(Cat("is not a statement of destruction (", kFormat, ")"));
  DestructionStatement out;
  if (!base::Unhex(word("poll"), out.poll)) return Refuse("\"poll\" is no poll id");
  if (!json.contains("trustee") || !json["trustee"].is_number_unsigned() ||
      json["trustee"].get<uint64_t>() > 255) {
    return Refuse("\"trustee\" is no number of a trustee");
  }
  out.trustee = json["trustee"].get<uint32_t>();
  if (!base::ParseUtc(word("date"), &out.time)) {
    return Refuse("\"date\" is not a UTC time like 2014-06-25T12:00:00Z");
  }
  if (!base::Unhex(word("signature"), out.signature)) return Refuse("\"signature\" is none");
  return out;
}

absl::Status DestructionStatement::Check(const Hash32& wanted,
                                         const poll::Definition& definition) const {
  if (poll != wanted) {
    return base::Reject("destruction.other-poll",
                        Cat("the statement is about poll ", base::Hex(poll)));
  }
  if (trustee < 1 || trustee > definition.trustees.size()) {
    return base::Reject("trustee.unknown", Cat("trustee ", trustee));
  }
  if (!crypto::VerifyEd25519(definition.trustees[trustee - 1].key, Message(*this), signature)) {
    return base::Reject("trustee.signature-invalid",
                        Cat("the statement is not signed by trustee ", trustee, " (",
                            definition.trustees[trustee - 1].name, ")"));
  }
  return absl::OkStatus();
}

}  // namespace urna::client
