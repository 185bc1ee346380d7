#include "model/model.h"

#include <gtest/gtest.h>

#include "model/input.h"
#include "runtime/selftest_plan.h"

namespace octavo {
namespace {

// A plan in memory and its file are one model: what it says of itself, and its logits.
TEST(Model, APlanInMemoryIsTheModelOfItsFile) {
  const auto plan = selftest_plan();
  ASSERT_TRUE(plan);
  ModelOptions options;
  options.clip = options.strict = true;
  const auto made = model_of(*plan, options);
  const auto opened = open_model("a.octavo", serialize(*plan), options);
  ASSERT_TRUE(made && opened);
  EXPECT_FALSE(made->is_float());
  EXPECT_EQ(made->preprocess, opened->preprocess);
  EXPECT_EQ(made->input, opened->input);
  EXPECT_EQ(made->outputs, opened->outputs);
  EXPECT_EQ(made->classes, opened->classes);
  EXPECT_EQ(made->output_kind, opened->output_kind);
  EXPECT_EQ(made->labels, opened->labels);
  EXPECT_TRUE(made->clip && made->strict && opened->clip && opened->strict);
  EXPECT_EQ(opened->path, "a.octavo");

  const auto count = static_cast<size_t>(made->input[0]) * made->input[1] * made->input[2];
  const std::vector<uint8_t> pixels(count, 77);
  std::vector<float> first(static_cast<size_t>(made->outputs)), second(first.size());
  const auto one = make_classifier(*made, 1), other = make_classifier(*opened, 2);
  ASSERT_TRUE(one && other);
  ASSERT_TRUE(one->pixels(pixels, first) && other->pixels(pixels, second));
  EXPECT_EQ(first, second);
}

TEST(Model, AnIsaThatThereIsNotIsRefusedForAPlanInMemoryToo) {
  ModelOptions options;
  options.isa = "avx513";
  const auto made = model_of(*selftest_plan(), options);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::usage);
}

}  // namespace
}  // namespace octavo
