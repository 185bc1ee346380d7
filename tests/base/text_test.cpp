#include "base/text.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>

namespace octavo {
namespace {

TEST(Concat, JoinsTextCharactersAndNumbers) {
  EXPECT_EQ(concat("row ", 3, " of ", uint64_t{5}, ',', ' ', -2, ' ', true), "row 3 of 5, -2 true");
  EXPECT_EQ(concat(), "");
}

TEST(Concat, WritesNumbersInFull) {
  EXPECT_EQ(concat(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(concat(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(concat(0.1f), "0.1");  // the shortest text that reads back as the same float
  EXPECT_EQ(concat(std::numeric_limits<double>::lowest()), "-1.7976931348623157e+308");
  EXPECT_EQ(concat(std::numeric_limits<float>::infinity()), "inf");
}

TEST(Quoted, ShowsControlBytesAsText) {
  EXPECT_EQ(quoted("conv1"), "'conv1'");
  EXPECT_EQ(quoted("a\nb\x1b[31m\x7f"), "'a\\x0ab\\x1b[31m\\x7f'");
  EXPECT_EQ(quoted(std::string_view("\0x", 2)), "'\\x00x'");
}

TEST(Quoted, KeepsUtf8) {
  EXPECT_EQ(quoted("Zürich"), "'Zürich'");
}

TEST(Quoted, CutsTheMiddleOfWhatIsTooLong) {
  const std::string shown = quoted(std::string(100'000, 'x') + "/cat.jpg");
  EXPECT_EQ(shown, "'" + std::string(160, 'x') + "..." + std::string(152, 'x') + "/cat.jpg'");
}

TEST(Quoted, CutsBetweenCharacters) {
  std::string umlauts;
  for (int i = 0; i < 200; ++i) umlauts += "\xc3\xbc";
  std::string half;  // 80 characters of two bytes
  for (int i = 0; i < 79; ++i) half += "\xc3\xbc";
  EXPECT_EQ(quoted("x" + umlauts + "x"), "'x" + half + "..." + half + "x'");
}

TEST(Quoted, KeepsAPathOfOrdinaryLength) {
  const std::string path = std::string(300, 'd') + "/cat.jpg";
  EXPECT_EQ(quoted(path), "'" + path + "'");
}

TEST(Printable, EscapesOnlyControlBytes) {
  EXPECT_EQ(printable("a\nb\x1b[0m 'Zürich'"), "a\\x0ab\\x1b[0m 'Zürich'");
}

TEST(Printable, EscapesWhatATerminalObeysInUnicodeToo) {
  EXPECT_EQ(printable("a\xc2\x9b"
                      "31mb"),
            "a\\xc2\\x9b31mb");  // U+009B, CSI
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "gpj"),
            "a\\xe2\\x80\\xaegpj");                                           // U+202E
  EXPECT_EQ(printable("\xe2\x81\xa6\xd8\x9c"), "\\xe2\\x81\\xa6\\xd8\\x9c");  // U+2066, U+061C
  EXPECT_EQ(printable("\xe2\x80\xa8"), "\\xe2\\x80\\xa8");                    // a line's end
  EXPECT_EQ(printable("東京 \xf0\x9f\xa6\x93"), "東京 \xf0\x9f\xa6\x93");
}

TEST(Printable, EscapesWhatIsNoUtf8) {
  EXPECT_EQ(printable("a\x9b"
                      "b\xff"),
            "a\\x9bb\\xff");
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b");           // too long a form
  EXPECT_EQ(printable("\xe2\x80"), "\\xe2\\x80");           // cut off
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
}

TEST(Quoted, OfAStringIsNotStdQuoted) {
  std::string text = "a\tb";
  const std::string same = text;
  EXPECT_EQ(quoted(text), "'a\\x09b'");
  EXPECT_EQ(quoted(same), "'a\\x09b'");
}

TEST(JsonEscaped, EscapesWhatJsonForbids) {
  EXPECT_EQ(json_escaped("plain / text"), "plain / text");
  EXPECT_EQ(json_escaped("a\"b\\c"), "a\\\"b\\\\c");
  EXPECT_EQ(json_escaped(std::string_view("\0\x1f", 2)), "\\u0000\\u001f");
  EXPECT_EQ(json_escaped("Zürich"), "Zürich");
}

TEST(ListText, ShowsShapes) {
  EXPECT_EQ(list_text(std::array<int32_t, 4>{1, 224, 224, 3}), "[1, 224, 224, 3]");
  EXPECT_EQ(list_text(std::vector<int>{}), "[]");
}

TEST(NearestName, FindsTheOneThatWasMeant) {
  const std::vector<std::string> names{"--threads", "--top", "--isa", "--samples"};
  EXPECT_EQ(nearest_name("--thread", names), "--threads");
  EXPECT_EQ(nearest_name("--treads", names), "--threads");
  EXPECT_EQ(nearest_name("--tpo", names), "--top");
  EXPECT_EQ(nearest_name("--isa", names), "--isa");
}

TEST(NearestName, IsNoneWhereNothingIsNear) {
  EXPECT_EQ(nearest_name("--verbose", {"--isa", "--top"}), "");
  EXPECT_EQ(nearest_name("--isa", {}), "");
}

TEST(NearestName, DoesNotCompareEndlessNames) {
  const std::string endless(1'000'000, 'x');
  EXPECT_EQ(nearest_name(endless, {endless, "--isa"}), "");
  EXPECT_EQ(nearest_name("--isb", {endless, "--isa"}), "--isa");
}

}  // namespace
}  // namespace octavo
