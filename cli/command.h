#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

namespace urna::cli {

/// An option, flag or positional argument of a command, as pages and completions describe it.
struct Argument {
  std::vector<std::string> names;  ///< "-h", "--help"; of a positional its one name
  bool positional = false;
  std::string value;                 ///< "FILE", "DIR", "NUMBER", ...; empty for a flag
  std::vector<std::string> choices;  ///< if only these are allowed
  std::string range;                 ///< "1 - 256", if only these numbers are allowed
  std::string description;
  std::string standard;     ///< the value without the option, if there is one
  std::string environment;  ///< variable that stands in for it
  std::string group;
  bool required = false;
  bool repeatable = false;
};

struct Command {
  std::string name;  ///< "create"
  std::string path;  ///< "urna poll create"
  std::string description;
  std::string group;
  std::vector<std::string> notes;     ///< paragraphs of the help's end
  std::vector<std::string> examples;  ///< command lines
  std::vector<Argument> arguments;
  std::vector<Command> commands;
};

/// What `app` and its subcommands accept. Hidden ones (of the group "") are left out. A footer's
/// part after a line "Example:" becomes the examples.
Command Describe(const CLI::App& app);

/// Names the values of all options in the tree that have no name yet: `names` maps "--key" or a
/// positional's name, or "codes --out" for those of one command, to "FILE", "DIR" or another word,
/// or to "{a,b}" for a choice that the command itself checks. Help, pages and completions then say
/// what is expected.
void NameValues(CLI::App* app, const std::map<std::string, std::string>& names);

/// The first sentence of `text`, without its full stop.
std::string FirstSentence(const std::string& text);

}  // namespace urna::cli
