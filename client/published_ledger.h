#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/interrupt.h"
#include "client/poll_view.h"
#include "ledger/export.h"
#include "ledger/merkle.h"
#include "ledger/record.h"
#include "poll/state.h"

namespace urna::client {

/// A poll's ledger in a folder, as residents look into it: whether it holds what was promised to
/// them, without judging every proof (that is what urna-verify is for).
class PublishedLedger {
 public:
  /// An export that somebody made. Errors: those of ExportReader; Reject("ledger.poll-id"),
  /// Reject("ledger.incomplete"), the first fault of the definition.
  static absl::StatusOr<std::unique_ptr<PublishedLedger>> Open(const std::string& folder,
                                                               const Hash32& poll);
  /// Fetched from a server, all of it, so that the server does not learn what is looked for; the
  /// folder goes with this object. Errors: those of FetchLedger and Open.
  static absl::StatusOr<std::unique_ptr<PublishedLedger>> Fetch(LedgerSource& source,
                                                                const Hash32& poll,
                                                                const Progress& progress);

  const std::string& folder() const { return folder_; }
  /// Whether it was fetched, so that `folder` is a temporary one.
  bool fetched() const { return temporary_ != nullptr; }
  const ledger::ExportReader& reader() const { return *reader_; }
  const std::shared_ptr<const poll::Definition>& definition() const { return start_->definition(); }
  /// Errors: the first fault of the records up to "opened"; FailedPrecondition if the poll was not
  /// opened in this ledger.
  absl::StatusOr<std::shared_ptr<const poll::PollContext>> context() const;

  /// The style under which a credential was on the roll when the poll was opened.
  std::optional<uint16_t> StyleOf(const crypto::Point& credential) const {
    return start_->StyleOf(credential);
  }

  /// Calls `visit` for every record in order; `tree` holds it already, `record` is null if it
  /// cannot be decoded. Everything is hashed, so that neither tiles nor proofs are believed.
  using Visit = std::function<void(const ledger::Frontier& tree, const Hash32& leaf,
                                   const ledger::Record* record)>;
  absl::Status ForEach(const Visit& visit) const;

 private:
  PublishedLedger() = default;

  std::unique_ptr<TemporaryFolder> temporary_;
  std::string folder_;
  std::unique_ptr<ledger::ExportReader> reader_;
  std::optional<poll::State> start_;  ///< up to "opened", or to the first fault
  absl::Status fault_;
};

/// The ballot key and revision that a "ballot cast" record begins with; nothing for another kind.
std::optional<std::pair<std::string_view, uint16_t>> KeyOfBallot(const ledger::Record& record);

}  // namespace urna::client
