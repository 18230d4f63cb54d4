#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "crypto/signature.h"
#include "poll/definition.h"
#include "poll/state.h"

namespace urna::client {

using crypto::Hash32;

/// Destroying a trustee's share once nothing is to be decrypted any more. docs/protocol.md section
/// 7, "Destruction".

/// Whether the state of a trustee of this poll is of no further use: certified, cancelled, or ended
/// by a complaint. Errors: FailedPrecondition saying what the poll still needs the share for.
absl::Status MayDestroy(const poll::State& state);

/// Overwrites the file with random bytes, syncs, removes it and syncs its folder. What a file
/// system or disk keeps elsewhere is out of reach. Errors: NotFound; FailedPrecondition for a
/// symbolic link, what is no regular file, and a file with a second name, which are left as they
/// are; Unavailable with the system's reason.
absl::Status OverwriteAndRemove(const std::string& path);

/// A trustee's word, signed, that the share is destroyed.
struct DestructionStatement {
  Hash32 poll{};
  uint32_t trustee = 0;  ///< from 1
  uint64_t time = 0;     ///< Unix seconds, by the trustee's own clock
  crypto::Ed25519Signature signature{};

  static DestructionStatement Make(const Hash32& poll, uint32_t trustee, uint64_t time,
                                   const crypto::Ed25519Key& key);
  /// JSON, one object; `name` is for human readers.
  std::string Encode(std::string_view name) const;
  /// Errors: InvalidArgument naming what is wrong.
  static absl::StatusOr<DestructionStatement> Decode(std::string_view json);
  /// Errors: Reject("destruction.other-poll"), Reject("trustee.unknown"),
  /// Reject("trustee.signature-invalid").
  absl::Status Check(const Hash32& poll, const poll::Definition& definition) const;
};

}  // namespace urna::client
