#include "client/letter_page.h"

#include <cairo-pdf.h>
#include <pango/pangocairo.h>
#include <qrencode.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"
#include "client/code_uri.h"
#include "client/letter_texts.h"

namespace urna::client {
namespace {

using base::Cat;
using crypto::SecretText;

// --- Measures ---
// Millimetres on A4. Window and folding marks are those of DIN 5008 form B, which fits envelopes
// DL and C5/C6 with a window on the left; on the right the window is as far from its edge.

constexpr double kPoints = 72 / 25.4;  // PDF points of a millimetre
constexpr double kPageWidth = 210, kPageHeight = 297;
constexpr double kLeft = 20, kRight = 190, kWidth = kRight - kLeft;
constexpr double kWindowTop = 45, kWindowWidth = 80, kWindowHeight = 45;
constexpr double kReturnLine = 5.5;  // of the window, for the sender
// Below the first fold, so that neither the window shows the code nor a crease goes through it.
constexpr double kBoxTop = 107.5, kBoxHeight = 42;
constexpr double kQrSize = 34;
constexpr double kTextTop = kBoxTop + kBoxHeight + 4.5, kTextBottom = 281;
constexpr double kFooter = 285;
constexpr double kGap = 6;  // between columns
constexpr size_t kMostColumns = 3;
constexpr double kLargestText = 10, kSmallestText = 6.5;  // points

constexpr char kSans[] = "Open Sans, DejaVu Sans";
constexpr char kMono[] = "DejaVu Sans Mono";

struct Unreference {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  void operator()(cairo_pattern_t* pattern) const { cairo_pattern_destroy(pattern); }
  void operator()(PangoLayout* layout) const { g_object_unref(layout); }
  void operator()(PangoContext* context) const { g_object_unref(context); }
  void operator()(PangoFontMap* map) const { g_object_unref(map); }
  void operator()(PangoFontDescription* font) const { pango_font_description_free(font); }
  void operator()(QRcode* code) const { QRcode_free(code); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unreference>;

absl::Status Wrong(std::string_view why) {
  return base::Failure(absl::StatusCode::kInvalidArgument, why);
}

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (static_cast<uint8_t>(c) >= 0x20 || c == '\n')
      out += c;
  }
  return out;
}

/// Sets text in millimetres. One for each thread: Pango's font maps are not shared between them.
class Typesetter {
 public:
  Typesetter() : map_(pango_cairo_font_map_new()), context_(pango_font_map_create_context(&*map_)) {
    pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(map_.get()), 72);
    cairo_font_options_t* options = cairo_font_options_create();
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(context_.get(), options);
    cairo_font_options_destroy(options);
  }

  struct Style {
    const char* family = kSans;
    double points = 10;
    bool bold = false;
    PangoAlignment align = PANGO_ALIGN_LEFT;
    std::string language = "en";
  };
  /// Text with markup, wrapped at `width`; 0: not wrapped.
  Owned<PangoLayout> Set(const std::string& markup, const Style& style, double width) const {
    Owned<PangoLayout> layout(pango_layout_new(context_.get()));
    const Owned<PangoFontDescription> font(pango_font_description_from_string(style.family));
    pango_font_description_set_size(font.get(), static_cast<int>(style.points * PANGO_SCALE));
    if (style.bold) pango_font_description_set_weight(font.get(), PANGO_WEIGHT_BOLD);
    pango_layout_set_font_description(layout.get(), font.get());
    pango_layout_set_alignment(layout.get(), style.align);
    if (width > 0) {
      pango_layout_set_width(layout.get(), static_cast<int>(width * kPoints * PANGO_SCALE));
      pango_layout_set_wrap(layout.get(), PANGO_WRAP_WORD_CHAR);
    }
    pango_layout_set_markup(layout.get(), markup.data(), static_cast<int>(markup.size()));
    PangoAttrList* attributes = pango_layout_get_attributes(layout.get());
    PangoAttribute* language =
        pango_attr_language_new(pango_language_from_string(style.language.c_str()));
    PangoAttrList* own =
        attributes == nullptr ? pango_attr_list_new() : pango_attr_list_copy(attributes);
    pango_attr_list_insert_before(own, language);
    pango_layout_set_attributes(layout.get(), own);
    pango_attr_list_unref(own);
    return layout;
  }

