#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "proto/urna.grpc.pb.h"
#include "server/issuer_duties.h"

namespace urna::server {

namespace v1 = ::urna::v1;

/// An issuer's line to the ballot box: it reads what everybody may read, and hands in its records.
/// Nothing that comes back is believed here. Safe from any thread.
///
/// A rejection of the ballot box comes back as base::Reject; everything else that goes wrong is
/// Unavailable.
class Upstream {
 public:
  struct Options {
    std::string target;       ///< HOST:PORT
    std::string certificate;  ///< PEM file; "" = the system's authorities
    bool plaintext = false;
  };
  /// Does not wait for the ballot box. Errors: those of reading the certificate; InvalidArgument if
  /// it is none.
  static absl::StatusOr<std::unique_ptr<Upstream>> Open(const Options& options);

  absl::StatusOr<std::vector<Hash32>> Polls();
  /// The newest published checkpoint, a note.
  absl::StatusOr<std::string> Checkpoint(const Hash32& poll);
  /// Published records first .. last-1, whole or not at all.
  absl::StatusOr<std::vector<std::string>> Records(const Hash32& poll, uint64_t first,
                                                   uint64_t last);
  /// The index of the group's signed record.
  absl::StatusOr<uint64_t> Submit(const Hash32& poll, const IssuerDuties::Group& group);

  /// Ends calls under way and refuses further ones.
  void Stop();

 private:
  class Call;

  explicit Upstream(const std::shared_ptr<grpc::Channel>& channel)
      : reading_(v1::Reading::NewStub(channel)), issuers_(v1::Issuers::NewStub(channel)) {}

  const std::unique_ptr<v1::Reading::Stub> reading_;
  const std::unique_ptr<v1::Issuers::Stub> issuers_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::vector<grpc::ClientContext*> calls_;
};

}  // namespace urna::server
