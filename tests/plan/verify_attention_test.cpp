// The rules of verify() for the steps of attention: a valid plan in which exactly one rule
// is broken is refused, by an error that says so.
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "plan/file_header.h"
#include "plan/plan.h"
#include "plan/small_attention.h"

namespace octavo {
namespace {

using testing::operator_of;
using testing::small_attention;
namespace tensor = testing::attention;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

struct Breach {
  const char* name;
  const char* message;  // a part of it
  std::function<void(Plan&)> commit;
};

class BrokenAttention : public ::testing::TestWithParam<Breach> {};

TEST(SmallAttention, IsValid) {
  const Status valid = verify(small_attention());
  EXPECT_TRUE(valid) << valid.error().message;
}

TEST_P(BrokenAttention, IsRefused) {
  Plan plan = small_attention();
  GetParam().commit(plan);
  const Status valid = verify(plan);
  ASSERT_FALSE(valid);
  EXPECT_EQ(valid.error().kind, ErrorKind::rejected);
  EXPECT_NE(valid.error().message.find(GetParam().message), std::string::npos)
      << valid.error().message;
}

std::string breach_name(const ::testing::TestParamInfo<Breach>& info) {
  return info.param.name;
}

LayerNormStep& layer_norm(Plan& p) {
  return operator_of<LayerNormStep>(p, tensor::normal);
}
SoftmaxStep& softmax(Plan& p) {
  return operator_of<SoftmaxStep>(p, tensor::weights);
}
ResizeStep& resize(Plan& p) {
  return operator_of<ResizeStep>(p, tensor::grown);
}
PermuteStep& permute(Plan& p) {
  return operator_of<PermuteStep>(p, tensor::swapped);
}
ConstantStep& constant(Plan& p) {
  return operator_of<ConstantStep>(p, tensor::position);
}
Step& step(Plan& p, uint32_t output) {
  return p.steps[testing::small::step_of(output)];
}

INSTANTIATE_TEST_SUITE_P(
    Types, BrokenAttention,
    ::testing::Values(
        Breach{"InputOfSignedBytes", "'input', must be u8, u16 or i16",
               [](Plan& p) {
                 p.picture_input = false;
                 p.tensors[0].type = ElementType::i8;
                 p.tensors[0].zero_point = {0};
               }},
        Breach{"SignedBytesReadByAConvolutionsKin", "input 0 must be u8, u16 or i16",
               [](Plan& p) { step(p, tensor::weights).inputs = {tensor::key}; }},
        Breach{"SignedBytesAsLeftOperand", "input 0 must be u8, u16 or i16",
               [](Plan& p) { step(p, tensor::scores).inputs[0] = tensor::key; }},
        Breach{"UnsignedBytesOfTwoScalesAsRightOperand", "input 1 must have one scale",
               [](Plan& p) {
                 PlanTensor& right = p.tensors[tensor::value];
                 right.type = ElementType::u8;
                 right.scale.assign(static_cast<size_t>(right.shape[3]), 1.0f);
                 right.scale[0] = 2.0f;
                 right.zero_point = {0};
                 operator_of<RescaleStep>(p, tensor::value).epilogue = testing::small_epilogue();
               }},
        Breach{"ZeroPointOfSignedBytes", "zero point 1",
               [](Plan& p) { p.tensors[tensor::key].zero_point = {1}; }},
        Breach{"ClampBelowSignedBytes", "clamped to [-128, 127]",
               [](Plan& p) { operator_of<L2NormalizeStep>(p, tensor::key).epilogue.lo = {-128}; }},
        Breach{"ClampAboveSignedBytes", "clamped to [-127, 128]",
               [](Plan& p) { operator_of<L2NormalizeStep>(p, tensor::key).epilogue.hi = {128}; }},
        Breach{"ConstantWithInput", "1 inputs; 0 are expected",
               [](Plan& p) { step(p, tensor::position).inputs = {tensor::stem}; }},
        Breach{"ProductWithoutRightOperand", "1 inputs; 2 are expected",
               [](Plan& p) { step(p, tensor::mixed).inputs.pop_back(); }},
        Breach{"ProductWithoutItsResidual", "2 inputs; 3 are expected",
               [](Plan& p) {
                 operator_of<MatMulStep>(p, tensor::mixed).epilogue.has_residual = true;
               }}),
    breach_name);

// A plan of one step over so many channels of its input.
void over_channels(Plan& p, ElementType type, int32_t channels, StepOperator op) {
  p = testing::small_plan();
  p.picture_input = false;
  p.tensors = {testing::small_tensor("input", {1, 1, 1, channels}, type),
               testing::small_tensor("logits", {1, 1, 1, channels}, ElementType::f32)};
  if (type == ElementType::i16) p.tensors[0].zero_point = {0};
  p.steps = {{"logits", {}, std::move(op), {0}, 1}};
  p.output = 1;
  p.labels.clear();
  p.report.clear();
}

TEST(Normalizations, GoOverAsManyChannelsAsSquaresFit) {
  Plan p;
  over_channels(p, ElementType::i16, 92681, LayerNormStep{1, {0}, testing::small_epilogue()});
  const Status sound = verify(p);
  EXPECT_TRUE(sound) << sound.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Normalizations, BrokenAttention,
    ::testing::Values(
        Breach{"EpsilonOfZero", "epsilon 0", [](Plan& p) { layer_norm(p).epsilon = 0; }},
        Breach{"EpsilonNotANumber", "epsilon nan",
               [](Plan& p) { layer_norm(p).epsilon = not_a_number; }},
        Breach{"EpsilonTooLarge", "epsilon", [](Plan& p) { layer_norm(p).epsilon = 0x1p81f; }},
        Breach{"OffsetNotANumber", "offset is not",
               [](Plan& p) { layer_norm(p).offset = {not_a_number}; }},
        Breach{"OffsetOfAnotherLength", "offset has 2 entries",
               [](Plan& p) {
                 layer_norm(p).offset = {0, 0};
               }},
        Breach{"NormalOfAnotherShape", "cannot give an output",
               [](Plan& p) {
                 p.tensors[tensor::normal].shape = {1, 3, 2, 4};
               }},
        Breach{"ScalesByChannel", "must have one scale",
               [](Plan& p) {
                 p.tensors[tensor::placed].scale = {1, 1, 2, 1};
               }},
        Breach{"FloorOfZero", "floor 0",
               [](Plan& p) { operator_of<L2NormalizeStep>(p, tensor::key).floor = 0; }},
        Breach{"FloorNotANumber", "floor nan",
               [](Plan& p) { operator_of<L2NormalizeStep>(p, tensor::key).floor = not_a_number; }},
        Breach{"ZeroPointsByChannel", "must have one scale and one zero point",
               [](Plan& p) {
                 p.tensors[tensor::normal].zero_point = {7, 7, 7, 8};
               }},
        Breach{"ExponentialsTooShort", "fine table has 255 entries",
               [](Plan& p) { softmax(p).fine.pop_back(); }},
        Breach{"ExponentialsTooLong", "coarse table has 257 entries",
               [](Plan& p) { softmax(p).coarse.push_back(0); }},
        Breach{"ExponentialsThatRise", "never rise", [](Plan& p) { softmax(p).fine[200] = 32768; }},
        Breach{"ExponentialsOfAnotherOne", "must begin with 32768",
               [](Plan& p) { softmax(p).coarse[0] = 32767; }},
        Breach{
            "LongExponentialsOfAnotherOne", "must begin with 1073741824",
            [](Plan& p) { softmax(p).fine = softmax(p).coarse = std::vector<uint16_t>(512, 1); }},
        Breach{"LongExponentialsBesideShortOnes", "coarse table has 256 entries; 512",
               [](Plan& p) { softmax(p).fine.resize(512); }},
        Breach{"LongExponentialsThatRise", "never rise",
               [](Plan& p) {
                 std::vector<uint16_t> table(512);
                 table[1] = 1 << 14;
                 softmax(p).fine = softmax(p).coarse = table;
                 softmax(p).fine[400] = 1;
               }},
        Breach{"MoreChannelsThanSquaresHold", "the most is 92681",
               [](Plan& p) {
                 over_channels(p, ElementType::i16, 92682,
                               LayerNormStep{1, {0}, testing::small_epilogue()});
               }},
        Breach{"MoreBytesThanSquaresHold", "the most is 8388608",
               [](Plan& p) {
                 over_channels(p, ElementType::u8, 8388609,
                               L2NormalizeStep{1, testing::small_epilogue()});
               }},
        Breach{"MoreChannelsThanExponentialsHold", "the most is 65535",
               [](Plan& p) {
                 const std::vector<uint16_t> table(256, 32768);
                 over_channels(p, ElementType::u8, 65536,
                               SoftmaxStep{table, table, testing::small_epilogue()});
               }}),
    breach_name);

INSTANTIATE_TEST_SUITE_P(
    Product, BrokenAttention,
    ::testing::Values(Breach{"OfOperandsThatDoNotMeet", "its second input has shape",
                             [](Plan& p) {
                               operator_of<MatMulStep>(p, tensor::mixed).transpose_b = true;
                             }},
                      Breach{"ToAnotherHeight", "cannot give an output",
                             [](Plan& p) {
                               p.tensors[tensor::mixed].shape = {1, 3, 2, 4};
                             }},
                      Breach{"OfZeroPointsByChannel", "input 0 must have one scale",
                             [](Plan& p) {
                               p.tensors[tensor::weights].zero_point = {7, 8, 7};
                             }},
                      Breach{"OfTransposedScalesByChannel", "input 1 must have one scale",
                             [](Plan& p) {
                               p.tensors[tensor::key].scale = {1, 1, 2, 1};
                             }},
                      Breach{"WithResidualOfAnotherShape", "its residual has shape",
                             [](Plan& p) {
                               Epilogue& end = operator_of<MatMulStep>(p, tensor::mixed).epilogue;
                               end.has_residual = true;
                               end.residual_multiplier = {1};
                               step(p, tensor::mixed).inputs.push_back(tensor::stem);
                             }}),
    breach_name);

INSTANTIATE_TEST_SUITE_P(
    Moves, BrokenAttention,
    ::testing::Values(
        Breach{"ResizeOfOtherChannels", "cannot give an output",
               [](Plan& p) {
                 p.tensors[tensor::grown].shape = {1, 2, 3, 5};
               }},
        Breach{"ResizeFromARowThatIsNotThere", "row index 4",
               [](Plan& p) { resize(p).row[1] = 4; }},
        Breach{"ResizeFromANegativeColumn", "column index -1",
               [](Plan& p) { resize(p).column[1] = -1; }},
        Breach{"ResizeWeightTooLarge", "row weight 129",
               [](Plan& p) { resize(p).row_weight[0] = 129; }},
        Breach{"ResizeWeightNegative", "column weight -1",
               [](Plan& p) { resize(p).column_weight[2] = -1; }},
        Breach{"ResizeOfTooFewColumns", "2 column indices and 3 weights",
               [](Plan& p) { resize(p).column.pop_back(); }},
        Breach{"ResizeOfTooFewWeights", "2 row indices and 1 weights",
               [](Plan& p) { resize(p).row_weight.pop_back(); }},
        Breach{"PermuteOfOtherElements", "do not hold", [](Plan& p) { permute(p).dims[0] = 3; }},
        Breach{"PermuteOfHugeDimensions", "do not hold",
               [](Plan& p) {
                 permute(p).dims = {1 << 30, 1 << 30, 1 << 30};
               }},
        Breach{"PermuteOfNoDimensions", "permutes 0 dimensions",
               [](Plan& p) {
                 permute(p).dims.clear();
                 permute(p).perm.clear();
               }},
        Breach{"PermuteOfSevenDimensions", "permutes 7 dimensions",
               [](Plan& p) {
                 permute(p).dims = {1, 1, 1, 1, 2, 3, 4};
                 permute(p).perm = {0, 1, 2, 3, 4, 5, 6};
               }},
        Breach{"PermuteOfAnAxisTwice", "is no order of 3 axes",
               [](Plan& p) {
                 permute(p).perm = {1, 1, 2};
               }},
        Breach{"PermuteOfAnAxisThatIsNotThere", "is no order of 3 axes",
               [](Plan& p) {
                 permute(p).perm = {1, 0, 3};
               }},
        Breach{"PermuteOfANegativeAxis", "is no order of 3 axes",
               [](Plan& p) {
                 permute(p).perm = {1, 0, -1};
               }},
        Breach{"PermuteToAnotherZeroPoint", "differs from it in scale or zero point",
               [](Plan& p) { p.tensors[tensor::swapped].zero_point = {8}; }},
        Breach{"PermuteOfScalesByChannel", "need the channels to stay 4",
               [](Plan& p) {
                 p.tensors[tensor::mixed].scale = {1, 2, 1, 1};
                 p.tensors[tensor::swapped].scale = {1, 2, 1, 1};
                 permute(p).dims = {2, 3, 4};
                 permute(p).perm = {2, 1, 0};
               }},
        Breach{"ConstantTooShort", "23 values", [](Plan& p) { constant(p).values.pop_back(); }},
        Breach{"ConstantOutsideItsType", "value -32768",
               [](Plan& p) { constant(p).values[3] = -32768; }},
        Breach{"ConstantOutsideBytes", "value -1200 is not in the output's [0, 255]",
               [](Plan& p) {
                 p.tensors[tensor::position].type = ElementType::u8;
                 p.tensors[tensor::position].zero_point = {7};
               }}),
    breach_name);

TEST(Permute, MayKeepScalesByChannelWhereChannelsStayLast) {
  Plan plan = small_attention();
  plan.tensors[tensor::mixed].scale = {1, 2, 3, 4};
  plan.tensors[tensor::swapped].scale = {1, 2, 3, 4};
  EXPECT_TRUE(verify(plan));
}

// 2 * depth * 255 * 127 of bytes, depth * hi * 127 of 16 bits.
TEST(Product, OfAsManyTermsAs32BitsHold) {
  const auto valid_with = [](int32_t depth, ElementType type, int16_t largest) {
    Plan plan = testing::small_plan();
    plan.picture_input = false;
    plan.tensors = {testing::small_tensor("input", {1, 1, 1, depth}),
                    testing::small_tensor("left", {1, 1, 1, depth}, type),
                    testing::small_tensor("right", {1, 1, depth, 2}, ElementType::i8),
                    testing::small_tensor("logits", {1, 1, 1, 2}, ElementType::f32)};
    RescaleStep left{{0}, testing::small_epilogue()};
    left.epilogue.hi = {largest};
    ConstantStep right;
    right.values.assign(static_cast<size_t>(depth) * 2, 127);
    plan.steps = {{"left", {}, left, {0}, 1},
                  {"right", {}, right, {}, 2},
                  {"logits", {}, MatMulStep{false, testing::small_epilogue()}, {1, 2}, 3}};
    plan.output = 3;
    plan.labels.clear();
    const Status valid = verify(plan);
    return valid ? std::string() : valid.error().message;
  };
  EXPECT_EQ(valid_with(33155, ElementType::u8, 255), "");
  EXPECT_NE(valid_with(33156, ElementType::u8, 255).find("more than 32 bits hold"),
            std::string::npos);
  EXPECT_EQ(valid_with(516, ElementType::i16, 32767), "");
  EXPECT_NE(valid_with(517, ElementType::i16, 32767).find("can reach"), std::string::npos);
  EXPECT_EQ(valid_with(517, ElementType::i16, 32703), "");
}

// 4 * depth * 65535 * 255 of words by bytes: 53 bits hold what 32 do not.
TEST(Product, ByARightOperandOfAFileMayBeWider) {
  const auto valid_with = [](int32_t depth) {
    Plan plan = testing::small_plan();
    plan.picture_input = false;
    plan.tensors = {testing::small_tensor("input", {1, 1, 2, depth}, ElementType::u16),
                    testing::small_tensor("right", {1, 1, depth, 2}, ElementType::u16),
                    testing::small_tensor("product", {1, 1, 2, 2}),
                    testing::small_tensor("row", {1, 1, 1, 4}),
                    testing::small_tensor("logits", {1, 1, 1, 4}, ElementType::f32)};
    plan.tensors[1].zero_point = {40000};
    ConstantStep right;
    right.values.assign(static_cast<size_t>(depth) * 2, -1);  // 65535
    plan.steps = {{"right", {}, right, {}, 1},
                  {"product", {}, MatMulStep{false, testing::small_epilogue()}, {0, 1}, 2},
                  {"row", {}, ReshapeStep{}, {2}, 3},
                  {"logits", {}, RescaleStep{{0.0f}, testing::small_epilogue()}, {3}, 4}};
    plan.output = 4;
    plan.labels.clear();
    const Status valid = verify(plan);
    return valid ? std::string() : valid.error().message;
  };
  EXPECT_EQ(valid_with(524304), "");  // 2^53 / (4 * 65535^2) = 524304.0004
  EXPECT_NE(valid_with(524305).find("more than 53 bits hold"), std::string::npos);
}

TEST(Attention, ReturnsFromAFileAsItWas) {
  const Plan plan = small_attention();
  const auto bytes = serialize(plan);
  const auto read = deserialize(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(plan == *read);
  EXPECT_EQ(serialize(*read), bytes);
}

// A picture looked up as u16, and a convolution of these.
Plan looked_up() {
  Plan plan;
  plan.preprocess.height = plan.preprocess.width = 2;
  plan.tensors.push_back({"picture", {1, 2, 2, 3}, ElementType::u8, {1}, {128}});
  plan.tensors.push_back({"codes", {1, 2, 2, 3}, ElementType::u16, {1}, {40000}});
  plan.tensors.push_back({"logits", {1, 1, 1, 2}, ElementType::f32, {1}, {0}});
  LookupStep lookup;
  for (int i = 0; i < 256; ++i) lookup.table.push_back(static_cast<int16_t>(257 * i));
  ConvolutionStep conv;
  conv.kernel = {2, 2};
  conv.weights.assign(24, 127);
  conv.bias = {-2147483647, 2147483647};
  plan.steps.push_back({"lookup", {}, std::move(lookup), {0}, 1});
  plan.steps.push_back({"conv", {}, std::move(conv), {1}, 2});
  plan.input = 0;
  plan.output = 2;
  return plan;
}

TEST(GivenCodes, SumsOfSixteenBitsMayBeWiderThanThirtyTwo) {
  Plan plan = looked_up();
  Status valid = verify(plan);
  EXPECT_TRUE(valid) << valid.error().message;
  plan.tensors[1].type = ElementType::u8;
  plan.tensors[1].zero_point = {40};
  std::get<LookupStep>(plan.steps[0].op).table.assign(256, 0);
  valid = verify(plan);
  ASSERT_FALSE(valid);
  EXPECT_NE(valid.error().message.find("more than 32 bits"), std::string::npos);
}

TEST(GivenCodes, ReturnFromAFileAsTheyWereAndAskForAReaderThatKnowsThem) {
  const Plan plan = looked_up();
  const auto bytes = serialize(plan);
  const auto read = deserialize(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(plan == *read);
  EXPECT_EQ(read_header(bytes)->required_features, plan_feature::given_codes);
  EXPECT_EQ(read_header(serialize(small_attention()))->required_features, 0u);
}

TEST(GivenCodes, LongExponentialsReturnAndAskForAReaderThatKnowsThem) {
  Plan plan = small_attention();
  std::vector<uint16_t> table(512);
  table[1] = 1 << 14;
  table[2] = 7;
  softmax(plan).fine = softmax(plan).coarse = table;
  const auto bytes = serialize(plan);
  const auto read = deserialize(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(plan == *read);
  EXPECT_EQ(read_header(bytes)->required_features, plan_feature::long_exponentials);
  EXPECT_EQ(long_exponentials(table)[1], 7u);
}

TEST(GivenCodes, TablesOfAnotherSizeTypeOrRangeAreRefused) {
  const auto fault = [](auto change) {
    Plan plan = looked_up();
    change(plan);
    const Status valid = verify(plan);
    return valid ? std::string() : valid.error().message;
  };
  const auto table = [](Plan & p) -> auto& {
    return std::get<LookupStep>(p.steps[0].op).table;
  };
  EXPECT_NE(fault([&](Plan& p) { table(p).pop_back(); }).find("255 entries"), std::string::npos);
  EXPECT_EQ(fault([&](Plan& p) { table(p).resize(3 * 256); }), "");
  EXPECT_NE(fault([&](Plan& p) { table(p).resize(2 * 256); }).find("512 entries"),
            std::string::npos);
  const auto of_bytes = [&](Plan& p) {
    p.tensors[1].type = ElementType::u8;
    p.tensors[1].zero_point = {40};
    std::get<ConvolutionStep>(p.steps[1].op).bias = {0, 0};
  };
  EXPECT_NE(fault(of_bytes).find("is not in the output's [0, 255]"), std::string::npos);
  EXPECT_NE(fault([&](Plan& p) { p.tensors[1].shape[3] = 1; }).find("cannot give an output"),
            std::string::npos);
  EXPECT_NE(fault([&](Plan& p) { p.tensors[1].zero_point = {65536}; }).find("zero point 65536"),
            std::string::npos);
}

// An older reader is told so by the header, and reads whatever it understands.
TEST(Attention, NeedsAReaderOfItsFormat) {
  const auto minimum_reader = [](const Plan& plan) {
    const auto header = read_header(serialize(plan));
    return header ? header->minimum_reader : FormatVersion{};
  };
  EXPECT_EQ(minimum_reader(small_attention()), (FormatVersion{0, 2}));
  EXPECT_EQ(minimum_reader(testing::small_plan()), (FormatVersion{0, 1}));
  Plan plan = testing::small_plan();
  plan.tensors[1].type = ElementType::i8;
  EXPECT_EQ(minimum_reader(plan), (FormatVersion{0, 2}));
}

}  // namespace
}  // namespace octavo
