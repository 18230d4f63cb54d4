#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "poll/counting/profile.h"

namespace urna::poll::counting {

/// Files of Pabulib, the library of participatory budgets (pabulib.org/format): .pb. Three sections
/// META, PROJECTS and VOTES, each a line with its name, a line with its columns, and rows; cells
/// are separated by semicolons and may stand in double quotes, in which a doubled quote is one.

struct PabulibCell {
  std::string text;
  uint32_t line = 0, column = 0;  ///< of its first character in the file, from 1; 0: made here

  bool operator==(const PabulibCell& other) const { return text == other.text; }
};

struct PabulibTable {
  std::vector<PabulibCell> columns;
  std::vector<std::vector<PabulibCell>> rows;  ///< each as long as `columns`

  bool operator==(const PabulibTable&) const = default;
};

/// What such a file says, not yet understood. Order of keys, columns and rows is the file's.
struct PabulibFile {
  std::vector<std::pair<PabulibCell, PabulibCell>> meta;
  PabulibTable projects, votes;
  uint32_t lines = 0;

  /// The value of `key`, or "" if there is none.
  std::string_view Meta(std::string_view key) const;

  bool operator==(const PabulibFile& other) const {
    return meta == other.meta && projects == other.projects && votes == other.votes;
  }
};

/// Reads a file. Takes a byte order mark, any line ends, blanks around cells, empty lines, rows
/// without their last empty cells, and quotes inside a cell. `name` begins every message.
/// Errors: InvalidArgument "NAME: line L, column C: what is wrong".
absl::StatusOr<PabulibFile> ParsePabulib(std::string_view name, std::string_view text);

/// The file as text: UTF-8, lines end in LF, quotes only where needed. ParsePabulib gives it back.
std::string FormatPabulib(const PabulibFile& file);

enum class VoteType : uint8_t {
  kApproval,    ///< projects, one point each
  kChooseOne,   ///< at most one project
  kOrdinal,     ///< best first: k points, k - 1, ... 1 for a ballot of k, unless `points` says it
  kCumulative,  ///< projects and points
  kScoring,     ///< projects and points
};
/// "approval", "choose-1", "ordinal", "cumulative", "scoring".
std::string_view VoteTypeName(VoteType type);

/// A file, understood.
struct PabulibElection {
  Profile profile;
  VoteType type = VoteType::kApproval;
  /// What the file says of its projects, to be compared with a count; never counted from.
  std::vector<std::optional<uint64_t>> votes, score;
  /// 0: not funded; 1: funded; others: funded on other grounds than the rule.
  std::vector<std::optional<uint64_t>> selected;
  /// What a reader of the count must know: ballots that name a project twice (they support it
  /// once, as they name it first), projects that are withdrawn (they cost 999999999), published
  /// sums that are not those of the ballots, and the like. Sentences without their full stop.
  std::vector<std::string> notes;
};

/// Understands a file. Only `budget` and `vote_type` of META, `project_id` and `cost` of PROJECTS,
/// and `vote`, with `points` where the type has them, of VOTES are needed. Money may have decimals.
/// Errors: InvalidArgument as ParsePabulib, for a vote that cannot be counted, for numbers of
/// projects or votes that are not those of META (the file is cut off or put together), and for what
/// CheckProfile refuses.
absl::StatusOr<PabulibElection> ReadPabulib(std::string_view name, const PabulibFile& file);

/// A file of a profile: `meta` and, added to it, num_projects, num_votes, budget and vote_type; the
/// sums of the ballots; which projects are funded if `funded` says so, by project. Voters are
/// numbered in the order of the ballots.
/// Errors: InvalidArgument if CheckProfile refuses, if a ballot is none of `type`, if `meta` has
/// one of the keys that are added, an id holds a comma, or a project that is not withdrawn costs
/// 999999999.
absl::StatusOr<PabulibFile> MakePabulib(
    const Profile& profile, VoteType type,
    const std::vector<std::pair<std::string, std::string>>& meta,
    const std::optional<std::vector<bool>>& funded);

}  // namespace urna::poll::counting
