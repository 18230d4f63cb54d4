#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/text.h"
#include "poll/definition.h"

namespace urna::poll {

/// How definition.cc reads JSON: strictly, and with the place of every fault.

// Integers beyond 2^53 mean different numbers to different JSON readers.
inline constexpr uint64_t kMaxInteger = (uint64_t{1} << 53) - 1;

/// Refuses besides what is no JSON: duplicate keys, deep nesting, zero bytes, a byte-order mark,
/// bad UTF-8, more than kMaxDefinitionBytes. Errors: Reject("definition.invalid") beginning with
/// the line and column, or with the path.
absl::StatusOr<nlohmann::json> ParseStrictly(std::string_view text);

/// A piece of the input as a message may show it.
std::string Shown(std::string_view text);

/// One value of the tree with the path that leads to it. Like base::Reader, it remembers the first
/// fault; after it every read gives an empty result, so that code reads all fields and asks once.
class Value {
 public:
  Value(const nlohmann::json& json, std::string path, absl::Status* fault)
      : json_(&json), path_(std::move(path)), fault_(fault) {}

  const std::string& path() const { return path_; }
  bool ok() const { return fault_->ok(); }
  /// The fault becomes Reject("definition.invalid", "path: why"), unless there is one.
  void Fail(std::string_view why) const;

  /// Fails unless this is an object with all `required` and at most the `optional` fields besides.
  void Fields(std::initializer_list<std::string_view> required,
              std::initializer_list<std::string_view> optional = {}) const;
  bool Has(std::string_view name) const;
  /// The field `name`; a missing one fails.
  Value operator[](std::string_view name) const;
  /// The members of an object, in ascending order of their names.
  std::vector<std::pair<std::string, Value>> Members() const;
  /// The items of an array of `lo`..`hi`.
  std::vector<Value> Items(size_t lo, size_t hi) const;

  uint64_t Whole(uint64_t lo, uint64_t hi) const;
  uint32_t Whole32(uint32_t lo, uint32_t hi) const { return static_cast<uint32_t>(Whole(lo, hi)); }
  bool Flag() const;
  /// Any string, even empty. `instead` says what belongs where a template still has a placeholder.
  std::string Text(std::string_view instead) const;
  std::string NonEmptyText(std::string_view instead) const;
  /// 1 to 64 of a-z, 0-9, '-' and the characters of `more`.
  std::string Id(std::string_view more = "", std::string_view instead = "a short name") const;
  uint64_t Time() const;

 private:
  Value Child(const nlohmann::json& json, std::string_view name) const;

  const nlohmann::json* json_;
  std::string path_;
  absl::Status* fault_;
};

/// Fails if `item` was seen before.
template <typename T>
void Distinct(std::set<T>& seen, const T& item, const Value& value, std::string_view what) {
  if (value.ok() && !seen.insert(item).second)
    value.Fail(base::Cat("the same ", what, " appears twice"));
}

/// A text in every one of `languages` and in no other.
Texts ReadTexts(const Value& value, const std::vector<std::string>& languages,
                bool may_be_empty = false);

}  // namespace urna::poll