 private:
  Owned<PangoFontMap> map_;
  Owned<PangoContext> context_;
};

double Height(PangoLayout* layout) {
  int height = 0;
  pango_layout_get_size(layout, nullptr, &height);
  return height / kPoints / PANGO_SCALE;
}
double WidthOf(PangoLayout* layout) {
  int width = 0;
  pango_layout_get_size(layout, &width, nullptr);
  return width / kPoints / PANGO_SCALE;
}

void Show(cairo_t* cairo, PangoLayout* layout, double x, double y) {
  cairo_move_to(cairo, x * kPoints, y * kPoints);
  pango_cairo_show_layout(cairo, layout);
}

void Line(cairo_t* cairo, double x1, double y1, double x2, double y2, double points) {
  cairo_set_line_width(cairo, points);
  cairo_move_to(cairo, x1 * kPoints, y1 * kPoints);
  cairo_line_to(cairo, x2 * kPoints, y2 * kPoints);
  cairo_stroke(cairo);
}

absl::Status CheckGlyphs(PangoLayout* layout, std::string_view what) {
  if (pango_layout_get_unknown_glyphs_count(layout) == 0) return absl::OkStatus();
  return Wrong(
      Cat(what,
          ": no installed font has all of its characters; install the Debian packages "
          "fonts-open-sans and fonts-dejavu-core, or one for its script (fonts-noto-core)"));
}

std::string Joined(const std::vector<std::string>& pieces, std::string_view separator) {
  std::string out;
  for (const std::string& piece : pieces) {
    if (!out.empty()) out += separator;
    out += piece;
  }
  return out;
}

/// The distinct non-empty results of `get` over the sections.
template <typename Get>
std::vector<std::string> Distinct(const LetterDesign& design, Get get) {
  std::vector<std::string> out;
  for (const LetterSection& section : design.sections) {
    const std::string& text = get(section);
    if (!text.empty() && std::ranges::find(out, text) == out.end()) out.push_back(text);
  }
  return out;
}

double WindowLeft(const LetterDesign& design) {
  return design.window_right ? kRight - kWindowWidth : kLeft;
}
double InfoLeft(const LetterDesign& design) {
  return design.window_right ? kLeft : kLeft + kWindowWidth + 15;
}
constexpr double kInfoWidth = kWidth - kWindowWidth - 15;

std::string SectionMarkup(const LetterSection& section) {
  std::string markup;
  for (const LetterSection::Paragraph& paragraph : section.paragraphs) {
    if (!markup.empty()) markup += "\n<span size=\"35%\"> </span>\n";
    markup += Cat("<b>", Escaped(paragraph.heading), "</b>");
    for (size_t i = 0; i < paragraph.lines.size(); ++i) {
      markup += '\n';
      if (paragraph.numbered) markup += Cat("<b>", i + 1, ".</b> ");
      markup += Escaped(paragraph.lines[i]);
    }
  }
  return markup;
}

/// What all letters of a document share, as one recorded surface: cairo writes it into a PDF once.
class Template {
 public:
  static absl::StatusOr<Owned<cairo_surface_t>> Record(const LetterDesign& design,
                                                       const Typesetter& type) {
    const cairo_rectangle_t page = {0, 0, kPageWidth * kPoints, kPageHeight * kPoints};
    Owned<cairo_surface_t> surface(
        cairo_recording_surface_create(CAIRO_CONTENT_COLOR_ALPHA, &page));
    const Owned<cairo_t> cairo(cairo_create(surface.get()));
    Template self(design, type, cairo.get());
    self.Rehearsal();
    URNA_RETURN_IF_ERROR(self.Head());
    URNA_RETURN_IF_ERROR(self.Box());
    URNA_RETURN_IF_ERROR(self.Sections());
    self.Marks();
    return surface;
  }

