#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/connection.h"
#include "poll/definition.h"

namespace urna::client {

/// The lines on which a resident gets tokens: one connection with sockets of its own for each
/// issuer of a poll, and none of them the one on which ballots are read or cast. So an issuer does
/// not learn of the others', nor the ballot box which of its callers is whom.
class IssuerLines {
 public:
  /// Asks the ballot box where the issuers are: beside itself, or elsewhere. What it says is a hint
  /// only, since every answer of an issuer is verified under its key on the ledger. Certificate and
  /// plaintext are those of `server`: a PEM file may hold the certificates of all.
  /// Errors: FailedPrecondition naming an issuer of which the server knows no address; network
  /// failures. Does not wait for the issuers.
  static absl::StatusOr<IssuerLines> Open(const ServerOptions& server, Connection& ballot_box,
                                          const poll::Definition& definition);

  /// By issuer of the definition, for Voter::ObtainTokens; valid as long as this object.
  const std::vector<v1::Issuing::StubInterface*>& stubs() const { return stubs_; }

 private:
  IssuerLines() = default;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<v1::Issuing::StubInterface*> stubs_;
};

}  // namespace urna::client
