#include "poll/definition_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/status.h"

namespace urna::poll {
namespace {

using base::Cat;
using Json = nlohmann::json;

constexpr size_t kMaxNesting = 16;

absl::Status Invalid(std::string_view where, std::string_view why) {
  return base::Reject("definition.invalid", Cat(where, ": ", why));
}

/// At most `max` bytes of `text`, cut between characters.
std::string Shortened(std::string_view text, size_t max) {
  if (text.size() <= max) return std::string(text);
  while (max > 0 && (static_cast<uint8_t>(text[max]) & 0xc0) == 0x80) --max;
  return Cat(text.substr(0, max), "...");
}

/// Characters that a reader does not see, but that change what they see: controls (C0, C1), line
/// and paragraph separators, and the marks that turn the direction of the text around them.
bool HasHiddenControls(std::string_view utf8) {
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<uint8_t>(utf8[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && static_cast<uint8_t>(utf8[i + 1]) < 0xa0) return true;
    if (byte == 0xe2) {
      const auto second = static_cast<uint8_t>(utf8[i + 1]);
      const auto third = static_cast<uint8_t>(utf8[i + 2]);
      if (second == 0x80 && third >= 0xa8 && third <= 0xae) return true;  // U+2028..202E
      if (second == 0x81 && third >= 0xa6 && third <= 0xa9) return true;  // U+2066..2069
    }
  }
  return false;
}

/// "line 12, column 5" of the character that holds the byte at `offset`; columns count characters.
std::string LineAndColumn(std::string_view text, size_t offset) {
  offset = std::min(offset, text.size());
  while (offset < text.size() && offset > 0 &&
         (static_cast<uint8_t>(text[offset]) & 0xc0) == 0x80) {
    --offset;
  }
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto column =
      1 + std::count_if(before.begin() + static_cast<ptrdiff_t>(start), before.end(),
                        [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; });
  return Cat("line ", line, ", column ", column);
}

// --- Text to tree

/// Builds the tree and refuses what nlohmann::json lets pass: duplicate keys and deep nesting.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit TreeBuilder(std::string_view text) : text_(text) {}

  bool null() override { return Add(nullptr) != nullptr; }
  bool boolean(bool value) override { return Add(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return Add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return Add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override {
    return Add(value) != nullptr;
  }
  bool string(string_t& value) override { return Add(std::move(value)) != nullptr; }
  bool binary(binary_t&) override { return false; }  // no such thing in JSON text

  bool start_object(size_t) override { return Open(Json::object()); }
  bool start_array(size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    const bool repeated = open_.back()->contains(name);
    keys_.back() = std::move(name);
    if (repeated) status_ = Invalid(Place(), "this key appears twice");
    return !repeated;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // "[json...] parse error at line 1, column 2: WHAT; last read: 'TEXT'; expected WHAT": the text
    // read last may end within a character, and the reader has it before them anyway.
    std::string what = error.what();
    if (const size_t colon = what.find(": "); colon != std::string::npos) what.erase(0, colon + 2);
    if (const size_t read = what.find("; last read: '"); read != std::string::npos) {
      const size_t expected = what.rfind("'; expected ");
      what.erase(read, expected == std::string::npos ? expected : expected + 1 - read);
    }
    // `position` counts the bytes read, the offending one included.
    status_ = Invalid(LineAndColumn(text_, position == 0 ? 0 : position - 1), Shortened(what, 300));
    return false;
  }

  /// Why the parser was stopped.
  const absl::Status& status() const { return status_; }
  Json Take() { return std::move(root_); }

 private:
  Json* Add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[keys_.back()] = std::move(value));
  }

  bool Open(Json container) {
    Json* added = Add(std::move(container));
    open_.push_back(added);
    keys_.emplace_back();
    if (open_.size() <= kMaxNesting) return true;
    status_ = Invalid(Place(), Cat("nested deeper than ", kMaxNesting, " levels"));
    return false;
  }

  bool Close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  /// "contests[1].options[0].id".
  std::string Place() const {
    std::string place;
    for (size_t i = 0; i < open_.size(); ++i) {
      if (open_[i]->is_array()) {
        if (!open_[i]->empty()) place += Cat("[", open_[i]->size() - 1, "]");
      } else if (!keys_[i].empty()) {
        place += Cat(place.empty() ? "" : ".", Shown(keys_[i]));
      }
    }
    return place.empty() ? "definition" : place;
  }

  std::string_view text_;
  Json root_;
  std::vector<Json*> open_;        // containers from the root to where the parser is
  std::vector<std::string> keys_;  // the current key of each that is an object
  absl::Status status_;
};

}  // namespace

std::string Shown(std::string_view text) {
  std::string out = Shortened(text, 60);
  for (char& c : out) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

absl::StatusOr<Json> ParseStrictly(std::string_view text) {
  if (text.size() > kMaxDefinitionBytes) {
    return Invalid("definition", Cat("is ", text.size(), " bytes long; at most ",
                                     kMaxDefinitionBytes, " are allowed"));
  }
  // The library takes a zero byte for the end of the text and skips a byte-order mark; other
  // readers do neither.
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return Invalid(LineAndColumn(text, zero), "a zero byte is not text");
  }
  if (text.starts_with("\xef\xbb\xbf")) {
    return Invalid("line 1, column 1", "the text begins with a byte-order mark; save it without");
  }
  if (!base::IsUtf8(text)) {
    // UTF-8 has no continuation across a line end: the first bad line holds the fault.
    size_t line = 1;
    for (const std::string_view piece : base::Split(text, '\n')) {
      if (!base::IsUtf8(piece)) break;
      ++line;
    }
    return Invalid(Cat("line ", line), "is not valid UTF-8");
  }
  TreeBuilder builder(text);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) return builder.status();
  return builder.Take();
}

