#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ledger/checkpoint.h"
#include "poll/reconciliation.h"
#include "poll/state.h"

namespace urna::documents {

/// The record of a result: the official document of a count, made from the ledger alone.
/// docs/verifying.md, "The record of the result".

/// Everything that it says, without words.
struct Facts {
  std::shared_ptr<const poll::Definition> definition;
  crypto::Hash32 definition_sha256{};
  crypto::Hash32 poll{};
  bool cancelled = false;
  std::string reason;  ///< why cancelled
  uint64_t end = 0;    ///< in force
  uint64_t credentials_replaced = 0;
  poll::Course course;
  // Of a poll that was not cancelled:
  std::optional<poll::Result> result;
  std::optional<poll::Reconciliation> reconciliation;
  std::vector<uint32_t> decrypted_by;  ///< trustees (from 1) with a share on the ledger, ascending

  ledger::Checkpoint checkpoint;
  std::string signature;  ///< the ballot box's signature line, without its line end
};

/// `result`: what State::ComputeResult gave; not looked at for a cancelled poll. `checkpoint_note`:
/// the signed checkpoint of exactly this ledger.
/// Errors: FailedPrecondition if the poll is neither certified nor cancelled; Internal if the
/// checkpoint is of another ledger or a certified poll comes without a result; those of
/// OpenCheckpoint.
absl::StatusOr<Facts> GatherFacts(const poll::State& state,
                                  const std::optional<poll::Result>& result,
                                  std::string_view checkpoint_note);

/// Compares every sum and verdict of the document with what it is made of.
/// Errors: Internal naming the first number that does not fit.
absl::Status CheckSums(const Facts& facts);

enum class Format : uint8_t { kText, kHtml, kJson, kCsv };
/// By name, "text", "html", "json" or "csv". Errors: InvalidArgument.
absl::StatusOr<Format> ParseFormat(std::string_view name);
/// By the ending of a file's name: .txt, .html, .json or .csv. Errors: InvalidArgument.
absl::StatusOr<Format> FormatOfFile(std::string_view path);

/// The document: the same facts give the same bytes everywhere. Text and HTML have a part for each
/// of the poll's languages that we have words for; JSON is "urna-result/1"; CSV (RFC 4180) has a
/// row for each option, with what was decided about it in a participatory budget, and no more.
/// Errors: those of CheckSums; then there is no document.
absl::StatusOr<std::string> ResultDocument(const Facts& facts, Format format);

}  // namespace urna::documents
