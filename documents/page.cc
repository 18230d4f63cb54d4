#include "documents/page.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "documents/text.h"

namespace urna::documents {
namespace {

using base::Cat;

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

// --- Text ----------------------------------------------------------------------------------------

constexpr size_t kLineWidth = 80;
constexpr size_t kTextColumn = 46;
constexpr size_t kNumberColumn = 12;

std::string Blanks(size_t count) { return std::string(count, ' '); }

/// Breaks harmless text at blanks into lines of `width`; a longer word has a line of its own.
std::vector<std::string> Lines(std::string_view raw, size_t width) {
  const std::string text = Plain(raw);
  std::vector<std::string> lines = {""};
  for (const std::string_view word : base::Split(text, ' ')) {
    if (word.empty()) continue;
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (Width(line) + 1 + Width(word) <= width) {
      line += Cat(" ", word);
    } else {
      lines.emplace_back(word);
    }
  }
  return lines;
}

std::string Wrapped(std::string_view text, size_t indent) {
  std::string out;
  for (const std::string& line : Lines(text, kLineWidth - indent)) {
    out += Cat(Blanks(indent), line, "\n");
  }
  return out;
}

std::string Trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string PairsText(const Pairs& pairs) {
  std::string out;
  size_t width = 0;
  for (const auto& [label, value] : pairs.rows) width = std::max(width, Width(Plain(label)));
  for (const auto& [label, value] : pairs.rows) {
    const std::vector<std::string> lines =
        pairs.verbatim ? std::vector<std::string>{Plain(value)}
                       : Lines(value, std::max<size_t>(30, kLineWidth - 4 - width));
    for (size_t i = 0; i < lines.size(); ++i) {
      out += Cat("  ", PadRight(i == 0 ? label : "", width), "  ", lines[i], "\n");
    }
  }
  return out;
}

std::string ParagraphText(const Paragraph& paragraph) {
  switch (paragraph.kind) {
    case Paragraph::Kind::kPlain:
    case Paragraph::Kind::kPollText:
      return Wrapped(paragraph.text, 2);
    case Paragraph::Kind::kVerdict:
      return Wrapped(Cat(">>> ", paragraph.text), 2);
    case Paragraph::Kind::kAlarm:
      return Wrapped(Cat("*** ", paragraph.text, " ***"), 2);
    case Paragraph::Kind::kNote:
      return Wrapped(paragraph.text, 2);
    case Paragraph::Kind::kCode: {
      std::string out;
      for (const std::string_view line : base::Split(paragraph.text, '\n')) {
        out += Cat("    ", Plain(line), "\n");
      }
      return out;
    }
    case Paragraph::Kind::kHeading:
      return Wrapped(Cat(paragraph.text, ":"), 2);
  }
  return "";
}

/// `value` to the scale in which the longest of `bars` is `length`; something for any above 0.
uint64_t BarLength(const Chart& chart, const Chart::Bar& bar, uint64_t length) {
  uint64_t longest = 1;
  for (const Chart::Bar& other : chart.bars) longest = std::max(longest, other.value);
  const auto scaled = static_cast<uint64_t>((unsigned __int128){bar.value} * length / longest);
  return bar.value > 0 ? std::max<uint64_t>(scaled, 1) : 0;
}

std::string ChartText(const Chart& chart) {
  constexpr size_t kBarWidth = 24;
  constexpr size_t kLabelWidth = 40;
  std::string out = Wrapped(chart.caption, 2);
  size_t number_width = 0;
  for (const Chart::Bar& bar : chart.bars) number_width = std::max(number_width, Width(bar.text));
  for (const Chart::Bar& bar : chart.bars) {
    const std::vector<std::string> lines = Lines(bar.label, kLabelWidth);
    for (size_t i = 0; i < lines.size(); ++i) {
      std::string line = Cat("  ", PadRight(lines[i], kLabelWidth));
      if (i == 0) {
        line += Cat("  ", PadLeft(bar.text, number_width), "  ",
                    std::string(BarLength(chart, bar, kBarWidth), bar.filled ? '#' : '-'));
      }
      out += Cat(Trimmed(std::move(line)), "\n");
    }
  }
  return out;
}

std::string PageText(const Page& page) {
  std::string out;
  const auto ruled = [&](std::string_view line, char rule) {
    const std::string plain = Plain(line);
    out += Cat(plain, "\n", std::string(std::min(Width(plain), kLineWidth), rule), "\n");
  };
  if (!page.banner.empty()) out += Cat("*** ", Plain(page.banner), " ***\n\n");
  ruled(page.kind, '=');
  out += Cat("\n", Wrapped(page.title, 0));
  for (const Section& section : page.sections) {
    out += "\n";
    ruled(section.subject.empty() ? section.heading : Cat(section.heading, ": ", section.subject),
          '-');
    for (const auto& block : section.blocks) {
      out += "\n";
      out += std::visit(Overloaded{[](const Paragraph& p) { return ParagraphText(p); },
                                   [](const Pairs& p) { return PairsText(p); },
                                   [](const Table& t) { return TableText(t, 2); },
                                   [](const Chart& c) { return ChartText(c); }},
                        block);
    }
  }
  if (!page.banner.empty()) out += Cat("\n*** ", Plain(page.banner), " ***\n");
  return out;
}

// --- HTML ----------------------------------------------------------------------------------------

constexpr std::string_view kStyle = R"(
:root { color: #111; background: #fff; }
body { font: 11pt/1.4 "Liberation Serif", "Noto Serif", Georgia, "Times New Roman", serif;
  max-width: 46em; margin: 2em auto; padding: 0 1em; }
nav { text-align: right; font-size: 0.9em; }
nav a { color: inherit; margin-left: 1em; }
article + article { margin-top: 4em; border-top: 1px solid #999; padding-top: 2em; }
header { text-align: center; border-bottom: 3px double #111; padding-bottom: 0.8em; }
.kind { font-size: 1.05em; letter-spacing: 0.08em; text-transform: uppercase; margin: 0 0 0.6em; }
h1 { font-size: 1.6em; line-height: 1.25; margin: 0; }
h2 { font-size: 1.15em; margin: 1.6em 0 0.5em; border-bottom: 1px solid #111; }
h3 { font-size: 1em; margin: 1.2em 0 0.4em; }
p { margin: 0.5em 0; }
figure { margin: 0.7em 0; }
.chart { font-size: 0.82em; margin: 0.3em 0; }
.chart th, .chart td { border: 0; padding: 0.1em 0.4em; vertical-align: middle; }
.chart th { width: 45%; }
.chart svg { display: block; width: 100%; height: 0.9em; }
.chart rect { stroke: #111; stroke-width: 1px; vector-effect: non-scaling-stroke; }
.filled { fill: #333; }
.empty { fill: #fff; }
.banner { border: 3px solid #a00; color: #a00; font-weight: bold; text-align: center; padding: 0.4em;
  letter-spacing: 0.05em; margin: 0 0 1em; }
.alarm { border: 2px solid #a00; padding: 0.4em 0.7em; font-weight: bold; }
.question { font-size: 1.08em; font-style: italic; }
.verdict { border: 1.5px solid #111; padding: 0.5em 0.8em; font-weight: bold; font-size: 1.08em; }
.note { font-size: 0.85em; color: #333; }
table { border-collapse: collapse; width: 100%; margin: 0.7em 0; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { border: 1px solid #777; padding: 0.25em 0.5em; text-align: left; vertical-align: top;
  font-weight: normal; overflow-wrap: break-word; }
thead th { background: #eee; font-weight: bold; font-size: 0.88em; overflow-wrap: normal; hyphens: auto; }
td.verbatim { overflow-wrap: anywhere; }
.number:first-child { width: 2.2em; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead .number { white-space: normal; }
.total > * { font-weight: bold; border-top: 2px solid #111; }
.wide { font-size: 0.82em; }
.wide th, .wide td { padding: 0.2em 0.35em; }
.wide th:first-child { min-width: 6.5em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15em 1em; margin: 0.6em 0; }
dt { color: #333; max-width: 15em; }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
code, pre, .verbatim { font-family: "Liberation Mono", "DejaVu Sans Mono", monospace; font-size: 0.82em; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #999; padding: 0.5em; }
@page { size: A4; margin: 18mm 17mm 20mm;
  @bottom-center { content: counter(page) " / " counter(pages); font-size: 9pt; } }
@media print {
  body { font-size: 10.5pt; max-width: none; margin: 0; padding: 0; }
  nav { display: none; }
  article + article { break-before: page; border: 0; margin: 0; padding: 0; }
  h2, h3, figcaption { break-after: avoid; }
  tr, .verdict, .alarm, dl > * { break-inside: avoid; }
  thead { display: table-header-group; }
  thead th { print-color-adjust: exact; }
}
)";

class HtmlWriter {
 public:
  explicit HtmlWriter(const Page& page) : page_(page) {}

  std::string Write() {
    out_ = Cat("<article id=\"", HtmlEscaped(page_.tag), "\" lang=\"", HtmlEscaped(page_.words_tag),
               "\">\n<header>\n");
    Banner();
    Element("p", "class=\"kind\"", page_.kind);
    Element("h1", PollText(), page_.title);
    out_ += "</header>\n";
    for (const Section& section : page_.sections) WriteSection(section);
    Banner();
    out_ += "</article>\n";
    return std::move(out_);
  }

 private:
  /// The attribute of an element whose content is in the poll's language.
  std::string PollText() const {
    return page_.texts_tag == page_.words_tag
               ? std::string("dir=\"auto\"")
               : Cat("dir=\"auto\" lang=\"", HtmlEscaped(page_.texts_tag), "\"");
  }

  void Element(std::string_view name, std::string_view attributes, std::string_view text) {
    out_ += Cat("<", name, attributes.empty() ? "" : " ", attributes, ">", HtmlEscaped(text), "</",
                name, ">\n");
  }

  void Banner() {
    if (!page_.banner.empty()) Element("p", "class=\"banner\"", page_.banner);
  }

  void WriteSection(const Section& section) {
    out_ += "<section>\n";
    out_ += Cat("<h2>", HtmlEscaped(section.heading));
    if (!section.subject.empty()) {
      out_ += Cat(": <span ", PollText(), ">", HtmlEscaped(section.subject), "</span>");
    }
    out_ += "</h2>\n";
    for (const auto& block : section.blocks) {
      std::visit([this](const auto& b) { Write(b); }, block);
    }
    out_ += "</section>\n";
  }

  void Write(const Paragraph& paragraph) {
    switch (paragraph.kind) {
      case Paragraph::Kind::kPlain:
        Element("p", "", paragraph.text);
        return;
      case Paragraph::Kind::kPollText:
        Element("p", Cat("class=\"question\" ", PollText()), paragraph.text);
        return;
      case Paragraph::Kind::kVerdict:
        Element("p", "class=\"verdict\"", paragraph.text);
        return;
      case Paragraph::Kind::kAlarm:
        Element("p", "class=\"alarm\"", paragraph.text);
        return;
      case Paragraph::Kind::kNote:
        Element("p", "class=\"note\"", paragraph.text);
        return;
      case Paragraph::Kind::kCode:
        out_ += "<pre><code>";
        for (const std::string_view line : base::Split(paragraph.text, '\n')) {
          out_ += Cat(HtmlEscaped(line), "\n");
        }
        out_ += "</code></pre>\n";
        return;
      case Paragraph::Kind::kHeading:
        Element("h3", "", paragraph.text);
        return;
    }
  }

  void Write(const Pairs& pairs) {
    out_ += "<dl>\n";
    for (const auto& [label, value] : pairs.rows) {
      Element("dt", "", label);
      Element("dd", pairs.verbatim ? "class=\"verbatim\"" : "dir=\"auto\"", value);
    }
    out_ += "</dl>\n";
  }

  void Write(const Table& table) {
    constexpr size_t kManyColumns = 7;
    out_ += table.columns.size() >= kManyColumns ? "<table class=\"wide\">\n" : "<table>\n";
    Element("caption", "", table.caption);
    out_ += "<thead>\n<tr>\n";
    for (const Table::Column& column : table.columns) {
      Element("th", column.number ? "scope=\"col\" class=\"number\"" : "scope=\"col\"",
              column.head);
    }
    out_ += "</tr>\n</thead>\n<tbody>\n";
    for (size_t r = 0; r < table.rows.size(); ++r) {
      const bool total = table.last_is_total && r + 1 == table.rows.size();
      out_ += total ? "<tr class=\"total\">\n" : "<tr>\n";
      bool named = false;  // the first cell that is no number names the row
      for (size_t c = 0; c < table.columns.size(); ++c) {
        const Table::Column& column = table.columns[c];
        std::string attributes = column.number      ? "class=\"number\""
                                 : column.verbatim  ? "class=\"verbatim\""
                                 : column.poll_text ? PollText()
                                                    : std::string();
        const bool name = !named && !column.number;
        if (name) attributes = Cat("scope=\"row\"", attributes.empty() ? "" : " ", attributes);
        named = named || name;
        Element(name ? "th" : "td", attributes, table.rows[r][c]);
      }
      out_ += "</tr>\n";
    }
    out_ += "</tbody>\n</table>\n";
  }

  /// Bars are drawn, not coloured backgrounds, which browsers leave out on paper.
  void Write(const Chart& chart) {
    constexpr uint64_t kLength = 1000;
    out_ += "<figure>\n";
    Element("figcaption", "class=\"note\"", chart.caption);
    out_ += "<table class=\"chart\">\n<tbody>\n";
    for (const Chart::Bar& bar : chart.bars) {
      out_ += "<tr>\n";
      Element("th", Cat("scope=\"row\" ", PollText()), bar.label);
      const uint64_t length = BarLength(chart, bar, kLength);
      out_ +=
          Cat("<td aria-hidden=\"true\"><svg viewBox=\"0 0 ", kLength,
              " 10\" preserveAspectRatio=\"none\"><rect class=\"", bar.filled ? "filled" : "empty",
              "\" x=\"0\" y=\"0\" width=\"", length, "\" height=\"10\"/></svg></td>\n");
      Element("td", "class=\"number\"", bar.text);
      out_ += "</tr>\n";
    }
    out_ += "</tbody>\n</table>\n</figure>\n";
  }

  const Page& page_;
  std::string out_;
};

}  // namespace

std::string TableText(const Table& table, size_t indent) {
  // A column is as wide as its cells ask for, up to a limit that no single word breaks.
  std::vector<size_t> widths;
  const auto longest_word = [](std::string_view text) {
    size_t longest = 0;
    for (const std::string& word : Lines(text, 0)) longest = std::max(longest, Width(word));
    return longest;
  };
  for (size_t c = 0; c < table.columns.size(); ++c) {
    const Table::Column& column = table.columns[c];
    size_t wanted = Width(Plain(column.head));
    size_t word = longest_word(column.head);
    for (const auto& row : table.rows) {
      wanted = std::max(wanted, Width(Plain(row[c])));
      word = std::max(
          word, column.number || column.verbatim ? Width(Plain(row[c])) : longest_word(row[c]));
    }
    const size_t limit = column.number ? kNumberColumn : kTextColumn;
    widths.push_back(std::min(wanted, std::max(limit, word)));
  }
  std::string out;
  const auto write = [&](const auto& text_of) {
    std::vector<std::vector<std::string>> cells;
    size_t height = 0;
    for (size_t c = 0; c < table.columns.size(); ++c) {
      cells.push_back(Lines(text_of(c), widths[c]));
      height = std::max(height, cells.back().size());
    }
    for (size_t i = 0; i < height; ++i) {
      std::string line = Blanks(indent);
      for (size_t c = 0; c < cells.size(); ++c) {
        const std::string_view cell = i < cells[c].size() ? cells[c][i] : std::string_view();
        line += c == 0 ? "" : "  ";
        line += table.columns[c].number ? PadLeft(cell, widths[c]) : PadRight(cell, widths[c]);
      }
      out += Cat(Trimmed(std::move(line)), "\n");
    }
  };
  const auto rule = [&] {
    std::string line = Blanks(indent);
    for (size_t c = 0; c < widths.size(); ++c) {
      line += Cat(c == 0 ? "" : "  ", std::string(widths[c], '-'));
    }
    out += Cat(line, "\n");
  };
  write([&](size_t c) { return table.columns[c].head; });
  rule();
  for (size_t r = 0; r < table.rows.size(); ++r) {
    if (table.last_is_total && r > 0 && r + 1 == table.rows.size()) rule();
    write([&](size_t c) { return table.rows[r][c]; });
  }
  return out;
}

std::string PagesText(const std::vector<Page>& pages) {
  std::string out;
  for (const Page& page : pages) {
    if (!out.empty()) out += Cat("\n\n", std::string(kLineWidth, '#'), "\n\n");
    out += PageText(page);
  }
  return out;
}

std::string PagesHtml(const std::vector<Page>& pages) {
  const Page& first = pages.front();
  std::string out =
      Cat("<!DOCTYPE html>\n<html lang=\"", HtmlEscaped(first.words_tag),
          "\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          HtmlEscaped(Cat(first.banner.empty() ? "" : first.banner,
                          first.banner.empty() ? "" : " – ", first.kind, " – ", first.title)),
          "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n");
  if (pages.size() > 1) {
    out += "<nav>\n";
    for (const Page& page : pages) {
      out += Cat("<a href=\"#", HtmlEscaped(page.tag), "\" lang=\"", HtmlEscaped(page.words_tag),
                 "\">", HtmlEscaped(page.language), "</a>\n");
    }
    out += "</nav>\n";
  }
  out += "<main>\n";
  for (const Page& page : pages) out += HtmlWriter(page).Write();
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace urna::documents
