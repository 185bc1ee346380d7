#include "zoo/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/fixed.h"
#include "zoo/columns.h"

namespace octavo::zoo {
namespace {

using Json = nlohmann::json;

Row row(const std::string& name) {
  Row out;
  out.name = name;
  out.weights = "pretrained";
  out.measured = "2026-11-24";
  out.host = {"A processor", "avx2", "gcc", "0.1.0", 2};
  out.macs = 1'800'000'000;
  out.one_thread = {1, 1, 12.3456, 81};
  return out;
}

RowAccuracy accuracy() {
  RowAccuracy out;
  out.data = "pictures";
  out.n = 5000;
  out.float_top1 = 70.25;
  out.float_ci95 = {69, 71.5};
  out.quantized_top1 = 70;
  out.quantized_ci95 = {68.75, 71.25};
  out.drop = 0.25;
  out.drop_ci95 = {-0.125, 0.625};
  out.agree = 98;
  out.verdict = "equivalent";
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) out.push_back(line);
  return out;
}

size_t occurrences(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

constexpr TableFormat formats[] = {TableFormat::markdown, TableFormat::csv, TableFormat::json,
                                   TableFormat::html};

TEST(ZooColumns, EachHasItsOwnKeyAndSectionsAreWhole) {
  std::vector<std::string_view> keys, sections;
  for (const Column& column : columns()) {
    EXPECT_EQ(std::count(keys.begin(), keys.end(), column.key), 0) << column.key;
    keys.push_back(column.key);
    if (sections.empty() || sections.back() != column.section) {
      EXPECT_EQ(std::count(sections.begin(), sections.end(), column.section), 0);
      sections.push_back(column.section);
    }
    EXPECT_EQ(column.key.starts_with("board_"), column.source == Origin::board) << column.key;
  }
}

TEST(ZooColumns, FixedRoundsAndClaimsNoSignOfZero) {
  EXPECT_EQ(fixed(12.3456, 2), "12.35");
  EXPECT_EQ(fixed(-0.001, 2), "0.00");
  EXPECT_EQ(fixed(-0.5, 2), "-0.50");
  EXPECT_EQ(fixed(std::numeric_limits<double>::max(), 2).size(), 312u);
}

TEST(ZooTable, KeepsTheOrderOfTheZooAndAModelsNewestRow) {
  Row older = row("ResNet18"), newer = row("ResNet18");
  newer.one_thread->ms = 7;
  const auto table_of = Json::parse(
      table({row("VargConvNet"), older, newer, row("EdgeNeXt_base")}, TableFormat::json));
  ASSERT_EQ(table_of["rows"].size(), 3u);
  EXPECT_EQ(table_of["rows"][0]["model"], "EdgeNeXt_base");
  EXPECT_EQ(table_of["rows"][1]["model"], "ResNet18");
  EXPECT_EQ(table_of["rows"][1]["ms_one_thread"], 7);
  EXPECT_EQ(table_of["rows"][2]["model"], "VargConvNet");
  EXPECT_EQ(table_of["not_measured"].size(), models().size() - 3);
}

TEST(ZooTable, NeverFillsAFigureThatWasNotMeasured) {
  // Everything that the zoo and the board know of this model must stay out of measured columns.
  const auto cells = Json::parse(table({row("ResNet18")}, TableFormat::json))["rows"][0];
  for (const Column& column : columns()) {
    const Json& cell = cells[std::string(column.key)];
    if (column.source == Origin::board) {
      EXPECT_TRUE(cell.is_number()) << column.key;
    } else if (column.member == "accuracy" || column.member == "parameters" ||
               column.member == "plan_bytes" || column.member == "all_streams") {
      EXPECT_TRUE(cell.is_null()) << column.key;
    }
  }
  EXPECT_EQ(cells["board_float_top1"], 71.49);
  EXPECT_EQ(cells["gmacs"], 1.8);
}

TEST(ZooTable, MarkdownNumbersTheReasonsOfEmptyCells) {
  Row first = row("ResNet18"), second = row("VargConvNet");
  first.reasons["accuracy"] = "made-up weights | claim\n<no> accuracy";
  second.accuracy = accuracy();
  const std::string text = table({first, second}, TableFormat::markdown);
  EXPECT_NE(text.find("made-up weights \\| claim"), std::string::npos);
  EXPECT_NE(text.find("\\<no\\> accuracy"), std::string::npos);
  EXPECT_NE(text.find("68.75 to 71.25"), std::string::npos);
  size_t columns_before = 0;
  for (const std::string& line : lines_of(text)) {
    if (!line.starts_with("|")) {
      columns_before = 0;
      continue;
    }
    const size_t count = occurrences(line, "|") - occurrences(line, "\\|");
    EXPECT_TRUE(columns_before == 0 || columns_before == count) << line;
    columns_before = count;
  }
}

TEST(ZooTable, CsvHasAsManyFieldsInEveryLine) {
  Row first = row("ResNet18");
  first.weights = "=1+1";
  first.reasons["accuracy"] = "no \"pictures\"";
  Row second = row("VargConvNet");
  second.accuracy = accuracy();
  const auto lines = lines_of(table({first, second}, TableFormat::csv));
  ASSERT_EQ(lines.size(), 3u);
  // Doubts and reasons hold commas inside quotes: counted outside of them.
  const auto fields = [](const std::string& line) {
    bool inside = false;
    size_t count = 1;
    for (const char c : line) {
      if (c == '"') inside = !inside;
      if (c == ',' && !inside) ++count;
    }
    return count;
  };
  EXPECT_EQ(fields(lines[1]), fields(lines[0]));
  EXPECT_EQ(fields(lines[2]), fields(lines[0]));
  EXPECT_NE(lines[1].find("'=1+1"), std::string::npos);
  EXPECT_TRUE(lines[1].ends_with("\"accuracy: no \"\"pictures\"\"\"")) << lines[1];
  EXPECT_NE(lines[2].find("70,68.75,71.25,0.25,-0.125,0.625"), std::string::npos) << lines[2];
}

TEST(ZooTable, SaysThatMadeUpWeightsClaimNoAccuracy) {
  Row made_up = row("ResNet18");
  made_up.weights = "made up, seed 1";
  for (const TableFormat format : {TableFormat::markdown, TableFormat::json, TableFormat::html}) {
    EXPECT_NE(table({made_up}, format).find("All rows have made-up weights"), std::string::npos);
    EXPECT_NE(table({made_up, row("VargConvNet")}, format).find("1 of 2 rows have made-up"),
              std::string::npos);
    EXPECT_EQ(table({row("ResNet18")}, format).find("claim no accuracy"), std::string::npos);
  }
}

TEST(ZooTable, MarksRowsOfDifferentHosts) {
  Row other = row("VargConvNet");
  other.host.cpu = "Another processor";
  const auto two = Json::parse(table({row("ResNet18"), other}, TableFormat::json));
  EXPECT_NE(two["rows"][0]["host"], two["rows"][1]["host"]);
  EXPECT_NE(table({row("ResNet18"), other}, TableFormat::markdown).find("2 hosts"),
            std::string::npos);
  EXPECT_EQ(table({row("ResNet18")}, TableFormat::markdown).find("| Host"), std::string::npos);
}

TEST(ZooTable, HostileTextsStayTexts) {
  Row bad = row("ResNet18");
  bad.name = "</th><script>1</script>";
  bad.weights = "\"'><script>2</script>{{script}}";
  bad.host.cpu = "<script>3</script>";
  bad.reasons["accuracy"] = "\" onfocus=\"4<script>\n{{body}}";
  bad.accuracy.reset();
  const std::string text = table({bad}, TableFormat::html);
  EXPECT_EQ(occurrences(text, "<script>"), 1u);  // the page's own
  EXPECT_EQ(occurrences(text, "onfocus=\""), 0u);
  EXPECT_NE(text.find("{{script}}"), std::string::npos);
  EXPECT_EQ(occurrences(text, "<tbody>"), 1u);
}

TEST(ZooTable, PictureKeepsToOneDataSet) {
  Row one = row("ResNet18"), two = row("VargConvNet"), other = row("GoogLeNet");
  one.accuracy = two.accuracy = other.accuracy = accuracy();
  other.accuracy->data = "fifty <classes>";
  const std::string text = table({one, two, other}, TableFormat::html);
  EXPECT_EQ(occurrences(text, "class=\"mark "), 2u);
  one.accuracy->data = two.accuracy->data = "fifty <classes>";
  const std::string all = table({one, two, other}, TableFormat::html);
  EXPECT_EQ(occurrences(all, "class=\"mark "), 3u);
  EXPECT_NE(all.find("pictures of fifty &lt;classes&gt;"), std::string::npos);
  EXPECT_EQ(all.find("<classes>"), std::string::npos);
}

TEST(ZooTable, PictureShowsAMarkALineThatHasBothItsFigures) {
  Row with = row("ResNet18"), without = row("VargConvNet");
  with.accuracy = accuracy();
  const std::string mixed = table({with, without}, TableFormat::html);
  EXPECT_EQ(occurrences(mixed, "class=\"mark "), 1u);
  EXPECT_NE(mixed.find("Quantized Top-1 over latency, pictures of pictures"), std::string::npos);
  const std::string neither = table({without}, TableFormat::html);
  EXPECT_EQ(occurrences(neither, "class=\"mark "), 1u);
  EXPECT_NE(neither.find("no Top-1 was measured"), std::string::npos);
  without.one_thread.reset();
  EXPECT_EQ(table({without}, TableFormat::html).find("<svg"), std::string::npos);
}

TEST(ZooTable, BearsExtremeFigures) {
  for (const double ms :
       {0.0, 5e-324, 1e-9, 1e12, 1e-300, 9e15, 1e300, std::numeric_limits<double>::max()}) {
    Row extreme = row("ResNet18"), usual = row("VargConvNet");
    extreme.accuracy = accuracy();
    extreme.accuracy->quantized_ci95 = {0, 100};
    extreme.one_thread->ms = ms;
    extreme.accuracy->float_top1 = -ms;
    extreme.macs = std::numeric_limits<int64_t>::max();
    usual.accuracy = accuracy();
    for (const TableFormat format : formats) {
      const std::string text = table({extreme, usual}, format);
      EXPECT_LT(text.size(), 200'000u) << ms;
      EXPECT_EQ(text.find("=\"nan"), std::string::npos) << ms;
      EXPECT_EQ(text.find("=\"inf"), std::string::npos) << ms;
    }
    extreme.accuracy->quantized_top1 = ms;
    EXPECT_LT(table({extreme, usual}, TableFormat::html).size(), 200'000u) << ms;
    extreme.accuracy.reset();
    extreme.macs = 1;
    EXPECT_LT(table({extreme, usual}, TableFormat::html).size(), 200'000u) << ms;
  }
}

TEST(ZooTable, OfNoRowsIsStillATable) {
  for (const TableFormat format : formats) EXPECT_FALSE(table({}, format).empty());
}

}  // namespace
}  // namespace octavo::zoo