void Value::Fail(std::string_view why) const {
  if (fault_->ok()) *fault_ = Invalid(path_.empty() ? "definition" : path_, why);
}

void Value::Fields(std::initializer_list<std::string_view> required,
                   std::initializer_list<std::string_view> optional) const {
  if (!ok()) return;
  if (!json_->is_object()) return Fail("must be an object, { ... }");
  const auto among = [](std::string_view name, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const auto& item : json_->items()) {
    if (!among(item.key(), required) && !among(item.key(), optional)) {
      return Child(item.value(), Shown(item.key())).Fail("unknown field");
    }
  }
  for (const std::string_view name : required) {
    if (!Has(name)) return Child(*json_, name).Fail("is missing");
  }
}

bool Value::Has(std::string_view name) const {
  return json_->is_object() && json_->contains(std::string(name));
}

Value Value::operator[](std::string_view name) const {
  static const Json kNothing;
  if (ok() && json_->is_object()) {
    const auto found = json_->find(std::string(name));
    if (found != json_->end()) return Child(*found, name);
    Child(kNothing, name).Fail("is missing");
  } else {
    Fail("must be an object, { ... }");
  }
  return Child(kNothing, name);
}

std::vector<std::pair<std::string, Value>> Value::Members() const {
  std::vector<std::pair<std::string, Value>> out;
  if (!json_->is_object()) {
    Fail("must be an object, { ... }");
    return out;
  }
  for (const auto& item : json_->items()) {
    out.emplace_back(item.key(), Child(item.value(), Shown(item.key())));
  }
  return out;
}

std::vector<Value> Value::Items(size_t lo, size_t hi) const {
  std::vector<Value> out;
  if (!ok()) return out;
  if (!json_->is_array()) {
    Fail("must be a list, [ ... ]");
    return out;
  }
  if (json_->size() < lo || json_->size() > hi) {
    Fail(Cat("has ", json_->size(), " entries; ", lo, " to ", hi, " are allowed"));
    return out;
  }
  for (size_t i = 0; i < json_->size(); ++i) {
    out.emplace_back((*json_)[i], Cat(path_, "[", i, "]"), fault_);
  }
  return out;
}

uint64_t Value::Whole(uint64_t lo, uint64_t hi) const {
  if (!ok()) return 0;
  const auto* number = json_->get_ptr<const Json::number_unsigned_t*>();
  if (number == nullptr || *number < lo || *number > hi) {
    Fail(Cat("must be a whole number from ", lo, " to ", hi));
    return 0;
  }
  return *number;
}

bool Value::Flag() const {
  if (!ok()) return false;
  const auto* flag = json_->get_ptr<const bool*>();
  if (flag == nullptr) Fail("must be true or false");
  return flag != nullptr && *flag;
}

std::string Value::Text(std::string_view instead) const {
  if (!ok()) return {};
  const auto* text = json_->get_ptr<const std::string*>();
  if (text == nullptr) {
    Fail("must be a text in quotation marks");
    return {};
  }
  if (text->starts_with("PUT-") && text->ends_with("-HERE")) {
    Fail(Cat("put ", instead));
    return {};
  }
  if (HasHiddenControls(*text)) {
    Fail("has control characters (line breaks, tabs, marks that turn the text's direction)");
    return {};
  }
  return *text;
}

std::string Value::NonEmptyText(std::string_view instead) const {
  std::string text = Text(instead);
  if (ok() && base::Trim(text).empty()) Fail("is empty");
  return text;
}

std::string Value::Id(std::string_view more, std::string_view instead) const {
  std::string id = Text(instead);
  if (!ok()) return {};
  const bool fits =
      !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
               more.find(c) != std::string_view::npos;
      });
  if (!fits) {
    Fail(Cat("must be 1 to 64 characters, each a small letter a-z, a digit or '-'",
             more.empty() ? "" : " or '.'"));
  }
  return id;
}

uint64_t Value::Time() const {
  const std::string text = Text("a time such as 2014-05-25T05:00:00Z");
  uint64_t time = 0;
  if (ok() && (text.size() != std::string_view("2014-05-25T05:00:00Z").size() ||
               !base::ParseUtc(text, &time))) {
    Fail("must be a time in UTC such as \"2014-05-25T05:00:00Z\"");
  }
  return time;
}

Value Value::Child(const Json& json, std::string_view name) const {
  return Value(json, path_.empty() ? std::string(name) : Cat(path_, ".", name), fault_);
}

Texts ReadTexts(const Value& value, const std::vector<std::string>& languages, bool may_be_empty) {
  Texts texts;
  if (!value.ok()) return texts;
  for (const auto& [language, text] : value.Members()) {
    if (std::find(languages.begin(), languages.end(), language) == languages.end()) {
      text.Fail("this language is not among the poll's languages");
    }
    texts[language] =
        may_be_empty ? text.Text("the text itself") : text.NonEmptyText("the text itself");
  }
  for (const std::string& language : languages) value[language];  // fails if it is missing
  return texts;
}

}  // namespace urna::poll
