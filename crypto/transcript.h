#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "crypto/group.h"
#include "crypto/hash.h"

namespace urna::crypto {

/// Fiat-Shamir transcript. docs/protocol.md section 2, "Transcript".
class Transcript {
 public:
  /// state = SHA-512(frame("urna/v1") || frame(protocol)).
  explicit Transcript(std::string_view protocol);

  Transcript& Append(std::string_view label, std::string_view data);
  Transcript& Append(std::string_view label, uint64_t value);
  Transcript& Append(std::string_view label, const Point& point);
  Transcript& Append(std::string_view label, const Scalar& scalar);
  Transcript& Append(std::string_view label, const base::Bytes32& bytes);

  Scalar Challenge(std::string_view label);

 private:
  friend class Hedge;
  Hash64 state_;
  std::string pending_;
  /// Of what is too long to be pending, after the state: a mix appends a hundred bytes and more for
  /// each ballot.
  std::optional<Sha512> hashed_;
};

/// Nonces of a prover: a function of the transcript so far, the witness and fresh randomness
/// together, so that neither a bad random generator nor a repeated transcript reveals the witness.
class Hedge {
 public:
  /// `witness`: the secret bytes that the proof is about.
  Hedge(const Transcript& transcript, std::initializer_list<std::string_view> witness);
  Hedge(const Transcript& transcript, std::span<const std::string_view> witness);

  /// The next nonce: uniform and not zero.
  SecretScalar Next();

 private:
  Secret<Hash64> seed_;
  uint64_t counter_ = 0;
};

}  // namespace urna::crypto
