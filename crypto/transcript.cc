#include "crypto/transcript.h"

#include <sodium.h>

#include "base/codec.h"

namespace urna::crypto {
namespace {

constexpr size_t kLongestPending = 64 * 1024;

}  // namespace

Transcript::Transcript(std::string_view protocol) : state_(FramedHash({protocol})) {}

Transcript& Transcript::Append(std::string_view label, std::string_view data) {
  pending_ += Frame(label);
  pending_ += Frame(data);
  if (pending_.size() > kLongestPending) {
    if (!hashed_.has_value()) hashed_.emplace().Update(base::View(state_));
    hashed_->Update(pending_);
    pending_.clear();
  }
  return *this;
}

Transcript& Transcript::Append(std::string_view label, uint64_t value) {
  return Append(label, std::string_view(U64(value)));
}

Transcript& Transcript::Append(std::string_view label, const Point& point) {
  return Append(label, point.view());
}

Transcript& Transcript::Append(std::string_view label, const Scalar& scalar) {
  return Append(label, scalar.view());
}

Transcript& Transcript::Append(std::string_view label, const base::Bytes32& bytes) {
  return Append(label, base::View(bytes));
}

Scalar Transcript::Challenge(std::string_view label) {
  if (hashed_.has_value()) {
    state_ = hashed_->Update(pending_).Update(Frame(label)).Finish();
    hashed_.reset();
  } else {
    state_ = HashSha512({base::View(state_), pending_, Frame(label)});
  }
  pending_.clear();
  return Scalar::FromUniform(state_);
}

Hedge::Hedge(const Transcript& transcript, std::initializer_list<std::string_view> witness)
    : Hedge(transcript, std::span(witness.begin(), witness.size())) {}

Hedge::Hedge(const Transcript& transcript, std::span<const std::string_view> witness) {
  Secret<Hash64> fresh;
  randombytes_buf(fresh.Expose().data(), fresh.Expose().size());
  // libsodium rather than hash.h: the state can be wiped.
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  const auto update = [&state](std::string_view bytes) {
    const std::string size = U64(bytes.size());
    crypto_hash_sha512_update(&state, base::Data(size), size.size());
    crypto_hash_sha512_update(&state, base::Data(bytes), bytes.size());
  };
  update("urna/v1 hedge");
  update(base::View(transcript.state_));
  if (transcript.hashed_.has_value()) update(base::View(transcript.hashed_->Peek()));
  update(transcript.pending_);
  for (const std::string_view item : witness) update(item);
  update(base::View(fresh.Expose()));
  crypto_hash_sha512_final(&state, seed_.Expose().data());
  sodium_memzero(&state, sizeof state);
}

SecretScalar Hedge::Next() {
  SecretScalar nonce;
  do {
    const std::string counter = U64(counter_++);
    crypto_hash_sha512_state state;
    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, seed_.Expose().data(), seed_.Expose().size());
    crypto_hash_sha512_update(&state, base::Data(counter), counter.size());
    Secret<Hash64> hash;
    crypto_hash_sha512_final(&state, hash.Expose().data());
    sodium_memzero(&state, sizeof state);
    nonce = SecretScalar::FromUniform(hash);
  } while (nonce.IsZero());
  return nonce;
}

}  // namespace urna::crypto