 private:
  Template(const LetterDesign& design, const Typesetter& type, cairo_t* cairo)
      : design_(design), type_(type), cairo_(cairo) {}

  void Ink(double grey) { cairo_set_source_rgb(cairo_, grey, grey, grey); }

  /// In the background, across the lower half of the page, in every language.
  void Rehearsal() {
    const auto words = Distinct(
        design_, [](const auto& s) -> auto& { return s.rehearsal; });
    if (words.empty()) return;
    const auto layout = type_.Set(Escaped(Joined(words, "\n")),
                                  {.points = 84, .bold = true, .align = PANGO_ALIGN_CENTER}, 0);
    const double width = WidthOf(layout.get()), height = Height(layout.get());
    cairo_save(cairo_);
    cairo_translate(cairo_, kPageWidth / 2 * kPoints, 210 * kPoints);
    cairo_rotate(cairo_, -0.5);
    const double scale = std::min(1.0, 185 / std::hypot(width, height / 2));
    cairo_scale(cairo_, scale, scale);
    Ink(0.92);
    Show(cairo_, layout.get(), -width / 2, -height / 2);
    cairo_restore(cairo_);
  }

  absl::Status Head() {
    Ink(0);
    const size_t end = design_.sender.find('\n');
    const std::string name = design_.sender.substr(0, end);
    const std::string rest = end == std::string::npos ? "" : design_.sender.substr(end);
    const auto head = type_.Set(
        Cat("<span size=\"130%\" weight=\"bold\">", Escaped(name), "</span>", Escaped(rest)),
        {.points = 10}, kWidth * 0.6);
    URNA_RETURN_IF_ERROR(CheckGlyphs(head.get(), "the sender"));
    if (Height(head.get()) > kWindowTop - 17) return Wrong("the sender's lines are too many");
    Show(cairo_, head.get(), kLeft, 14);

    std::string line = design_.sender;
    for (size_t at; (at = line.find('\n')) != std::string::npos;) line.replace(at, 1, " · ");
    const double window = WindowLeft(design_);
    auto small = type_.Set(Escaped(line), {.points = 6.5}, 0);
    if (WidthOf(small.get()) > kWindowWidth) {
      const double points = 6.5 * kWindowWidth / WidthOf(small.get());
      if (points < 4) return Wrong("the sender is too long for the window's first line");
      small = type_.Set(Escaped(line), {.points = points}, 0);
    }
    Show(cairo_, small.get(), window, kWindowTop + 1);
    Line(cairo_, window, kWindowTop + kReturnLine - 0.5, window + kWindowWidth,
         kWindowTop + kReturnLine - 0.5, 0.4);

    std::string markup;
    for (size_t i = 0; i < design_.titles.size(); ++i) {
      markup += i == 0 ? Cat("<span size=\"130%\" weight=\"bold\">", Escaped(design_.titles[i]),
                             "</span>")
                       : Cat("\n", Escaped(design_.titles[i]));
    }
    double points = 10;
    auto title = type_.Set(markup, {.points = points}, kInfoWidth);
    while (Height(title.get()) > kWindowHeight - 12 && points > kSmallestText) {
      title = type_.Set(markup, {.points = points -= 0.5}, kInfoWidth);
    }
    if (Height(title.get()) > kWindowHeight - 12) {
      return Wrong("the poll's title is too long for a letter; choose fewer --lang");
    }
    URNA_RETURN_IF_ERROR(CheckGlyphs(title.get(), "the poll's title"));
    Show(cairo_, title.get(), InfoLeft(design_), kWindowTop);

    const auto words = Distinct(
        design_, [](const auto& s) -> auto& { return s.rehearsal; });
    if (words.empty()) return absl::OkStatus();
    const double room = kWidth * 0.4 - 8;
    const std::string text = Escaped(Joined(words, " · "));
    auto rehearsal = type_.Set(text, {.points = 20, .bold = true}, 0);
    if (WidthOf(rehearsal.get()) > room) {
      rehearsal =
          type_.Set(text, {.points = 20 * room / WidthOf(rehearsal.get()), .bold = true}, 0);
    }
    const double width = WidthOf(rehearsal.get()), height = Height(rehearsal.get());
    cairo_set_line_width(cairo_, 1.5);
    cairo_rectangle(cairo_, (kRight - width - 6) * kPoints, 14 * kPoints, (width + 6) * kPoints,
                    (height + 3) * kPoints);
    cairo_stroke(cairo_);
    Show(cairo_, rehearsal.get(), kRight - width - 3, 15.5);
    return absl::OkStatus();
  }

