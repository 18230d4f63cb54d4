#include "server/keys.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::server {
namespace {

using base::Cat;
using base::Failure;

constexpr long kValidSeconds = 5L * 366 * 24 * 3600;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Memory = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

absl::Status OpenSslFailed(std::string_view what) {
  return Failure(absl::StatusCode::kInternal, Cat("OpenSSL cannot ", what));
}

bool IsAddress(const std::string& text) {
  unsigned char address[16];
  return inet_pton(AF_INET, text.c_str(), address) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address) == 1;
}

bool IsDnsName(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (const std::string_view label : base::Split(text, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-' ||
        !std::ranges::all_of(label, [](unsigned char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-';
        })) {
      return false;
    }
  }
  return true;
}

bool AddExtension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace

absl::StatusOr<crypto::Secret<base::Bytes32>> ReadSecretFile(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Failure(absl::StatusCode::kPermissionDenied,
                   Cat(path, ": others may read this secret; run: chmod 600 ", path));
  }
  URNA_ASSIGN_OR_RETURN(std::string content, base::ReadFile(path, 4096));
  const crypto::SecretText text(std::move(content));
  crypto::Secret<base::Bytes32> secret;
  if (!base::Unhex(base::Trim(text.Expose()), secret.Expose())) {
    return Failure(absl::StatusCode::kDataLoss,
                   Cat(path, ": is not a secret key: 64 hexadecimal digits on one line"));
  }
  return secret;
}

absl::Status CreateSecretFile(const std::string& path, std::string_view secret) {
  const crypto::SecretText digits(base::Hex(secret));
  const crypto::SecretText line(digits.Expose() + "\n");
  return base::CreateFileAtomic(path, line.Expose(), 0600);
}

absl::StatusOr<crypto::Ed25519Key> ReadSigningKey(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const auto seed, ReadSecretFile(path));
  return crypto::Ed25519Key::FromSeed(seed);
}

std::string PollKeyPath(const std::string& issuer_folder, const crypto::Hash32& poll) {
  return Cat(issuer_folder, "/keys/", base::Hex(poll), ".key");
}

absl::StatusOr<crypto::IssuerKey> ReadPollKey(const std::string& path) {
  URNA_ASSIGN_OR_RETURN(const auto secret, ReadSecretFile(path));
  auto x = crypto::SecretScalar::Decode(base::View(secret.Expose()));
  if (!x.ok() || x->IsZero()) {
    return Failure(absl::StatusCode::kDataLoss, Cat(path, ": is not an issuer's key"));
  }
  return crypto::IssuerKey::FromSecret(*std::move(x));
}

absl::StatusOr<TlsIdentity> MakeTlsIdentity(const std::vector<std::string>& hostnames) {
  std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";
  for (const std::string& name : hostnames) {
    if (IsAddress(name)) {
      names += Cat(",IP:", name);
    } else if (IsDnsName(name)) {
      names += Cat(",DNS:", name);
    } else {
      return Failure(absl::StatusCode::kInvalidArgument,
                     Cat("\"", name, "\" is neither a host name nor an IP address"));
    }
  }

  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (key == nullptr || certificate == nullptr) return OpenSslFailed("make a key");
  X509* const x = certificate.get();
  uint64_t serial = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1 ||
      X509_set_version(x, X509_VERSION_3) != 1 ||
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) != 1 ||
      X509_gmtime_adj(X509_getm_notBefore(x), -3600) == nullptr ||
      X509_gmtime_adj(X509_getm_notAfter(x), kValidSeconds) == nullptr ||
      X509_set_pubkey(x, key.get()) != 1) {
    return OpenSslFailed("fill in a certificate");
  }
  X509_NAME* const subject = X509_get_subject_name(x);
  const auto* common_name = reinterpret_cast<const unsigned char*>("urna-server");
  if (X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, common_name, -1, -1, 0) != 1 ||
      X509_set_issuer_name(x, subject) != 1 ||
      !AddExtension(x, NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(x, NID_key_usage, "critical,digitalSignature") ||
      !AddExtension(x, NID_ext_key_usage, "serverAuth") ||
      !AddExtension(x, NID_subject_alt_name, names) || X509_sign(x, key.get(), EVP_sha256()) == 0) {
    return OpenSslFailed("sign a certificate");
  }

  const Memory certificate_pem(BIO_new(BIO_s_mem()));
  const Memory key_pem(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_X509(certificate_pem.get(), x) != 1 ||
      PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return OpenSslFailed("write a certificate");
  }
  return TlsIdentity{Content(certificate_pem.get()), crypto::SecretText(Content(key_pem.get()))};
}

}  // namespace urna::server
