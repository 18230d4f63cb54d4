#include "client/issuers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

namespace urna::client {

using base::Cat;

absl::StatusOr<IssuerLines> IssuerLines::Open(const ServerOptions& server, Connection& ballot_box,
                                              const poll::Definition& definition) {
  URNA_ASSIGN_OR_RETURN(const v1::InfoResponse info,
                        Call(ballot_box.reading(), &v1::Reading::Stub::Info, v1::InfoRequest()));
  IssuerLines lines;
  for (const poll::Party& issuer : definition.issuers) {
    const std::string_view key = base::View(issuer.key);
    ServerOptions options = server;
    if (std::ranges::find(info.issuer_keys(), key) == info.issuer_keys().end()) {
      const auto known = std::ranges::find(info.issuer_addresses(), key, &v1::IssuerAddress::key);
      if (known == info.issuer_addresses().end()) {
        return base::Failure(absl::StatusCode::kFailedPrecondition,
                             Cat("issuer ", issuer.name, ": ", server.target,
                                 " does not say where it is; its key is ", base::Hex(issuer.key)));
      }
      options.target = known->address();
    }
    auto connection = Connection::Open(options);
    if (!connection.ok()) {
      return base::Annotate(connection.status(), Cat("issuer ", issuer.name));
    }
    lines.stubs_.push_back(&(*connection)->issuing());
    lines.connections_.push_back(*std::move(connection));
  }
  return lines;
}

}  // namespace urna::client
