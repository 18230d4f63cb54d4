#include "crypto/hash.h"

#include <openssl/evp.h>

#include "base/codec.h"
#include "crypto/check.h"

namespace urna::crypto {
namespace {

constexpr std::string_view kDomain = "urna/v1";

// Fetched once: a fetch costs several times the hash of a short input.
const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return kAlgorithm;
}
const EVP_MD* Sha512Algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  return kAlgorithm;
}

class Digest {
 public:
  explicit Digest(const EVP_MD* algorithm)
      : algorithm_(algorithm), context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    Check(algorithm_ != nullptr && context_ != nullptr, "OpenSSL offers no SHA-2");
    Start();
  }

  Digest(const Digest& other)
      : algorithm_(other.algorithm_), context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    *this = other;
  }
  Digest& operator=(const Digest& other) {
    Check(context_ != nullptr && EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) == 1,
          "hashing failed");
    return *this;
  }

  void Update(std::string_view bytes) {
    Check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "hashing failed");
  }
  void Finish(uint8_t* out) {
    Check(EVP_DigestFinal_ex(context_.get(), out, nullptr) == 1, "hashing failed");
    Start();
  }
  void Peek(uint8_t* out) const { Digest(*this).Finish(out); }

 private:
  void Start() {
    Check(EVP_DigestInit_ex2(context_.get(), algorithm_, nullptr) == 1, "hashing failed");
  }

  const EVP_MD* algorithm_;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

struct Sha256::Context {
  Digest digest{Sha256Algorithm()};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::Update(std::string_view bytes) {
  context_->digest.Update(bytes);
  return *this;
}

Hash32 Sha256::Finish() {
  Hash32 out;
  context_->digest.Finish(out.data());
  return out;
}

struct Sha512::Context {
  Digest digest{Sha512Algorithm()};
};

Sha512::Sha512() : context_(std::make_unique<Context>()) {}
Sha512::~Sha512() = default;
Sha512::Sha512(const Sha512& other) : context_(std::make_unique<Context>(*other.context_)) {}
Sha512& Sha512::operator=(const Sha512& other) {
  *context_ = *other.context_;
  return *this;
}
Sha512::Sha512(Sha512&&) noexcept = default;
Sha512& Sha512::operator=(Sha512&&) noexcept = default;

Sha512& Sha512::Update(std::string_view bytes) {
  context_->digest.Update(bytes);
  return *this;
}

Hash64 Sha512::Finish() {
  Hash64 out;
  context_->digest.Finish(out.data());
  return out;
}

Hash64 Sha512::Peek() const {
  Hash64 out;
  context_->digest.Peek(out.data());
  return out;
}

Hash32 Sha256::Peek() const {
  Hash32 out;
  context_->digest.Peek(out.data());
  return out;
}

Hash32 HashSha256(std::initializer_list<std::string_view> pieces) {
  thread_local Digest digest(Sha256Algorithm());
  for (const std::string_view piece : pieces) digest.Update(piece);
  Hash32 out;
  digest.Finish(out.data());
  return out;
}

Hash64 HashSha512(std::initializer_list<std::string_view> pieces) {
  thread_local Digest digest(Sha512Algorithm());
  for (const std::string_view piece : pieces) digest.Update(piece);
  Hash64 out;
  digest.Finish(out.data());
  return out;
}

std::string Frame(std::string_view bytes) { return base::Writer().Frame(bytes).Take(); }

std::string U64(uint64_t value) { return base::Writer().U64(value).Take(); }

namespace {

std::string Framed(std::initializer_list<std::string_view> items) {
  base::Writer writer;
  writer.Frame(kDomain);
  for (const std::string_view item : items) writer.Frame(item);
  return writer.Take();
}

}  // namespace

Hash64 FramedHash(std::initializer_list<std::string_view> items) {
  return HashSha512({Framed(items)});
}

Hash32 FramedHash256(std::initializer_list<std::string_view> items) {
  return HashSha256({Framed(items)});
}

}  // namespace urna::crypto
