#pragma once

#include <CLI/CLI.hpp>

#include "cli/manual.h"

namespace urna::cli {

/// Gives a program its manual and completions, made from the tree of `app` as it is when asked:
/// the commands `man [PAGE] [--out DIR]` and `completion SHELL`, or, where the program has no
/// commands, the flags --man, --man-folder DIR and --completion SHELL. Sets the help's end of `app`
/// to the exit statuses. When they have done their work they throw CLI::Success, as --help does.
/// Call it after all other commands were added.
void AddDocumentation(CLI::App* app, const Facts& facts);

}  // namespace urna::cli
