#include "zoo/row.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "evaluate/temporary_folder.h"

namespace octavo::zoo {
namespace {

Row whole_row() {
  Row row;
  row.name = "ResNet18";
  row.weights = "pretrained \"a1\"";
  row.model_sha256 = std::string(64, 'a');
  row.plan_sha256 = std::string(64, 'b');
  row.measured = "2026-11-24";
  row.options = "--samples 300";
  row.host = {"A CPU", "avx2", "gcc 12", "0.1.0", 2};
  row.input = {224, 192};
  row.classes = 1000;
  row.parameters = 11'689'512;
  row.macs = 1'814'073'344;
  row.model_bytes = 46'800'000;
  row.plan_bytes = 11'700'000;
  row.calibration_pictures = 300;
  RowAccuracy accuracy;
  accuracy.data = "imagenet";
  accuracy.n = 50'000;
  accuracy.float_top1 = 69.76;
  accuracy.float_ci95 = {69.36, 70.16};
  accuracy.quantized_top1 = 69.5;
  accuracy.quantized_ci95 = {69.1, 69.9};
  accuracy.drop = 0.26;
  accuracy.drop_ci95 = {-0.01, 0.53};
  accuracy.agree = 97.25;
  accuracy.verdict = "equivalent";
  row.accuracy = accuracy;
  row.float_one_thread = {1, 1, 40.5, 24.7};
  row.one_thread = {1, 1, 10.25, 97.5};
  row.all_threads = {2, 1, 5.5, 181.25};
  row.all_streams = {1, 2, 10.75, 186};
  row.peak_bytes = 30'000'000;
  row.build_peak_bytes = 400'000'000;
  row.build_seconds = 61.5;
  row.reasons = {{"accuracy", "line\nbreak and \xc3\xa4"}};
  return row;
}

constexpr const char* host = R"("host": {"physical_cores": 2})";

std::string with(const std::string& members) {
  return std::string(R"({"schema_version": 1, "name": "X", "measured": "2026-11-24", )") + host +
         (members.empty() ? "" : ", " + members) + "}";
}

std::string complaint(const std::string& text) {
  const auto row = row_from_json(text, "a.json");
  if (row) return "(a row)";
  EXPECT_EQ(row.error().kind, ErrorKind::rejected);
  EXPECT_EQ(row.error().message.find('\n'), std::string::npos);
  return row.error().message;
}

TEST(ZooRow, ComesBackAsItWasWritten) {
  const std::string text = to_json(whole_row());
  const auto back = row_from_json(text, "a.json");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), text);
  EXPECT_EQ(back->input, whole_row().input);
  EXPECT_EQ(back->parameters, whole_row().parameters);
  EXPECT_EQ(back->accuracy->drop_ci95, whole_row().accuracy->drop_ci95);
  EXPECT_EQ(back->all_threads->threads, 2);
  EXPECT_EQ(back->all_streams->streams, 2);
  EXPECT_EQ(back->build_seconds, 61.5);
  EXPECT_EQ(back->reasons, whole_row().reasons);
}

TEST(ZooRow, LeavesOutWhatIsAbsent) {
  Row row;
  row.name = "X";
  row.measured = "2026-11-24";
  row.host.physical_cores = 1;
  const std::string text = to_json(row);
  for (const char* key : {"accuracy", "one_thread", "macs", "reasons", "weights"})
    EXPECT_EQ(text.find(key), std::string::npos) << key;
  ASSERT_TRUE(row_from_json(text, ""));
}

TEST(ZooRow, WritesTextThatIsNoUtf8) {
  Row row = whole_row();
  row.weights = "\xff\xfe";
  EXPECT_TRUE(row_from_json(to_json(row), "a.json"));
}

