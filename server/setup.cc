#include "server/setup.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "server/keys.h"
#include "server/settings.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Failure;

absl::StatusOr<crypto::Ed25519Public> CreateSigningKey(const std::string& path) {
  const crypto::Ed25519Key key = crypto::Ed25519Key::New();
  URNA_RETURN_IF_ERROR(CreateSecretFile(path, base::View(key.seed().Expose())));
  return key.public_key();
}

}  // namespace

std::string CheckpointKeyPath(const std::string& data) { return Cat(data, "/checkpoint.key"); }
std::string IssuerFolder(const std::string& data, uint64_t issuer) {
  return Cat(data, "/issuer-", issuer);
}
std::string IssuerKeyPath(const std::string& data, uint64_t issuer) {
  return Cat(IssuerFolder(data, issuer), "/identity.key");
}

absl::Status CheckRole(const std::string& data, bool ballot_box) {
  std::error_code error;
  const bool has_box = std::filesystem::exists(CheckpointKeyPath(data), error);
  const bool has_issuer = std::filesystem::exists(IssuerKeyPath(data, 0), error);
  if (ballot_box && !has_box) {
    return Failure(absl::StatusCode::kNotFound,
                   Cat(data,
                       ": is not a server's data folder (checkpoint.key is missing); "
                       "`urna-server setup` makes one",
                       has_issuer ? "; for issuers alone, set ballot-box to no" : ""));
  }
  if (!ballot_box && has_box) {
    return Failure(absl::StatusCode::kInvalidArgument,
                   Cat(data,
                       ": holds a ballot box's key, but ballot-box is no; issuers that run "
                       "alone need a folder of their own"));
  }
  if (!ballot_box && !has_issuer) {
    return Failure(absl::StatusCode::kNotFound,
                   Cat(data,
                       ": is not an issuer's data folder (issuer-0/identity.key is missing); "
                       "`urna-server setup --role issuer` makes one"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SetupResult> MakeDataFolder(const SetupOptions& options) {
  if (options.role == Role::kIssuer && options.issuers == 0) {
    return Failure(absl::StatusCode::kInvalidArgument, "an issuer's folder needs an issuer");
  }
  URNA_ASSIGN_OR_RETURN(const TlsIdentity tls, MakeTlsIdentity(options.hostnames));
  std::error_code error;
  const std::string data = std::filesystem::absolute(options.data, error).string();
  if (std::filesystem::exists(data, error) && !std::filesystem::is_empty(data, error)) {
    return Failure(absl::StatusCode::kAlreadyExists,
                   Cat(data, ": is not empty; setup never overwrites anything"));
  }
  URNA_RETURN_IF_ERROR(base::MakeFolders(data, 0700));
  if (chmod(data.c_str(), 0700) != 0) {
    return Failure(absl::StatusCode::kUnavailable,
                   Cat(data, ": cannot close the folder to others: ", strerror(errno)));
  }

  SetupResult result;
  const uint32_t issuers = options.role == Role::kBallotBox ? 0 : options.issuers;
  if (options.role != Role::kIssuer) {
    URNA_ASSIGN_OR_RETURN(result.checkpoint_key, CreateSigningKey(CheckpointKeyPath(data)));
  }
  for (uint32_t i = 0; i < issuers; ++i) {
    URNA_RETURN_IF_ERROR(base::MakeFolders(IssuerFolder(data, i), 0700));
    URNA_ASSIGN_OR_RETURN(const auto key, CreateSigningKey(IssuerKeyPath(data, i)));
    result.issuer_keys.push_back(key);
  }
  result.certificate = Cat(data, "/tls.crt");
  URNA_RETURN_IF_ERROR(base::CreateFileAtomic(result.certificate, tls.certificate, 0644));
  URNA_RETURN_IF_ERROR(base::CreateFileAtomic(Cat(data, "/tls.key"), tls.key.Expose(), 0600));
  result.config = Cat(data, "/urna-server.conf");
  const std::string config = Cat(
      ConfigTemplate(), "\n# --- Set by setup ---\n\ndata = ", data, "\nissuers = ", issuers, "\n",
      options.role == Role::kIssuer ? "ballot-box = no\n" : "http-listen = 127.0.0.1:7480\n");
  URNA_RETURN_IF_ERROR(base::CreateFileAtomic(result.config, config, 0600));
  return result;
}

}  // namespace urna::server
