#include "client/roll_diff.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/poll_view.h"
#include "ledger/export.h"
#include "ledger/record.h"
#include "poll/payload.h"
#include "poll/replay.h"

namespace urna::client {

using base::Cat;

std::vector<ListEntry> EntriesOf(const std::vector<Resident>& residents) {
  std::vector<ListEntry> entries;
  entries.reserve(residents.size());
  for (const Resident& r : residents) entries.push_back({r.id, r.style, r.name, r.address});
  return entries;
}

std::vector<ListEntry> EntriesOf(const RollFile& roll) {
  std::vector<ListEntry> entries;
  entries.reserve(roll.entries.size());
  for (const RollFile::Entry& entry : roll.entries) {
    entries.push_back({entry.credential.view(), entry.style, "", ""});
  }
  return entries;
}

ListDiff DiffLists(std::vector<ListEntry> before, std::vector<ListEntry> after) {
  std::ranges::sort(before, {}, &ListEntry::key);
  std::ranges::sort(after, {}, &ListEntry::key);
  ListDiff diff;
  const auto style = [&](const ListEntry& entry) -> StyleCounts& {
    return diff.styles[std::string(entry.style)];
  };
  for (const ListEntry& entry : before) ++style(entry).before;
  for (const ListEntry& entry : after) ++style(entry).after;
  auto a = before.begin(), b = after.begin();
  while (a != before.end() || b != after.end()) {
    ListChange change;
    change.added = a == before.end() || (b != after.end() && b->key < a->key);
    change.gone = !change.added && (b == after.end() || a->key < b->key);
    if (!change.added) change.before = *a++;
    if (!change.gone) change.after = *b++;
    change.key = change.added ? change.after.key : change.before.key;
    if (change.added) {
      ++style(change.after).added;
    } else if (change.gone) {
      ++style(change.before).gone;
    } else {
      change.style = change.before.style != change.after.style;
      change.name = change.before.name != change.after.name;
      change.address = change.before.address != change.after.address;
      if (change.style) {
        ++style(change.before).moved_out;
        ++style(change.after).moved_in;
      }
      diff.names += change.name ? 1 : 0;
      diff.addresses += change.address ? 1 : 0;
      if (!change.style && !change.name && !change.address) continue;
    }
    diff.changes.push_back(change);
  }
  for (const auto& [id, counts] : diff.styles) {
    diff.together.before += counts.before;
    diff.together.after += counts.after;
    diff.together.added += counts.added;
    diff.together.gone += counts.gone;
    diff.together.moved_in += counts.moved_in;
    diff.together.moved_out += counts.moved_out;
  }
  return diff;
}

absl::StatusOr<SealedPersons> ReadSealedPersons(const std::string& folder,
                                                const crypto::Hash32& poll) {
  URNA_ASSIGN_OR_RETURN(const std::unique_ptr<ledger::ExportReader> reader,
                        ledger::ExportReader::Open(folder));
  absl::Status fault;
  poll::Replay replay(
      poll::Replay::Trust::kNothing,
      [](uint64_t) -> absl::StatusOr<std::string> { return absl::InternalError("no ballot yet"); },
      [&](uint64_t index, uint8_t, const absl::Status& why) {
        if (fault.ok()) fault = base::Annotate(why, Cat("record ", index));
      },
      OnThreads(0));
  uint64_t index = 0;
  for (uint64_t bundle = 0; bundle < reader->bundle_count(); ++bundle) {
    URNA_ASSIGN_OR_RETURN(const std::vector<std::string> records, reader->ReadBundle(bundle));
    for (const std::string& bytes : records) {
      if (index == 0 && ledger::LeafHash(bytes) != poll) {
        return base::Reject("ledger.poll-id",
                            Cat("this is the ledger of poll ", base::Hex(ledger::LeafHash(bytes))));
      }
      replay.Append({bytes});
      URNA_RETURN_IF_ERROR(fault);
      URNA_ASSIGN_OR_RETURN(const ledger::Record record, ledger::DecodeRecord(bytes));
      if (record.kind == static_cast<uint8_t>(poll::RecordKind::kRollSealed)) {
        URNA_ASSIGN_OR_RETURN(const poll::Payload payload,
                              poll::DecodePayload(record.kind, record.payload, nullptr));
        const auto& sealed = std::get<poll::RollSealed>(payload);
        return SealedPersons{sealed.persons_sha256, sealed.count, index};
      }
      ++index;
    }
  }
  return base::Reject("ledger.incomplete", Cat(folder, ": no roll is sealed in this ledger"));
}

}  // namespace urna::client