  absl::Status Box() {
    const double r = 2.5 * kPoints;
    const double x = kLeft * kPoints, y = kBoxTop * kPoints;
    const double w = kWidth * kPoints, h = kBoxHeight * kPoints;
    cairo_new_sub_path(cairo_);
    cairo_arc(cairo_, x + w - r, y + r, r, -M_PI / 2, 0);
    cairo_arc(cairo_, x + w - r, y + h - r, r, 0, M_PI / 2);
    cairo_arc(cairo_, x + r, y + h - r, r, M_PI / 2, M_PI);
    cairo_arc(cairo_, x + r, y + r, r, M_PI, 3 * M_PI / 2);
    cairo_close_path(cairo_);
    cairo_set_line_width(cairo_, 1.2);
    Ink(0.15);
    cairo_stroke(cairo_);
    Ink(0);
    const auto words = Distinct(
        design_, [](const auto& s) -> auto& { return s.heading_of_code; });
    const double room = kWidth - kQrSize - 18;
    const auto heading = type_.Set(Escaped(Joined(words, words.size() > 2 ? "\n" : "  ·  ")),
                                   {.points = words.size() > 2 ? 9.0 : 10.5, .bold = true}, room);
    URNA_RETURN_IF_ERROR(CheckGlyphs(heading.get(), "the heading of the code"));
    Show(cairo_, heading.get(), kLeft + 6, kBoxTop + 5);
    return absl::OkStatus();
  }

  absl::Status Sections() {
    const size_t columns = std::min(design_.sections.size(), kMostColumns);
    const double width =
        (kWidth - kGap * static_cast<double>(columns - 1)) / static_cast<double>(columns);
    for (double points = kLargestText; points >= kSmallestText; points -= 0.25) {
      if (SetSections(points, columns, width, /*draw=*/false) <= kTextBottom - kTextTop) {
        SetSections(points, columns, width, /*draw=*/true);
        return glyphs_;
      }
    }
    return Wrong(
        Cat("the instructions in ", design_.sections.size(),
            " languages do not fit on one page; choose fewer with --lang, or shorten --where "
            "and --contact"));
  }

  /// Height of all rows of columns.
  double SetSections(double points, size_t columns, double width, bool draw) {
    double top = 0;
    for (size_t first = 0; first < design_.sections.size(); first += columns) {
      if (first != 0) top += kGap;
      double row = 0;
      for (size_t i = first; i < std::min(first + columns, design_.sections.size()); ++i) {
        const LetterSection& section = design_.sections[i];
        const double x = kLeft + static_cast<double>(i - first) * (width + kGap);
        const auto text = type_.Set(SectionMarkup(section),
                                    {.points = points, .language = section.language}, width);
        const auto never =
            type_.Set(Escaped(section.never),
                      {.points = points, .bold = true, .language = section.language}, width - 5);
        const double text_height = Height(text.get());
        const double never_height = Height(never.get());
        if (draw) {
          glyphs_.Update(CheckGlyphs(text.get(), "the instructions"));
          Show(cairo_, text.get(), x, kTextTop + top);
          const double y = kTextTop + top + text_height + 3;
          cairo_rectangle(cairo_, x * kPoints, y * kPoints, 1.2 * kPoints, never_height * kPoints);
          cairo_fill(cairo_);
          Show(cairo_, never.get(), x + 4, y);
        }
        row = std::max(row, text_height + 3 + never_height);
      }
      top += row;
    }
    return top;
  }

