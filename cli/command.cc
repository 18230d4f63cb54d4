#include "cli/command.h"

#include <string_view>

#include "base/text.h"

namespace urna::cli {
namespace {

constexpr std::string_view kUnnamed = "TEXT";  // what CLI11 calls the value of a std::string

void ReadTypeName(const std::string& type_name, Argument& argument) {
  // "VALUE", or "VALUE:CHECK" where a validator describes itself.
  const size_t colon = type_name.find(":{");
  const size_t range = type_name.find(" in [");
  if (type_name.starts_with("{") || colon != std::string::npos) {
    const size_t open = type_name.find('{');
    const std::string_view list =
        std::string_view(type_name).substr(open + 1, type_name.rfind('}') - open - 1);
    for (const std::string_view choice : base::Split(list, ',')) {
      if (!choice.empty()) argument.choices.emplace_back(choice);
    }
    argument.value = base::Cat("{", list, "}");
  } else if (range != std::string::npos) {
    argument.value = "NUMBER";
    argument.range = type_name.substr(range + 5, type_name.rfind(']') - range - 5);
  } else if (type_name == "UINT" || type_name == "INT") {
    argument.value = "NUMBER";
  } else {
    argument.value = type_name;
  }
}

Argument DescribeOption(const CLI::Option& option) {
  Argument argument;
  argument.positional = option.get_positional();
  if (argument.positional) {
    argument.names.push_back(option.get_name(true));
  } else {
    for (const std::string& name : option.get_snames()) argument.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) argument.names.push_back("--" + name);
  }
  argument.description = option.get_description();
  argument.standard = option.get_default_str();
  argument.environment = option.get_envname();
  argument.group = option.get_group();
  argument.required = option.get_required();
  argument.repeatable = option.get_expected_max() > 1;
  if (option.get_items_expected_max() > 0) ReadTypeName(option.get_type_name(), argument);
  return argument;
}

void ReadFooter(const std::string& footer, Command& command) {
  bool example = false;
  std::string paragraph;
  const auto flush = [&] {
    if (!paragraph.empty()) command.notes.push_back(paragraph);
    paragraph.clear();
  };
  for (const std::string_view line : base::Split(footer, '\n')) {
    const std::string_view trimmed = base::Trim(line);
    if (trimmed == "Example:" || trimmed == "Examples:") {
      flush();
      example = true;
    } else if (trimmed.empty()) {
      flush();
    } else if (example && line.starts_with("  ")) {
      command.examples.emplace_back(trimmed);
    } else {
      example = false;
      paragraph += base::Cat(paragraph.empty() ? "" : "\n", trimmed);
    }
  }
  flush();
}

Command DescribeUnder(const CLI::App& app, const std::string& parent,
                      const std::string& parents_footer) {
  Command command;
  command.name = app.get_name();
  command.path = base::Cat(parent, parent.empty() ? "" : " ", command.name);
  command.description = app.get_description();
  command.group = app.get_group();
  // A command without a footer inherits its parent's, of which one showing is enough.
  if (app.get_footer() != parents_footer) ReadFooter(app.get_footer(), command);
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) command.arguments.push_back(DescribeOption(*option));
  }
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!child->get_group().empty()) {
      command.commands.push_back(DescribeUnder(*child, command.path, app.get_footer()));
    }
  }
  return command;
}

}  // namespace

Command Describe(const CLI::App& app) { return DescribeUnder(app, "", ""); }

void NameValues(CLI::App* app, const std::map<std::string, std::string>& names) {
  for (CLI::Option* option : app->get_options([](CLI::Option*) { return true; })) {
    if (option->get_items_expected_max() == 0 || option->get_type_name() != kUnnamed) continue;
    auto name = names.find(base::Cat(app->get_name(), " ", option->get_name()));
    if (name == names.end()) name = names.find(option->get_name());
    if (name != names.end()) option->type_name(name->second);
  }
  for (CLI::App* child : app->get_subcommands([](CLI::App*) { return true; })) {
    NameValues(child, names);
  }
}

std::string FirstSentence(const std::string& text) {
  std::string sentence = text.substr(0, text.find('\n'));
  sentence = sentence.substr(0, sentence.find(". "));
  if (sentence.ends_with('.')) sentence.pop_back();
  return sentence;
}

}  // namespace urna::cli
