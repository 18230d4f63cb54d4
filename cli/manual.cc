#include "cli/manual.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string_view>

#include "base/text.h"

namespace urna::cli {
namespace {

using base::Cat;

/// `text` as roff prints it: nothing in it is an escape or a request, and nothing is beyond ASCII.
std::string Plain(std::string_view text) {
  std::string out;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    if (byte(i) < 0x80) {
      static const std::map<char, std::string_view> kEscapes = {
          {'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"}, {'`', "\\(ga"},
          {'^', "\\(ha"}, {'~', "\\(ti"}, {'"', "\\(dq"}};
      const auto escape = kEscapes.find(text[i]);
      if (escape == kEscapes.end()) {
        out += text[i];
      } else {
        out += escape->second;
      }
      ++i;
      continue;
    }
    // UTF-8, which these texts are: they are this program's own.
    const size_t length = byte(i) >= 0xf0 ? 4 : byte(i) >= 0xe0 ? 3 : 2;
    uint32_t point = byte(i) & (0xff >> (length + 1));
    for (size_t k = 1; k < length && i + k < text.size(); ++k) {
      point = point << 6 | (byte(i + k) & 0x3f);
    }
    char escape[16];
    std::snprintf(escape, sizeof escape, "\\[u%04X]", point);
    out += escape;
    i += length;
  }
  return out;
}

/// Plain text as lines that begin with nothing that roff would take for a request.
std::string Lines(std::string_view text) {
  std::string out;
  for (const std::string_view raw : base::Split(text, '\n')) {
    const std::string line = Plain(base::Trim(raw));
    if (line.empty()) continue;
    out += Cat(line.starts_with('.') ? "\\&" : "", line, "\n");
  }
  return out;
}

std::string Bold(std::string_view text) { return Cat("\\fB", Plain(text), "\\fR"); }
std::string Italic(std::string_view text) { return Cat("\\fI", Plain(text), "\\fR"); }

std::string Value(const Argument& argument) {
  if (argument.value.empty()) return "";
  return argument.choices.empty() ? Italic(argument.value) : Plain(argument.value);
}

bool IsHelp(const Argument& argument) {
  return std::ranges::find(argument.names, "--help") != argument.names.end() ||
         std::ranges::find(argument.names, "--version") != argument.names.end();
}

/// The line that shows how a command is called.
std::string Synopsis(const Command& command) {
  std::string line = Bold(command.path);
  bool optional = false;
  for (const Argument& argument : command.arguments) {
    if (argument.positional) continue;
    if (argument.required) {
      line += Cat(" ", Bold(argument.names.back()), " ", Value(argument));
    } else {
      optional = optional || !IsHelp(argument);
    }
  }
  if (optional) line += Cat(" [", Italic("OPTION"), "]...");
  for (const Argument& argument : command.arguments) {
    if (!argument.positional) continue;
    line += argument.required ? Cat(" ", Italic(argument.names[0]))
                              : Cat(" [", Italic(argument.names[0]), "]");
  }
  return line;
}

std::string Options(const Command& command, const std::string& group_heading) {
  std::string out;
  std::string group = "Options";
  for (const bool positional : {true, false}) {
    for (const Argument& argument : command.arguments) {
      if (argument.positional != positional) continue;
      if (!positional && argument.group != group) {
        group = argument.group;
        out += Cat(group_heading, " \"", Plain(group), "\"\n");
      }
      std::string head;
      for (const std::string& name : argument.names) {
        head += Cat(head.empty() ? "" : ", ", positional ? Italic(name) : Bold(name));
      }
      if (!positional && !argument.value.empty()) head += Cat(" ", Value(argument));
      std::string body = Lines(argument.description);
      std::string more;
      const auto add = [&](const std::string& what) {
        more += Cat(more.empty() ? "" : "; ", what);
      };
      if (argument.required) add("required");
      if (argument.repeatable) add("may be given several times");
      if (positional && !argument.choices.empty()) add("one of " + argument.value);
      if (!argument.range.empty()) add(argument.range);
      if (!argument.standard.empty()) add("default: " + argument.standard);
      if (!argument.environment.empty()) add("environment: " + argument.environment);
      if (!more.empty()) body += Lines(Cat("(", more, ")"));
      if (body.empty()) body = Lines("See the synopsis.");
      out += Cat(".TP\n", head, "\n", body);
    }
  }
  return out;
}

/// `after_text`: what stands before is no heading.
std::string Examples(const std::vector<std::string>& examples, bool after_text) {
  std::string out;
  for (const std::string& example : examples) {
    out += Cat(after_text || !out.empty() ? ".PP\n" : "", ".RS 4\n.nf\n", Lines(example),
               ".fi\n.RE\n");
  }
  return out;
}

std::string Table(const Facts::Rows& rows) {
  std::string out;
  for (const auto& [name, text] : rows) out += Cat(".TP\n", Bold(name), "\n", Lines(text));
  return out;
}

void CollectEnvironment(const Command& command, std::map<std::string, std::string>& out) {
  for (const Argument& argument : command.arguments) {
    if (argument.environment.empty()) continue;
    out.emplace(argument.environment,
                Cat("Stands in for ", argument.names.back(), ": ", argument.description));
  }
  for (const Command& child : command.commands) CollectEnvironment(child, out);
}

std::string PageName(const std::string& path) {
  std::string name = path;
  std::ranges::replace(name, ' ', '-');
  return name;
}

void AddSynopses(const Command& command, std::string& out) {
  if (command.commands.empty() || !std::ranges::all_of(command.arguments, IsHelp)) {
    out += Cat(out.empty() ? "" : ".br\n", Synopsis(command), "\n");
  }
  for (const Command& child : command.commands) AddSynopses(child, out);
}

/// The subcommands of `command`, each with its options and examples.
std::string Subcommands(const Command& command) {
  std::string out;
  for (const Command& child : command.commands) {
    out += Cat(".SS \"", Plain(child.path), "\"\n", Lines(child.description));
    for (const std::string& note : child.notes) out += Cat(".PP\n", Lines(note));
    Command shown = child;
    std::erase_if(shown.arguments, IsHelp);
    out += Options(shown, ".TP\n.B");
    out += Examples(child.examples, true);
    out += Subcommands(child);
  }
  return out;
}

struct Wanted {
  bool pages = false;  // the subcommands have pages of their own
  std::vector<std::string> see_also;
};

Page MakePage(const Command& command, const Facts& facts, const Wanted& wanted) {
  const std::string name = PageName(command.path);
  std::string upper = name;
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  std::string out = Cat(
      ".\\\" Made from the program's own commands and options; do not edit.\n.TH ", Plain(upper),
      " ", facts.section, " ", facts.date, " \"Urna ", facts.version, "\" \"Urna's manual\"\n");
  out += Cat(".SH NAME\n", Plain(name), " \\- ", Plain(FirstSentence(command.description)), "\n");
  std::string synopsis;
  if (wanted.pages) {
    synopsis = Cat(Bold(command.path), " ", Italic("COMMAND"), " [", Italic("OPTION"), "]...\n");
  } else {
    AddSynopses(command, synopsis);
  }
  out += Cat(".SH SYNOPSIS\n", synopsis, ".SH DESCRIPTION\n", Lines(command.description));
  for (const std::string& note : command.notes) {
    if (!note.starts_with("Exit status")) out += Cat(".PP\n", Lines(note));
  }
  if (wanted.pages) {
    out += ".SH COMMANDS\n";
    std::string group;
    for (const Command& child : command.commands) {
      if (child.group != group) out += Cat(".SS \"", Plain(child.group), "\"\n");
      group = child.group;
      out += Cat(".TP\n", Bold(child.path), "\n", Lines(child.description));
      for (const Command& grandchild : child.commands) {
        out +=
            Cat(".br\n", Bold(grandchild.name), ": ", Lines(FirstSentence(grandchild.description)));
      }
    }
  }
  const std::string options = Options(command, ".SS");
  if (!options.empty()) out += Cat(".SH OPTIONS\n", options);
  if (!wanted.pages && !command.commands.empty())
    out += Cat(".SH COMMANDS\n", Subcommands(command));
  std::vector<std::string> examples = command.examples;
  if (wanted.pages || !facts.page_per_command) {
    examples.insert(examples.end(), facts.examples.begin(), facts.examples.end());
  }
  if (!examples.empty()) out += ".SH EXAMPLES\n" + Examples(examples, false);
  if (!facts.exit_status.empty()) out += ".SH \"EXIT STATUS\"\n" + Table(facts.exit_status);
  std::map<std::string, std::string> environment(facts.environment.begin(),
                                                 facts.environment.end());
  CollectEnvironment(command, environment);
  if (!environment.empty()) {
    out += ".SH ENVIRONMENT\n" + Table({environment.begin(), environment.end()});
  }
  if (!facts.files.empty()) out += ".SH FILES\n" + Table(facts.files);
  if (!wanted.see_also.empty()) {
    out += ".SH \"SEE ALSO\"\n";
    for (size_t i = 0; i < wanted.see_also.size(); ++i) {
      const std::string& page = wanted.see_also[i];
      const size_t open = page.find('(');
      out += Cat(".BR ", Plain(page.substr(0, open)), " ", page.substr(open),
                 i + 1 < wanted.see_also.size() ? ",\n" : "\n");
    }
  }
  return {Cat(name, ".", facts.section), out};
}

}  // namespace

std::vector<Page> ManualPages(const Command& program, const Facts& facts) {
  std::vector<Page> pages;
  Wanted main{facts.page_per_command, {}};
  const std::string suffix = Cat("(", facts.section, ")");
  if (facts.page_per_command) {
    for (const Command& child : program.commands) {
      main.see_also.push_back(PageName(child.path) + suffix);
    }
  }
  main.see_also.insert(main.see_also.end(), facts.see_also.begin(), facts.see_also.end());
  pages.push_back(MakePage(program, facts, main));
  if (!facts.page_per_command) return pages;
  for (const Command& child : program.commands) {
    Wanted own{false, {PageName(program.path) + suffix}};
    own.see_also.insert(own.see_also.end(), facts.see_also.begin(), facts.see_also.end());
    pages.push_back(MakePage(child, facts, own));
  }
  return pages;
}

}  // namespace urna::cli
