#include "client/published_ledger.h"

#include <vector>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/status.h"
#include "base/text.h"
#include "poll/payload.h"
#include "poll/replay.h"

namespace urna::client {

using base::Cat;

absl::StatusOr<std::unique_ptr<PublishedLedger>> PublishedLedger::Open(const std::string& folder,
                                                                       const Hash32& poll) {
  std::unique_ptr<PublishedLedger> ledger(new PublishedLedger);
  ledger->folder_ = folder;
  URNA_ASSIGN_OR_RETURN(ledger->reader_, ledger::ExportReader::Open(folder));
  absl::Status fault;
  poll::Replay replay(
      poll::Replay::Trust::kNothing,
      [](uint64_t) -> absl::StatusOr<std::string> { return absl::InternalError("no ballot yet"); },
      [&](uint64_t index, uint8_t kind, const absl::Status& why) {
        if (fault.ok()) {
          fault = base::Annotate(why, Cat("record ", index, " (", poll::KindName(kind), ")"));
        }
      },
      poll::Sequentially);
  const uint64_t size = ledger->reader_->checkpoint().size;
  for (uint64_t bundle = 0; bundle < ledger->reader_->bundle_count() && fault.ok(); ++bundle) {
    if (replay.state().context() != nullptr) break;
    const auto entries = ledger->reader_->ReadBundle(bundle);
    if (!entries.ok()) {
      fault = entries.status();
      break;
    }
    for (const std::string& record : *entries) {
      if (replay.state().size() == 0 && ledger::LeafHash(record) != poll) {
        return base::Reject("ledger.poll-id", Cat("this is the ledger of poll ",
                                                  base::Hex(ledger::LeafHash(record))));
      }
      if (replay.state().size() < size && replay.state().context() == nullptr && fault.ok()) {
        replay.Append({record});
      }
    }
  }
  if (replay.state().definition() == nullptr) {
    if (!fault.ok()) return fault;
    return base::Reject("ledger.incomplete", "the ledger does not hold the whole definition");
  }
  ledger->fault_ = std::move(fault);
  ledger->start_ = std::move(replay).TakeState();
  return ledger;
}

absl::StatusOr<std::unique_ptr<PublishedLedger>> PublishedLedger::Fetch(LedgerSource& source,
                                                                        const Hash32& poll,
                                                                        const Progress& progress) {
  URNA_ASSIGN_OR_RETURN(std::unique_ptr<TemporaryFolder> temporary, TemporaryFolder::Create());
  const std::string folder = Cat(temporary->path(), "/ledger");
  URNA_RETURN_IF_ERROR(FetchLedger(source, poll, folder, progress).status());
  URNA_ASSIGN_OR_RETURN(std::unique_ptr<PublishedLedger> ledger, Open(folder, poll));
  ledger->temporary_ = std::move(temporary);
  return ledger;
}

absl::StatusOr<std::shared_ptr<const poll::PollContext>> PublishedLedger::context() const {
  if (start_->context() != nullptr) return start_->context();
  URNA_RETURN_IF_ERROR(fault_);
  return base::Failure(absl::StatusCode::kFailedPrecondition,
                       "the poll was not opened in this ledger");
}

absl::Status PublishedLedger::ForEach(const Visit& visit) const {
  ledger::Frontier tree;
  for (uint64_t bundle = 0; bundle < reader_->bundle_count(); ++bundle) {
    URNA_ASSIGN_OR_RETURN(const std::vector<std::string> entries, reader_->ReadBundle(bundle));
    for (const std::string& bytes : entries) {
      const Hash32 leaf = ledger::LeafHash(bytes);
      tree.Append(leaf);
      const auto record = ledger::DecodeRecord(bytes);
      visit(tree, leaf, record.ok() ? &*record : nullptr);
    }
  }
  return absl::OkStatus();
}

std::optional<std::pair<std::string_view, uint16_t>> KeyOfBallot(const ledger::Record& record) {
  if (record.kind != static_cast<uint8_t>(poll::RecordKind::kBallotCast)) return std::nullopt;
  base::Reader reader(record.payload);
  reader.U16();  // style
  const uint16_t revision = reader.U16();
  const std::string_view key = reader.Raw(32);
  if (!reader.ok()) return std::nullopt;
  return std::pair(key, revision);
}

}  // namespace urna::client
