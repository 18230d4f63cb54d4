#include "ledger/store/salvage.h"

#include <rocksdb/db.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "ledger/store/database.h"
#include "ledger/store/layout.h"

namespace urna::ledger {

struct Salvage::Impl {
  absl::StatusOr<std::string> Get(const std::string& key, std::string_view what) const {
    std::string value;
    const rocksdb::Status status = db->Get(rocksdb::ReadOptions(), key, &value);
    if (status.IsNotFound()) {
      return base::Failure(absl::StatusCode::kNotFound, base::Cat(what, ": is missing"));
    }
    URNA_RETURN_IF_ERROR(FromRocks(status, what));
    return value;
  }

  std::unique_ptr<rocksdb::DB> db;
};

Salvage::Salvage(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Salvage::~Salvage() = default;

absl::StatusOr<std::unique_ptr<Salvage>> Salvage::Open(const std::string& folder) {
  auto impl = std::make_unique<Impl>();
  auto db = OpenReadOnly(DurableOptions(), folder);
  if (!db.ok() && !absl::IsNotFound(db.status())) db = OpenDamaged(DurableOptions(), folder);
  URNA_ASSIGN_OR_RETURN(impl->db, std::move(db));
  return std::unique_ptr<Salvage>(new Salvage(std::move(impl)));
}

std::vector<Hash32> Salvage::Polls() const {
  std::vector<Hash32> polls;
  const std::unique_ptr<rocksdb::Iterator> at(impl_->db->NewIterator(rocksdb::ReadOptions()));
  for (at->SeekToFirst(); at->Valid();) {
    Hash32 poll;
    const std::string_view key(at->key().data(), at->key().size());
    if (key.size() <= poll.size()) {
      at->Next();
      continue;
    }
    std::copy_n(key.begin(), poll.size(), poll.begin());
    polls.push_back(poll);
    at->Seek(Key(poll, '\xff'));
  }
  return polls;
}

absl::StatusOr<std::string> Salvage::Read(const Hash32& poll, uint64_t index) const {
  return impl_->Get(EntryKey(poll, index), base::Cat(PollName(poll), ": record ", index));
}

absl::StatusOr<std::string> Salvage::ReadTile(const Hash32& poll, uint32_t level,
                                              uint64_t index) const {
  return impl_->Get(TileKey(poll, level, index),
                    base::Cat(PollName(poll), ": tile ", level, "/", index));
}

std::optional<Store::Head> Salvage::Head(const Hash32& poll) const {
  const auto bytes = impl_->Get(Key(poll, kHead), "the head");
  if (!bytes.ok()) return std::nullopt;
  const auto head = DecodeHead(*bytes);
  return head.ok() ? std::optional(*head) : std::nullopt;
}

std::optional<std::string> Salvage::Checkpoint(const Hash32& poll) const {
  const auto bytes = impl_->Get(Key(poll, kCheckpoint), "the checkpoint");
  if (!bytes.ok()) return std::nullopt;
  auto stored = DecodeStoredCheckpoint(*bytes);
  return stored.ok() ? std::optional(std::move(stored->note)) : std::nullopt;
}

}  // namespace urna::ledger
