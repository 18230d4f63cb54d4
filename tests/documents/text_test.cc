#include "documents/text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace urna::documents {
namespace {

TEST(Percent, IsExactAndRoundsHalvesUp) {
  EXPECT_EQ(Percent(1, 3), "33.33");
  EXPECT_EQ(Percent(2, 3), "66.67");
  EXPECT_EQ(Percent(1, 1), "100.00");
  EXPECT_EQ(Percent(0, 7), "0.00");
  EXPECT_EQ(Percent(1, 20000), "0.01");
  EXPECT_EQ(Percent(1, 20001), "0.00");
  EXPECT_EQ(Percent(999949999, 1000000000), "99.99");
  EXPECT_EQ(Percent(UINT64_MAX / 2, UINT64_MAX), "50.00");
  EXPECT_EQ(Percent(5, 0), std::nullopt);
}

TEST(Plain, ReplacesWhatMovesHidesOrTurns) {
  EXPECT_EQ(Plain("Zażółć gęślą jaźń – 日本"), "Zażółć gęślą jaźń – 日本");
  EXPECT_EQ(Plain("a\x1b[2Jb"), "a\xef\xbf\xbd[2Jb");
  EXPECT_EQ(Plain("a\nb\tc\x7f"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c\xef\xbf\xbd");
  for (const char* hidden : {"\xe2\x80\xae", "\xe2\x80\x8b", "\xe2\x81\xa6", "\xef\xbb\xbf",
                             "\xd8\x9c", "\xc2\x85", "\xf3\xa0\x81\x81"}) {
    EXPECT_EQ(Plain(hidden), "\xef\xbf\xbd");
  }
  EXPECT_EQ(Plain("\xff\xfe."), "??.");
}

TEST(HtmlEscaped, LeavesNoMarkup) {
  EXPECT_EQ(HtmlEscaped("<b onclick=\"x\" class='y'>&amp;</b>"),
            "&lt;b onclick=&quot;x&quot; class=&#39;y&#39;&gt;&amp;amp;&lt;/b&gt;");
  EXPECT_EQ(HtmlEscaped("a\xe2\x80\xae"
                        "b"),
            "a\xef\xbf\xbd"
            "b");
}

TEST(JsonEscaped, KeepsTheValueAndShowsNothingHidden) {
  const nlohmann::json value = {{"a", "x\xe2\x80\xaey\xf3\xa0\x81\x81\x1b\nż"}};
  const std::string escaped = JsonEscaped(value.dump(2));
  EXPECT_EQ(nlohmann::json::parse(escaped), value);
  EXPECT_EQ(escaped, "{\n  \"a\": \"x\\u202ey\\udb40\\udc41\\u001b\\nż\"\n}");
}

}  // namespace
}  // namespace urna::documents
