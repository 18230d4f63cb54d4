#pragma once

#include <string>

#include "cli/command.h"

namespace urna::cli {

/// Scripts by which a shell completes commands, options, the choices and files that they take.
/// Files are offered for values called FILE or TEXT, folders for DIR, nothing for others.
std::string BashCompletion(const Command& program);
std::string ZshCompletion(const Command& program);
std::string FishCompletion(const Command& program);

}  // namespace urna::cli
