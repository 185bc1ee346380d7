#include "export/export.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "onnx/import.h"
#include "plan/random_plan.h"
#include "plan/small_plan.h"

namespace octavo {
namespace {

TEST(ExportOnnx, ThePlanTellsTheBytes) {
  for (const uint64_t seed : {3, 4, 5}) {
    const Plan plan = testing::random_plan(seed, {.attention = false, .given_codes = false});
    const auto one = export_onnx(plan), two = export_onnx(plan);
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->bytes, two->bytes);
  }
}

// A table that falls by halves is no exponential of its own scale.
TEST(ExportOnnx, EveryStepThatOnnxCannotExpressIsNamed) {
  Plan plan = testing::small_plan();
  plan.tensors.push_back(testing::small_tensor("shares", {1, 2, 2, 4}));
  plan.tensors.push_back(testing::small_tensor("more", {1, 2, 2, 4}));
  const uint32_t first_made = testing::small::tensor_count;
  for (const uint32_t made : {first_made, first_made + 1}) {
    SoftmaxStep softmax;
    for (int i = 0; i < 256; ++i) {
      softmax.coarse.push_back(static_cast<uint16_t>(32768 / (1 + i)));
      softmax.fine.push_back(static_cast<uint16_t>(32768 / (1 + i)));
    }
    softmax.epilogue.multiplier = {100};
    plan.steps.insert(plan.steps.end() - 1,
                      Step{made == first_made ? "first share" : "second share",
                           {},
                           softmax,
                           {testing::small::sum},
                           made});
  }
  const auto made = export_onnx(plan);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::rejected);
  EXPECT_NE(made.error().message.find("'first share'"), std::string::npos);
  EXPECT_NE(made.error().message.find("'second share'"), std::string::npos);
}

// Names of a plan may be any bytes; those of a protobuf are UTF-8, and each is one value's.
TEST(ExportOnnx, NamesAreUtf8AndNoTwoAlike) {
  Plan plan = testing::small_plan();
  for (PlanTensor& tensor : plan.tensors) tensor.name = "a\xff\xfe";
  const auto made = export_onnx(plan);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->bytes.find("a\xff\xfe"), std::string::npos);
}

TEST(ExportOnnx, SixteenBitsNeedTheNewerOperatorSet) {
  const Plan plan = testing::small_plan();
  const auto pairs = export_onnx(plan), without = export_onnx(plan, {.symmetric = true});
  ASSERT_TRUE(pairs && without);
  EXPECT_EQ(pairs->opset, 21);
  EXPECT_EQ(without->opset, 17);
}

}  // namespace
}  // namespace octavo
