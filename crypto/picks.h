#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "crypto/ballot.h"
#include "crypto/group.h"
#include "crypto/secret.h"
#include "crypto/shuffle.h"

namespace urna::crypto {

/// Ballots of a contest under `Picks`, as they are mixed and decrypted: pick p, from 1, is the
/// option 16 (slot 2p-1) + slot 2p, so that one ciphertext holds it under a composite key.
/// docs/protocol.md section 8, "Mixing".

/// The largest pick that two slots of 0..15 make.
inline constexpr uint32_t kLargestPick = 255;

/// 16 K_(2p-1) + K_(2p), p = 1 .. picks. Precondition: at least 2 picks keys.
std::vector<Point> CompositeKeys(std::span<const Point> keys, uint32_t picks);
/// The same of a trustee's shares of the keys.
std::vector<SecretScalar> CompositeSecrets(std::span<const SecretScalar> secrets, uint32_t picks);

/// Appends (R, 16 C_1 + C_2, 16 C_3 + C_4 ..) of each to `list`. Precondition: each has 2 picks
/// slots, and `list` has width `picks`. Points that were decoded before: aborts for others.
void AppendComposites(std::span<const Ciphertext> ciphertexts, uint32_t picks, VectorList* list);

}  // namespace urna::crypto
