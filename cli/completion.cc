#include "cli/completion.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>

#include "base/text.h"

namespace urna::cli {
namespace {

using base::Cat;

enum class Kind { kNothing, kFiles, kFolders, kChoices };

Kind KindOf(const Argument& argument) {
  if (!argument.choices.empty()) return Kind::kChoices;
  if (argument.value == "DIR") return Kind::kFolders;
  return argument.value == "FILE" || argument.value == "TEXT" ? Kind::kFiles : Kind::kNothing;
}

std::string Join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += Cat(out.empty() ? "" : " ", word);
  return out;
}

/// In single quotes of a POSIX shell or zsh.
std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// "_urna_server" for "urna-server".
std::string FunctionName(std::string_view path) {
  std::string out = "_";
  for (const char c : path) out += c == '-' || c == ' ' ? '_' : c;
  return out;
}

/// The options that may stand after `command`: its own and, because of CLI11's fallthrough, those
/// of the program.
std::vector<Argument> OptionsOf(const Command& command, const Command& program) {
  std::vector<Argument> options;
  std::set<std::string> seen;
  for (const std::vector<Argument>* from : {&command.arguments, &program.arguments}) {
    for (const Argument& argument : *from) {
      const bool of_program = from == &program.arguments && &command != &program;
      if (argument.positional || (of_program && argument.names.back() == "--version")) continue;
      if (seen.insert(argument.names.back()).second) options.push_back(argument);
    }
  }
  return options;
}

std::vector<Argument> PositionalsOf(const Command& command) {
  std::vector<Argument> out;
  std::ranges::copy_if(command.arguments, std::back_inserter(out), &Argument::positional);
  return out;
}

void ForEach(const Command& command, const std::function<void(const Command&)>& visit) {
  visit(command);
  for (const Command& child : command.commands) ForEach(child, visit);
}

// --- bash ---

std::string BashKind(const Argument& argument) {
  switch (KindOf(argument)) {
    case Kind::kFiles:
      return "files";
    case Kind::kFolders:
      return "folders";
    case Kind::kChoices:
      return Quoted(Join(argument.choices));
    case Kind::kNothing:
      break;
  }
  return "nothing";
}

// --- zsh ---

/// A description within a specification of _arguments.
std::string ZshText(std::string_view text) {
  std::string out;
  for (const char c : FirstSentence(std::string(text))) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string ZshAction(const Argument& argument) {
  switch (KindOf(argument)) {
    case Kind::kFiles:
      return "_files";
    case Kind::kFolders:
      return "_files -/";
    case Kind::kChoices:
      return Cat("(", Join(argument.choices), ")");
    case Kind::kNothing:
      break;
  }
  return " ";
}

std::string ZshFunction(const Command& command, const Command& program) {
  std::string out = Cat(FunctionName(command.path), "() {\n");
  if (!command.commands.empty()) {
    out +=
        "  local context state state_descr line ret=1\n  typeset -A opt_args\n  local -a commands\n"
        "  commands=(\n";
    for (const Command& child : command.commands) {
      std::string name = child.name + ":" + FirstSentence(child.description);
      out += Cat("    ", Quoted(name), "\n");
    }
    out += "  )\n";
  }
  out += Cat("  _arguments -s -S", command.commands.empty() ? "" : " -C");
  for (const Argument& option : OptionsOf(command, program)) {
    const std::string value =
        option.value.empty() ? "" : Cat(":", ZshText(option.value), ":", ZshAction(option));
    for (const std::string& name : option.names) {
      // Without "*" an option is offered once.
      const std::string spec = Cat(option.repeatable ? "*" : "", name,
                                   option.value.empty() || name.size() == 2 ? "" : "=", "[",
                                   ZshText(option.description), "]", value);
      out += Cat(" \\\n    ", Quoted(spec));
    }
  }
  if (command.commands.empty()) {
    for (const Argument& argument : PositionalsOf(command)) {
      out += Cat(" \\\n    ", Quoted(Cat(argument.repeatable ? "*" : "", ":",
                                         ZshText(argument.names[0]), ":", ZshAction(argument))));
    }
    return out + "\n}\n";
  }
  out +=
      " \\\n    '1: :->command' \\\n    '*:: :->arguments' && ret=0\n  case $state in\n"
      "    command) _describe command commands && ret=0 ;;\n"
      "    arguments)\n      case $line[1] in\n";
  for (const Command& child : command.commands) {
    out += Cat("        ", child.name, ") ", FunctionName(child.path), " && ret=0 ;;\n");
  }
  return out + "      esac ;;\n  esac\n  return ret\n}\n";
}

// --- fish ---

/// In single quotes of fish, where only \ and ' are special.
std::string FishQuoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string FishAction(const Argument& argument) {
  switch (KindOf(argument)) {
    case Kind::kFiles:
      return " -r -F";
    case Kind::kFolders:
      return " -x -a '(__fish_complete_directories)'";
    case Kind::kChoices:
      return Cat(" -x -a ", FishQuoted(Join(argument.choices)));
    case Kind::kNothing:
      break;
  }
  return " -x";
}

/// "--key|-k" of all options that take a value, once each.
std::set<std::string> OptionsWithValue(const Command& program) {
  std::set<std::string> names;
  ForEach(program, [&](const Command& command) {
    for (const Argument& argument : command.arguments) {
      if (argument.positional || argument.value.empty()) continue;
      names.insert(argument.names.begin(), argument.names.end());
    }
  });
  return names;
}

}  // namespace

std::string BashCompletion(const Command& program) {
  const std::string function = FunctionName(program.name);
  std::string paths, options, values, positionals, taking;
  for (const std::string& name : OptionsWithValue(program)) {
    taking += Cat(taking.empty() ? "" : "|", name);
  }
  ForEach(program, [&](const Command& command) {
    const std::string at = Quoted(command.path);
    std::vector<std::string> names;
    for (const Command& child : command.commands) {
      names.push_back(child.name);
      paths += Cat(paths.empty() ? "      " : "|\\\n      ", Quoted(child.path));
    }
    std::string words;
    for (const Argument& option : OptionsOf(command, program)) {
      words += Cat(words.empty() ? "" : " ", Join(option.names));
      if (option.value.empty()) continue;
      for (const std::string& name : option.names) {
        values +=
            Cat("    ", Quoted(Cat(command.path, " ", name)), ") kind=", BashKind(option), " ;;\n");
      }
    }
    options += Cat("    ", at, ")\n      options=", Quoted(words),
                   "\n      commands=", Quoted(Join(names)), " ;;\n");
    const std::vector<Argument> own = PositionalsOf(command);
    for (size_t i = 0; i < own.size(); ++i) {
      positionals += Cat("    ", Quoted(Cat(command.path, " ", i)), own[i].repeatable ? "*" : "",
                         ") kind=", BashKind(own[i]), " ;;\n");
    }
  });
  const auto cases = [](std::string_view subject, std::string_view body, std::string_view indent) {
    return body.empty() ? std::string()
                        : Cat(indent, "case ", subject, " in\n", body, indent, "esac\n");
  };
  return Cat("# Completion of ", program.name, " for bash; made from the program's own commands.\n",
             function, "() {\n",
             "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
             "  # bash may split --option=value into three words.\n"
             "  if [[ $cur == '=' ]]; then cur=''; elif [[ $prev == '=' ]]; then "
             "prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
             "  local path=",
             Quoted(program.name),
             " word='' index=0 i options='' commands='' kind=''\n"
             "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
             "    word=${COMP_WORDS[i]}\n"
             "    case $word in\n",
             taking.empty()
                 ? ""
                 : Cat("      ", taking,
                       ")\n        if [[ ${COMP_WORDS[i+1]:-} == '=' ]]; then ((i++)); fi\n"
                       "        ((i++)); continue ;;\n"),
             "      -*) continue ;;\n"
             "    esac\n"
             "    case \"$path $word\" in\n",
             paths.empty() ? "" : Cat(paths, ") path=\"$path $word\" ;;\n"),
             "      *) ((index++)) ;;\n"
             "    esac\n"
             "  done\n",
             cases("$path", options, "  "), cases("\"$path $prev\"", values, "  "),
             "  if [[ -z $kind && $cur == -* ]]; then\n"
             "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
             "    return\n"
             "  fi\n"
             "  if [[ -z $kind && -n $commands && $index -eq 0 ]]; then kind=$commands; fi\n"
             "  if [[ -z $kind ]]; then\n",
             cases("\"$path $index\"", positionals, "    "), "    : \"${kind:=nothing}\"\n",
             "  fi\n"
             "  case $kind in\n"
             "    nothing) COMPREPLY=() ;;\n"
             "    files) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); compopt -o filenames "
             "2>/dev/null ;;\n"
             "    folders) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); compopt -o filenames "
             "2>/dev/null ;;\n"
             "    *) mapfile -t COMPREPLY < <(compgen -W \"$kind\" -- \"$cur\") ;;\n"
             "  esac\n"
             "}\n"
             "complete -F ",
             function, " ", program.name, "\n");
}

std::string ZshCompletion(const Command& program) {
  std::string out = Cat("#compdef ", program.name, "\n# Completion of ", program.name,
                        " for zsh; made from the program's own commands.\n");
  ForEach(program, [&](const Command& command) { out += ZshFunction(command, program); });
  // Run by the completion system on first use, or sourced.
  const std::string function = FunctionName(program.name);
  return out + Cat("if [ \"$funcstack[1]\" = ", function, " ]; then\n  ", function,
                   " \"$@\"\nelse\n  compdef ", function, " ", program.name, "\nfi\n");
}

std::string FishCompletion(const Command& program) {
  const std::string at = Cat("_", FunctionName(program.name), "_at");
  std::string known, taking;
  ForEach(program, [&](const Command& command) {
    if (&command != &program) known += " " + FishQuoted(command.path);
  });
  for (const std::string& name : OptionsWithValue(program)) taking += " " + name;
  std::string out = Cat(
      "# Completion of ", program.name, " for fish; made from the program's own commands.\n",
      "function ", at, " -d 'Whether the command line has come to this command'\n",
      "    set -l path ", program.name, "\n    set -l skip 0\n",
      "    for word in (commandline -opc)[2..-1]\n",
      "        if test $skip = 1\n            set skip 0\n            continue\n        end\n",
      taking.empty()
          ? ""
          : Cat("        if contains -- $word", taking, "\n            set skip 1\n        end\n"),
      known.empty() ? ""
                    : Cat("        if contains -- \"$path $word\"", known,
                          "\n            set path \"$path $word\"\n        end\n"),
      "    end\n    test \"$path\" = \"$argv\"\nend\n", "complete -c ", program.name, " -f\n");
  ForEach(program, [&](const Command& command) {
    const std::string line =
        Cat("complete -c ", program.name, " -n ", FishQuoted(Cat(at, " ", command.path)));
    for (const Command& child : command.commands) {
      out +=
          Cat(line, " -a ", child.name, " -d ", FishQuoted(FirstSentence(child.description)), "\n");
    }
    for (const Argument& option : OptionsOf(command, program)) {
      out += line;
      for (const std::string& name : option.names) {
        out += name.starts_with("--") ? Cat(" -l ", name.substr(2)) : Cat(" -s ", name.substr(1));
      }
      out += Cat(option.value.empty() ? "" : FishAction(option), " -d ",
                 FishQuoted(FirstSentence(option.description)), "\n");
    }
    for (const Argument& argument : PositionalsOf(command)) {
      if (KindOf(argument) == Kind::kNothing) continue;
      // "-F" overrides the "-f" of the whole program; what is offered needs no option before it.
      std::string action = FishAction(argument);
      if (const size_t r = action.find(" -r"); r == 0) action = action.substr(3);
      if (const size_t x = action.find(" -x"); x == 0) action = action.substr(3);
      out += Cat(line, action, "\n");
    }
  });
  return out;
}

}  // namespace urna::cli