  /// Where to fold and punch, at the left edge; and the poll's id.
  void Marks() {
    Ink(0.4);
    for (const double y : {105.0, 148.5, 210.0}) Line(cairo_, 5, y, y == 148.5 ? 11 : 9, y, 0.4);
    std::string line;
    if (design_.poll.has_value()) {
      line = Cat(Escaped(design_.poll_heading), " <span font_family=\"", kMono, "\">",
                 base::Hex(*design_.poll), "</span>");
    }
    if (!design_.label.empty()) line += Cat(line.empty() ? "" : "  ·  ", Escaped(design_.label));
    Show(cairo_, type_.Set(line, {.points = 6.5}, 0).get(), kLeft, kFooter);
  }

  const LetterDesign& design_;
  const Typesetter& type_;
  cairo_t* cairo_;
  absl::Status glyphs_;
};

absl::Status ShowQr(cairo_t* cairo, const std::string& content, double x, double y, double size) {
  const Owned<QRcode> code(QRcode_encodeString8bit(content.c_str(), 0, QRecLevel::QR_ECLEVEL_M));
  if (code == nullptr) return Wrong("the QR code has no room");
  const int width = code->width;
  const Owned<cairo_surface_t> image(cairo_image_surface_create(CAIRO_FORMAT_A8, width, width));
  cairo_surface_flush(image.get());
  unsigned char* pixels = cairo_image_surface_get_data(image.get());
  if (pixels == nullptr) return Wrong("no memory for the QR code");
  const int stride = cairo_image_surface_get_stride(image.get());
  for (int row = 0; row < width; ++row) {
    for (int column = 0; column < width; ++column) {
      pixels[row * stride + column] = (code->data[row * width + column] & 1) != 0 ? 0xff : 0;
    }
  }
  cairo_surface_mark_dirty(image.get());
  const double module = size * kPoints / width;
  const Owned<cairo_pattern_t> pattern(cairo_pattern_create_for_surface(image.get()));
  cairo_pattern_set_filter(pattern.get(), CAIRO_FILTER_NEAREST);
  cairo_save(cairo);
  cairo_translate(cairo, x * kPoints, y * kPoints);
  cairo_scale(cairo, module, module);
  cairo_mask(cairo, pattern.get());
  cairo_restore(cairo);
  return absl::OkStatus();
}

/// A line of its own for postal code and town: what follows the last comma, unless the address has
/// lines already.
std::string AddressLines(std::string_view address) {
  address = base::Trim(address);
  const size_t comma = address.rfind(',');
  if (address.find('\n') != std::string_view::npos || comma == std::string_view::npos) {
    return std::string(address);
  }
  return Cat(base::Trim(address.substr(0, comma)), "\n", base::Trim(address.substr(comma + 1)));
}

absl::Status ShowLetter(cairo_t* cairo, const LetterDesign& design, const Typesetter& type,
                        const Letter& letter) {
  cairo_set_source_rgb(cairo, 0, 0, 0);
  const std::string person =
      Escaped(Cat(base::Trim(letter.name), "\n", AddressLines(letter.address)));
  const double room = kWindowHeight - kReturnLine - 5;
  double points = 11;
  auto address = type.Set(person, {.points = points}, kWindowWidth);
  while (Height(address.get()) > room && points > 8) {
    address = type.Set(person, {.points = points -= 0.5}, kWindowWidth);
  }
  if (Height(address.get()) > room) {
    return Wrong("name and address do not fit into the envelope's window");
  }
  URNA_RETURN_IF_ERROR(CheckGlyphs(address.get(), "name or address"));
  Show(cairo, address.get(), WindowLeft(design), kWindowTop + kReturnLine + 3);

  if (const auto style = design.styles.find(letter.style); style != design.styles.end()) {
    const auto layout = type.Set(Escaped(style->second), {.points = 9}, kInfoWidth);
    URNA_RETURN_IF_ERROR(CheckGlyphs(layout.get(), "the ballot style's title"));
    Show(cairo, layout.get(), InfoLeft(design),
         kWindowTop + kWindowHeight - std::min(10.0, Height(layout.get())));
  }

  const auto code =
      type.Set(Escaped(letter.code), {.family = kMono, .points = 23, .bold = true}, 0);
  Show(cairo, code.get(), kLeft + 6, kBoxTop + (kBoxHeight - Height(code.get())) / 2 + 4);
  URNA_RETURN_IF_ERROR(ShowQr(cairo, CodeUri(design.poll, letter.code), kRight - kQrSize - 5,
                              kBoxTop + (kBoxHeight - kQrSize) / 2, kQrSize));

  cairo_set_source_rgb(cairo, 0.4, 0.4, 0.4);
  const auto number =
      type.Set(Escaped(Cat(design.letter_heading, " ", letter.number)), {.points = 6.5}, 0);
  Show(cairo, number.get(), kRight - WidthOf(number.get()), kFooter);
  return absl::OkStatus();
}

cairo_status_t Collect(void* closure, const unsigned char* data, unsigned int size) {
  static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), size);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

