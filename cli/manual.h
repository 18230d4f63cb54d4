#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"

namespace urna::cli {

/// What a manual says of a program beside its commands and options.
struct Facts {
  using Rows = std::vector<std::pair<std::string, std::string>>;
  std::string version;
  std::string date;  ///< of the version, YYYY-MM-DD
  int section = 1;   ///< of the manual: 1 for everybody's programs, 8 for the operator's
  Rows exit_status;
  Rows environment;  ///< beside the options' own variables
  Rows files;
  std::vector<std::string> examples;
  std::vector<std::string> see_also;  ///< "urna-verify(1)"
  /// A page for each command of the program ("urna-poll"), as git has, instead of one for all.
  bool page_per_command = false;
};

struct Page {
  std::string name;  ///< "urna-poll.1", the file's name
  std::string text;  ///< roff with the man macros, ASCII
};

/// The pages of a program, the program's own first.
std::vector<Page> ManualPages(const Command& program, const Facts& facts);

}  // namespace urna::cli
