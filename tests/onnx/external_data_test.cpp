// Weights in files of their own: beside the model, and nowhere else.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "onnx/model_writer.h"

namespace octavo::test {
namespace {

namespace fs = std::filesystem;

class ExternalDataTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "octavo-onnx-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    fs::create_directories(root_ / "model" / "data");
    const float values[] = {1, 2, 3, 4};
    const std::string bytes(reinterpret_cast<const char*>(values), sizeof values);
    for (const char* place : {"model/weights.bin", "model/data/weights.bin", "secret.bin"}) {
      std::ofstream(root_ / place, std::ios::binary) << bytes;
    }
  }
  void TearDown() override { fs::remove_all(root_); }

  Result<Import> import_from(const std::string& location, const std::string& offset = "4",
                             const std::string& length = "8") {
    ModelText model;
    model.input = {int64_t{1}, int64_t{2}};
    model.nodes = {{"Add", {"x", "c"}, {"y"}}};
    model.initializers = {external_tensor(
        1, {2}, "c", {{"location", location}, {"offset", offset}, {"length", length}})};
    std::ofstream(root_ / "model" / "model.onnx", std::ios::binary) << serialize(model);
    return import_onnx((root_ / "model" / "model.onnx").string());
  }

  std::string refusal(const std::string& location, const std::string& offset = "4",
                      const std::string& length = "8") {
    const Result<Import> import = import_from(location, offset, length);
    EXPECT_FALSE(import) << location;
    if (import) return "";
    EXPECT_EQ(import.error().kind, ErrorKind::rejected);
    return import.error().message;
  }

  fs::path root_;
};

TEST_F(ExternalDataTest, ReadsBesideTheModelAtTheOffset) {
  for (const char* location : {"weights.bin", "data/weights.bin", "./weights.bin"}) {
    const Result<Import> import = import_from(location);
    ASSERT_TRUE(import) << import.error().message;
    const Node& add = import->graph.nodes[0];
    EXPECT_EQ(*import->graph.tensors[add.inputs[1]].values, (std::vector<float>{2, 3}));
  }
}

TEST_F(ExternalDataTest, NeverLeavesTheFolder) {
  EXPECT_NE(refusal("../secret.bin").find("beside the model"), std::string::npos);
  EXPECT_NE(refusal("data/../../secret.bin").find("beside the model"), std::string::npos);
  EXPECT_NE(refusal((root_ / "secret.bin").string()).find("beside the model"), std::string::npos);
  EXPECT_NE(refusal(std::string("weights.bin\0/../../secret.bin", 29)).find("beside the model"),
            std::string::npos);
  EXPECT_NE(refusal("").find("beside the model"), std::string::npos);
}

TEST_F(ExternalDataTest, FollowsNoLinkOut) {
  fs::create_symlink(root_ / "secret.bin", root_ / "model" / "link.bin");
  fs::create_directory_symlink(root_, root_ / "model" / "up");
  fs::create_symlink("weights.bin", root_ / "model" / "inside.bin");
  EXPECT_NE(refusal("link.bin").find("link"), std::string::npos);
  EXPECT_NE(refusal("up/secret.bin").find("link"), std::string::npos);
  EXPECT_TRUE(import_from("inside.bin"));
}

TEST_F(ExternalDataTest, ChecksOffsetAndLength) {
  EXPECT_NE(refusal("weights.bin", "12").find("16 bytes"), std::string::npos);
  EXPECT_NE(refusal("weights.bin", "18446744073709551615").find("16 bytes"), std::string::npos);
  EXPECT_NE(refusal("weights.bin", "4", "12").find("length"), std::string::npos);
  EXPECT_NE(refusal("weights.bin", "-4").find("number"), std::string::npos);
  EXPECT_NE(refusal("weights.bin", "4x").find("number"), std::string::npos);
  EXPECT_NE(refusal("missing.bin").find("missing.bin"), std::string::npos);
  EXPECT_NE(refusal("data").find("data"), std::string::npos);
}

TEST_F(ExternalDataTest, AModelFromMemoryHasNoFolder) {
  ModelText model;
  model.input = {int64_t{1}, int64_t{2}};
  model.nodes = {{"Add", {"x", "c"}, {"y"}}};
  model.initializers = {external_tensor(1, {2}, "c", {{"location", "weights.bin"}})};
  EXPECT_NE(error_of(model).find("without a folder"), std::string::npos);
}

}  // namespace
}  // namespace octavo::test
