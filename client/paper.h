#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "poll/payload.h"
#include "poll/state.h"

namespace urna::client {

/// A CSV table with one empty cell for each number of the commissions' protocols: columns style,
/// contest, row, count. Row "(cards)" is of the style; each contest has a row for each option and
/// "(invalid)".
std::string PaperTemplate(const poll::Definition& definition);

/// Reads a filled-in table: one step for each style that has numbers, in the order of styles. A
/// style whose cells are all empty has no paper. Of a style with numbers every cell must be there
/// once, and its sums must agree: at most as many cards as residents without a ballot online; in a
/// contest with one choice, votes and invalid votes are as many as cards, otherwise votes are what
/// the valid cards can give.
/// Errors: InvalidArgument naming file, line, cell, and what is wrong with it.
absl::StatusOr<std::vector<poll::PaperCounted>> ParsePaper(std::string_view file,
                                                           std::string_view text,
                                                           const poll::State& state);

/// The protocol of one style in words, one line for each number.
std::string DescribePaper(const poll::Definition& definition, const poll::PaperCounted& paper);

}  // namespace urna::client