absl::StatusOr<SecretText> PrintLetters(const LetterDesign& design,
                                        std::span<const Letter> letters) {
  const Typesetter type;
  URNA_ASSIGN_OR_RETURN(const Owned<cairo_surface_t> common, Template::Record(design, type));
  std::string pdf;
  // Growing would leave copies of the codes behind in memory.
  pdf.reserve((size_t{1} << 20) + letters.size() * 4096);
  const Owned<cairo_surface_t> surface(cairo_pdf_surface_create_for_stream(
      Collect, &pdf, kPageWidth * kPoints, kPageHeight * kPoints));
  // Without a time of its making the same letters are the same bytes.
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE,
                                 "2000-01-01T00:00:00Z");
  const Owned<cairo_t> cairo(cairo_create(surface.get()));
  for (const Letter& letter : letters) {
    cairo_set_source_surface(cairo.get(), common.get(), 0, 0);
    cairo_paint(cairo.get());
    const absl::Status shown = ShowLetter(cairo.get(), design, type, letter);
    if (!shown.ok()) {
      cairo_surface_finish(surface.get());
      const SecretText wiped(std::move(pdf));
      return base::Annotate(shown, Cat("letter ", letter.number));
    }
    cairo_show_page(cairo.get());
  }
  cairo_surface_finish(surface.get());
  const cairo_status_t status = cairo_surface_status(surface.get());
  SecretText text(std::move(pdf));
  if (status != CAIRO_STATUS_SUCCESS) {
    return base::Failure(absl::StatusCode::kResourceExhausted,
                         Cat("cannot make the PDF: ", cairo_status_to_string(status)));
  }
  return text;
}

// --- What the letters say ------------------------------------------------------------------------

namespace {

using Values = std::vector<std::pair<std::string_view, std::string>>;

std::string Filled(std::string_view text, const Values& values) {
  std::string out(text);
  for (const auto& [name, value] : values) {
    const std::string placeholder = Cat("{", name, "}");
    for (size_t at = 0; (at = out.find(placeholder, at)) != std::string::npos;) {
      out.replace(at, placeholder.size(), value);
      at += value.size();
    }
  }
  return out;
}

/// Telephone numbers are not broken between lines.
std::string WithWholeNumbers(std::string_view text) {
  const auto digit = [&](size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool inside = text[i] == ' ' && i > 0 && digit(i - 1) && digit(i + 1);
    out += inside ? std::string_view("\u00a0") : text.substr(i, 1);
  }
  return out;
}

LetterSection MakeSection(const LetterText& text, const poll::Definition* definition,
                          const LetterWords& words, const absl::TimeZone& zone) {
  const auto time = [&](uint64_t seconds) {
    return std::string(base::Trim(absl::FormatTime(base::Absl(text.time_format),
                                                   absl::FromUnixSeconds(int64_t(seconds)), zone)));
  };
  std::string contact = words.contact.empty() ? words.sender : words.contact;
  std::ranges::replace(contact, '\n', ' ');
  contact = WithWholeNumbers(contact);
  Values values = {{"where", words.where}, {"contact", contact}};
  if (definition != nullptr) {
    values.emplace_back("issuing", time(definition->issuing_from));
    values.emplace_back("casting", time(definition->casting_from));
    values.emplace_back("end", time(definition->end));
  }
  const bool again = definition == nullptr || definition->revoting;
  LetterSection section;
  section.language = text.language;
  section.heading_of_code = text.code;
  const auto add = [&](std::string_view heading, std::vector<std::string_view> lines,
                       bool numbered = false) {
    LetterSection::Paragraph paragraph{std::string(heading), {}, numbered};
    for (const std::string_view line : lines) paragraph.lines.push_back(Filled(line, values));
    section.paragraphs.push_back(std::move(paragraph));
  };
  if (definition != nullptr && definition->rehearsal) {
    section.rehearsal = text.rehearsal;
    add(text.rehearsal_note, {});
  }
  if (definition != nullptr) add(text.when_heading, {text.when});
  add(text.where_heading, {"{where}"});
  add(text.how_heading, {text.open, text.choose, again ? text.keep_and_revote : text.keep}, true);
  add(text.check_heading, {text.check});
  add(text.opened_heading, {text.opened});
  add(text.lost_heading, {text.lost});
  section.never = text.never;
  return section;
}

}  // namespace