TEST(ZooRow, RefusesWhatIsNoRow) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "no JSON at byte 1"},
      {"[]", "an object is needed"},
      {"{}", "'schema_version' is missing"},
      {R"({"schema_version": 2})", "newer"},
      {R"({"schema_version": "1"})", "'schema_version' must be a whole number"},
      {R"({"schema_version": 1, "measured": "2026-11-24", "host": {"physical_cores": 1}})",
       "'name' is missing"},
      {R"({"schema_version": 1, "name": "X", "host": {"physical_cores": 1}})", "'measured'"},
      {with(R"("weights": 7)"), "'weights' must be a text"},
      {with(R"("macs": "many")"), "'macs' must be a whole number"},
      {with(R"("macs": 1.5)"), "'macs' must be a whole number"},
      {with(R"("macs": -1)"), "'macs' must be from 0"},
      {with(R"("macs": 18446744073709551615)"), "'macs' must be from 0"},
      {with(R"("macs": null)"), "'macs' must be a whole number"},
      {with(R"("build_seconds": NaN)"), "no JSON at byte"},
      {with(R"("build_seconds": 1e999)"), "a number is too large"},
      {with(R"("build_seconds": 1e300)"), "'build_seconds' must be from 0"},
      {with(R"("input": [224])"), "'input' must be 2 numbers"},
      {with(R"("input": [224, 0])"), "'input' must be from 1"},
      {with(R"("one_thread": {"threads": 1, "streams": 1, "ms": 3})"),
       "'one_thread.fps' is missing"},
      {with(R"("one_thread": [])"), "'one_thread' must be an object"},
      {with(R"("accuracy": {"n": 1, "float_top1": 101})"), "'accuracy.float_top1' must be from 0"},
      {with(R"("reasons": {"accuracy": 1})"), "'reasons' must hold texts"},
      {with(R"("reasons": {"colour": "blue"})"), "'reasons.colour' is no member of a row"},
      {with(R"("colour": "blue")"), "'colour' is no member of a row"},
      {with("\"a\\u0000\\nb\": 1"), "is no member of a row"},
      {with(R"("weights": "a")") + "x", "no JSON at byte"},
      {"\xff\xfe{}", "no JSON at byte"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_NE(complaint(text).find(expected), std::string::npos) << text << "\n" << complaint(text);
}

TEST(ZooRow, BearsDepth) {
  const size_t depth = 300'000;
  complaint(std::string(depth, '['));
  EXPECT_NE(complaint(with("\"macs\": " + std::string(depth, '[') + std::string(depth, ']')))
                .find("'macs' must be a whole number"),
            std::string::npos);
}

TEST(ZooRow, BearsBytesChangedAtRandom) {
  const unsigned seed = 20261124;
  std::mt19937 random(seed);
  const std::string text = to_json(whole_row());
  for (int trial = 0; trial < 3000; ++trial) {
    std::string changed = text;
    for (int change = 0; change < 3; ++change)
      changed[random() % changed.size()] = static_cast<char>(random() % 256);
    if (random() % 4 == 0) changed.resize(random() % changed.size());
    const auto row = row_from_json(changed, "a.json");
    if (!row) continue;
    EXPECT_TRUE(row_from_json(to_json(*row), "again")) << "seed " << seed << "\n" << changed;
  }
}

TEST(ZooRows, OfAModelTheNewestComesLast) {
  const test::TemporaryFolder folder;
  for (const auto& [file, day] : {std::pair("a", "2026-11-25"), std::pair("b", "2026-11-24")}) {
    Row row = whole_row();
    row.measured = day;
    folder.write(std::string(file) + ".json", to_json(row));
  }
  folder.write("ResNet18.octavo", "no row");
  const auto rows = read_rows({folder.path()});
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->back().measured, "2026-11-25");
}

TEST(ZooRows, AFolderWithoutRowsIsAnError) {
  const test::TemporaryFolder folder;
  for (const std::string& path : {folder.path(), folder / "missing"}) {
    const auto rows = read_rows({path});
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().kind, ErrorKind::rejected);
    EXPECT_NE(rows.error().message.find(path), std::string::npos);
  }
}

TEST(ZooRows, NamesTheFileThatIsNoRow) {
  const test::TemporaryFolder folder;
  folder.write("bad.json", "{}");
  std::filesystem::create_directory(folder / "worse.json");
  const auto rows = read_rows({folder.path()});
  ASSERT_FALSE(rows);
  EXPECT_NE(rows.error().message.find("bad.json"), std::string::npos);
}

}  // namespace
}  // namespace octavo::zoo
