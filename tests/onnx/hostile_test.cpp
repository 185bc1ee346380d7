// Files that lie: each is refused with one line, none crashes or hangs.
#include <gtest/gtest.h>

#include <random>

#include "onnx/model_writer.h"

namespace octavo::test {
namespace {

using Ints = std::vector<int64_t>;

// A bit of everything that is parsed and folded.
ModelText small_model() {
  ModelText model;
  std::vector<float> weights(4 * 3 * 3 * 3, 0.25f);
  model.nodes = {
      {"Conv",
       {"x", "w"},
       {"a"},
       {attribute("pads", Ints{1, 1, 1, 1}), attribute("auto_pad", "NOTSET")},
       "conv"},
      {"Clip", {"a", "low", "high"}, {"b"}},
      {"MaxPool",
       {"b"},
       {"c"},
       {attribute("kernel_shape", Ints{2, 2}), attribute("strides", Ints{2, 2})}},
      {"Shape", {"c"}, {"shape"}},
      {"Slice", {"shape", "zero", "two"}, {"head"}},
      {"Concat", {"head", "rest"}, {"target"}, {attribute("axis", 0)}},
      {"Reshape", {"c", "target"}, {"d"}},
      {"ReduceMean", {"d"}, {"e"}, {attribute("axes", Ints{-1}), attribute("keepdims", 0)}},
      {"Softmax", {"e"}, {"y"}, {}, "", "", {{"namespace", "head"}}}};
  model.initializers = {float_tensor({4, 3, 3, 3}, weights, "w"),
                        float_tensor({}, {0}, "low"),
                        float_tensor({1}, {6}, "high"),
                        int64_tensor({1}, {0}, "zero"),
                        int64_tensor({1}, {2}, "two"),
                        int64_tensor({1}, {-1}, "rest")};
  model.metadata = {{"key", "value"}};
  return model;
}

TEST(Hostile, EveryPrefixOfAFileIsRefusedOrWhole) {
  const std::string whole = serialize(small_model());
  ASSERT_TRUE(import_onnx(bytes_of(whole), ""));
  for (size_t size = 0; size < whole.size(); ++size) {
    // A copy of that size, so that a sanitizer sees a read behind it.
    const std::vector<char> prefix(whole.begin(),
                                   whole.begin() + static_cast<std::ptrdiff_t>(size));
    const Result<Import> import = import_onnx(std::as_bytes(std::span(prefix)), "");
    if (import) {
      EXPECT_GT(size, whole.size() - 20) << "only the metadata behind the graph may be missing";
    } else {
      EXPECT_EQ(import.error().kind, ErrorKind::rejected);
      EXPECT_EQ(import.error().message.find('\n'), std::string::npos);
    }
  }
}

TEST(Hostile, ChangedBytesNeverCrash) {
  const unsigned seed = 7;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string whole = serialize(small_model());
  int imported = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string changed = whole;
    for (unsigned i = 0; i <= random() % 4; ++i) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    const Result<Import> import = import_onnx(bytes_of(changed), "");
    if (!import) {
      EXPECT_EQ(import.error().message.find('\n'), std::string::npos);
    } else {
      ++imported;
      const Status sound = verify(import->graph);
      EXPECT_TRUE(sound) << sound.error().message;
    }
  }
  EXPECT_GT(imported, 0);  // else the bytes that matter were never reached
}

TEST(Hostile, WhatIsNoOnnxFileIsSaidWithItsOffset) {
  const auto message = [](const std::string& bytes) {
    const Result<Import> import = import_onnx(bytes_of(bytes), "");
    return import ? "" : import.error().message;
  };
  EXPECT_NE(message("").find("empty"), std::string::npos);
  for (const std::string& bytes :
       {std::string("\xff\xd8\xff\xe0 a JPEG picture"), std::string("PK\x03\x04 an archive"),
        std::string(1000, '\0'), std::string("some text")}) {
    const std::string found = message(bytes);
    EXPECT_NE(found.find("not a whole ONNX file"), std::string::npos) << found;
    EXPECT_NE(found.find("at byte"), std::string::npos) << found;
  }
}

TEST(Hostile, ACycleIsNamed) {
  ModelText model;
  model.nodes = {{"Add", {"x", "b"}, {"a"}, {}, "one"},
                 {"Relu", {"a"}, {"b"}, {}, "two"},
                 {"Neg", {"b"}, {"y"}}};
  EXPECT_NE(error_of(model).find("cycle"), std::string::npos);
}

TEST(Hostile, AValueHasOneMaker) {
  ModelText twice;
  twice.nodes = {{"Relu", {"x"}, {"y"}}, {"Neg", {"x"}, {"y"}, {}, "again"}};
  EXPECT_NE(error_of(twice).find("'again'"), std::string::npos);
  ModelText input;
  input.nodes = {{"Relu", {"x"}, {"x"}}, {"Neg", {"x"}, {"y"}}};
  EXPECT_NE(error_of(input).find("makes 'x'"), std::string::npos);
  ModelText initializers;
  initializers.nodes = {{"Add", {"x", "c"}, {"y"}}};
  initializers.initializers = {float_tensor({}, {1}, "c"), float_tensor({}, {2}, "c")};
  EXPECT_NE(error_of(initializers).find("'c'"), std::string::npos);
}

TEST(Hostile, AMissingValueIsNamed) {
  ModelText model;
  model.nodes = {{"Add", {"x", "ghost"}, {"y"}}};
  EXPECT_NE(error_of(model).find("'ghost'"), std::string::npos);
  model.nodes = {{"Relu", {"x"}, {"z"}}};
  EXPECT_NE(error_of(model).find("'y'"), std::string::npos);
}

TEST(Hostile, TensorsMustHoldWhatTheirShapeSays) {
  const auto message = [](TensorBytes tensor) {
    ModelText model;
    model.nodes = {{"Add", {"x", "c"}, {"y"}}};
    model.initializers = {std::move(tensor)};
    return error_of(model);
  };
  EXPECT_NE(message(float_tensor({3}, {1, 2}, "c")).find("2 values"), std::string::npos);
  EXPECT_NE(message(raw_tensor(1, {2}, "1234567", "c")).find("7 bytes"), std::string::npos);
  EXPECT_NE(message(float_tensor({-1}, {1}, "c")).find("[-1]"), std::string::npos);
  EXPECT_NE(message(float_tensor({INT64_MAX, INT64_MAX}, {1}, "c")).find("impossible"),
            std::string::npos);
  EXPECT_NE(message(float_tensor(Shape(9, 1), {1}, "c")).find("9 axes"), std::string::npos);
  EXPECT_NE(message(raw_tensor(8, {1}, "text", "c")).find("string"), std::string::npos);
  EXPECT_NE(message(raw_tensor(1, {1}, std::string("\x00\x00\xc0\x7f", 4), "c")).find("finite"),
            std::string::npos);
}

TEST(Hostile, NamesOfAFileCannotBreakALine) {
  ModelText model;
  model.nodes = {{"Ein\nsum\x1b[31m", {"x"}, {"y"}, {}, "a\nb\x07"}};
  const std::string error = error_of(model);
  for (const char control : {'\n', '\x1b', '\x07'}) {
    EXPECT_EQ(error.find(control), std::string::npos);
  }
}

TEST(Hostile, ExtremeNumbersInAttributesAndListsAreRefused) {
  for (const int64_t wild : {INT64_MIN, int64_t{-1}, int64_t{0}, INT64_MAX}) {
    ModelText conv = small_model();
    conv.nodes[0].attributes = {Attribute{"group", wild}, attribute("strides", Ints{wild, wild})};
    error_of(conv);
    ModelText shape;
    shape.nodes = {{"Reshape", {"x", "s"}, {"y"}}};
    shape.initializers = {int64_tensor({3}, {wild, wild, wild}, "s")};
    const Result<Import> reshaped = import_text(shape);
    EXPECT_FALSE(reshaped);
  }
  // Slices clamp by definition.
  ModelText slice;
  slice.nodes = {{"Slice", {"x", "s", "e", "a", "t"}, {"y"}}};
  slice.initializers = {int64_tensor({1}, {INT64_MAX}, "s"), int64_tensor({1}, {INT64_MIN}, "e"),
                        int64_tensor({1}, {3}, "a"), int64_tensor({1}, {INT64_MIN}, "t")};
  const Graph graph = graph_of(slice);
  EXPECT_EQ(graph.tensors[graph.output].shape, (Shape{1, 3, 8, 1}));
}

}  // namespace
}  // namespace octavo::test