absl::StatusOr<LetterDesign> DesignLetters(const poll::Definition* definition,
                                           const LetterWords& words,
                                           std::vector<std::string>* without_text) {
  if (base::Trim(words.sender).empty()) return Wrong("the sender is empty");
  if (base::Trim(words.where).empty()) return Wrong("where to vote is empty");
  for (const std::string* text : {&words.sender, &words.contact, &words.where, &words.title}) {
    if (!base::IsUtf8(*text)) return Wrong("sender, contact, place and title must be UTF-8");
  }
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(words.time_zone, &zone)) {
    return Wrong(
        Cat("there is no time zone \"", words.time_zone, "\"; it is called like Europe/Warsaw"));
  }
  std::vector<std::string> languages = words.languages;
  if (languages.empty()) {
    languages = definition != nullptr ? definition->languages : std::vector<std::string>{"en"};
  }
  LetterDesign design;
  design.sender = base::Trim(words.sender);
  design.poll = words.poll;
  design.window_right = words.window_right;
  if (definition == nullptr) {
    if (!words.title.empty()) design.titles.push_back(words.title);
  } else {
    design.label = definition->roll_label;
  }
  std::vector<const LetterText*> used;
  for (const std::string& language : languages) {
    if (definition != nullptr) {
      if (std::ranges::find(definition->languages, language) == definition->languages.end()) {
        return Wrong(Cat("the poll has no language \"", language,
                         "\"; it has: ", Joined(definition->languages, ", ")));
      }
      design.titles.push_back(definition->title.at(language));
    }
    const LetterText* text = LetterTextFor(language);
    if (text == nullptr) {
      without_text->push_back(language);
      text = LetterTextFor("en");
    }
    if (std::ranges::find(used, text) == used.end()) used.push_back(text);
  }
  for (const LetterText* text : used) {
    design.sections.push_back(MakeSection(*text, definition, words, zone));
  }
  design.poll_heading = used.front()->poll;
  design.letter_heading = used.front()->letter;
  if (definition != nullptr) {
    for (const poll::Style& style : definition->styles) {
      std::vector<std::string> titles;
      for (const std::string& language : languages) {
        const std::string& title = style.title.at(language);
        if (std::ranges::find(titles, title) == titles.end()) titles.push_back(title);
      }
      design.styles[style.id] = Joined(titles, " · ");
    }
  }
  return design;
}

std::string LetterDesign::Describe() const {
  std::string out = Cat("urna-letters/1\n", sender, "\n", label, "\n", poll_heading, "\n",
                        letter_heading, "\n", poll.has_value() ? base::Hex(*poll) : "", "\n",
                        window_right ? "right" : "left", "\n", Joined(titles, "\n"), "\n");
  for (const auto& [id, title] : styles) out += Cat(id, "=", title, "\n");
  for (const LetterSection& section : sections) {
    out += Cat(section.language, "\n", section.rehearsal, "\n", section.heading_of_code, "\n",
               SectionMarkup(section), "\n", section.never, "\n");
  }
  return out;
}

}  // namespace urna::client
