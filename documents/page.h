#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace urna::documents {

/// A document before it is text or HTML. Texts in it are raw; the writers make them harmless.

struct Paragraph {
  enum class Kind : uint8_t {
    kPlain,
    kPollText,  ///< a text of the poll, in Page::texts_tag
    kVerdict,   ///< what was decided
    kAlarm,     ///< must not be overlooked
    kNote,      ///< small print
    kCode,      ///< commands, line by line as they are
    kHeading,   ///< of what follows within a section
  };
  Kind kind = Kind::kPlain;
  std::string text;
};

/// Labels and values.
struct Pairs {
  std::vector<std::pair<std::string, std::string>> rows;
  bool verbatim = false;  ///< values are keys and the like
};

struct Table {
  struct Column {
    std::string head;
    bool number = false;     ///< to the right
    bool poll_text = false;  ///< cells are texts of the poll
    bool verbatim = false;   ///< cells are keys and the like
  };
  std::string caption;  ///< said to those who do not see the table; on screens and paper left out
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
  bool last_is_total = false;
};

/// Bars to one scale. They say the same in black and white.
struct Chart {
  struct Bar {
    std::string label;  ///< has a text of the poll in it
    uint64_t value = 0;
    std::string text;  ///< the value for readers
    bool filled = false;
  };
  std::string caption;
  std::vector<Bar> bars;
};

using Block = std::variant<Paragraph, Pairs, Table, Chart>;

struct Section {
  std::string heading;
  std::string subject;  ///< text of the poll after the heading; "" for none
  std::vector<Block> blocks;
};

/// The whole document in one language.
struct Page {
  std::string tag;        ///< of the language that it is for: unique among the pages
  std::string words_tag;  ///< of the words
  std::string texts_tag;  ///< of the poll's texts
  std::string language;   ///< its own name: "polski"
  std::string kind;       ///< "Record of the result of the vote"
  std::string banner;     ///< rehearsal; "" for none
  std::string title;      ///< of the poll
  std::vector<Section> sections;
};

/// A table for a terminal, indented by `indent` blanks, with a line end after each line. Long cells
/// and heads are broken at blanks.
std::string TableText(const Table& table, size_t indent);

/// Pages one after another, lines of at most 80 columns but for what cannot be broken.
std::string PagesText(const std::vector<Page>& pages);
/// One self-contained HTML page: no script, nothing from outside, made for A4 too.
std::string PagesHtml(const std::vector<Page>& pages);

}  // namespace urna::documents
