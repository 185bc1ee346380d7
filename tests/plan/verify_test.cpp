// Every rule of verify(): a valid plan in which exactly that rule is broken is refused,
// by an error that says so.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/small_plan.h"

namespace octavo {
namespace {

using testing::operator_of;
using testing::small_plan;
namespace small = testing::small;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

ConvolutionStep& convolution(Plan& plan, uint32_t tensor) {
  return operator_of<ConvolutionStep>(plan, tensor);
}
PoolStep& pool(Plan& plan, uint32_t tensor) {
  return operator_of<PoolStep>(plan, tensor);
}
Step& step(Plan& plan, uint32_t tensor) {
  return plan.steps[small::step_of(tensor)];
}

struct Breach {
  const char* name;
  const char* message;  // a part of it
  std::function<void(Plan&)> commit;
};

class BrokenRule : public ::testing::TestWithParam<Breach> {};

TEST(SmallPlan, IsValid) {
  const Status valid = verify(small_plan());
  EXPECT_TRUE(valid) << valid.error().message;
}

TEST(SmallPlan, ARowShowsTheScalesOfItsMapAgainAndAgain) {
  Plan plan = small_plan();
  plan.tensors[small::smooth].scale = {0.05f, 0.05f, 0.06f, 0.06f};
  plan.tensors[small::shuffled].scale = {0.06f, 0.05f, 0.06f, 0.05f};
  const std::vector<float> joined{0.05f, 0.05f, 0.06f, 0.06f, 0.06f, 0.05f, 0.06f, 0.05f};
  plan.tensors[small::joined].scale = joined;
  std::vector<float>& row = plan.tensors[small::flat].scale = {};
  for (int i = 0; i < 4; ++i) row.insert(row.end(), joined.begin(), joined.end());
  const Status valid = verify(plan);
  EXPECT_TRUE(valid) << valid.error().message;
  row[29] = 0.07f;
  EXPECT_FALSE(verify(plan));
}

TEST_P(BrokenRule, IsRefused) {
  Plan plan = small_plan();
  GetParam().commit(plan);
  const Status valid = verify(plan);
  ASSERT_FALSE(valid);
  EXPECT_EQ(valid.error().kind, ErrorKind::rejected);
  EXPECT_NE(valid.error().message.find(GetParam().message), std::string::npos)
      << valid.error().message;
  EXPECT_EQ(valid.error().message.find('\n'), std::string::npos);
}

std::string breach_name(const ::testing::TestParamInfo<Breach>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Plan, BrokenRule,
    ::testing::Values(
        Breach{"NoSteps", "steps", [](Plan& p) { p.steps.clear(); }},
        Breach{"TensorThatNoStepMakes", "has 12 tensors; this one has 13",
               [](Plan& p) { p.tensors.push_back(p.tensors[1]); }},
        Breach{"InputOutOfRange", "not one of its", [](Plan& p) { p.input = 99; }},
        Breach{"OutputOutOfRange", "not one of its", [](Plan& p) { p.output = 99; }},
        Breach{"LongText", "text of", [](Plan& p) { p.labels[0].assign(100'000, 'x'); }},
        Breach{"PictureOfAnotherSize", "is not the u8 picture",
               [](Plan& p) { p.preprocess.height = 5; }},
        Breach{"PictureOfAnotherType", "is not the u8 picture",
               [](Plan& p) {
                 p.tensors[small::input].type = ElementType::i16;
                 p.tensors[small::input].zero_point = {0};
               }},
        Breach{"PictureOfOtherColours", "is not the u8 picture",
               [](Plan& p) { p.preprocess.color = ColorOrder::gray; }},
        Breach{"UnknownInterpolation", "interpolation",
               [](Plan& p) { p.preprocess.interpolation = static_cast<Interpolation>(3); }},
        Breach{"NegativeResize", "resizes to -1", [](Plan& p) { p.preprocess.resize_short = -1; }},
        Breach{"MeanNotFinite", "mean", [](Plan& p) { p.preprocess.mean[1] = not_a_number; }},
        Breach{"StdOfZero", "std 0", [](Plan& p) { p.preprocess.std[2] = 0; }},
        Breach{"OutputOfIntegers", "must be f32",
               [](Plan& p) { p.tensors[small::logits].type = ElementType::i16; }},
        Breach{"OutputMoreThanOnePixel", "must be f32 [1, 1, 1, classes]",
               [](Plan& p) {
                 p.tensors[small::logits].shape = {1, 1, 2, 5};
               }},
        Breach{"LabelsForOtherClasses", "4 labels for 5 classes",
               [](Plan& p) { p.labels.pop_back(); }},
        Breach{"ReportOfNoStep", "names step 11 of 11", [](Plan& p) { p.report[0].step = 11; }},
        Breach{"ReportNotANumber", "NaN", [](Plan& p) { p.report[0].cosine = not_a_number; }},
        Breach{"TooManyGoldenInputs", "golden", [](Plan& p) { p.golden.resize(2000); }}),
    breach_name);

INSTANTIATE_TEST_SUITE_P(
    Tensor, BrokenRule,
    ::testing::Values(
        Breach{"TwoMapsOfOnePicture", "cannot give an output",
               [](Plan& p) { p.tensors[small::stem].shape[0] = 2; }},
        Breach{"TwoPictures", "must be one picture",
               [](Plan& p) {
                 p.picture_input = false;
                 p.tensors[small::input].shape[0] = 2;
               }},
        Breach{"TwoRowsOfLogits", "must be f32 [1, 1, 1, classes]",
               [](Plan& p) { p.tensors[small::logits].shape[0] = 2; }},
        Breach{"NoMaps", "not [n, h, w, c]", [](Plan& p) { p.tensors[small::stem].shape[0] = 0; }},
        Breach{"TooManyMaps", "not [n, h, w, c]",
               [](Plan& p) { p.tensors[small::stem].shape[0] = 1 << 30; }},
        Breach{"EmptyShape", "not [n, h, w, c]",
               [](Plan& p) { p.tensors[small::stem].shape[1] = 0; }},
        Breach{"NegativeShape", "not [n, h, w, c]",
               [](Plan& p) { p.tensors[small::stem].shape[2] = -4; }},
        Breach{"TooLarge", "not [n, h, w, c]",
               [](Plan& p) {
                 p.tensors[small::stem].shape = {1, 65536, 65536, 65536};
               }},
        Breach{"TypeThatNothingReads", "zero point 7 is not in [0, 0]",
               [](Plan& p) { p.tensors[small::stem].type = ElementType::i8; }},
        Breach{"UnknownType", "no step reads elements of type 5",
               [](Plan& p) { p.tensors[small::stem].type = static_cast<ElementType>(5); }},
        Breach{"FloatsInside", "only the plan's output",
               [](Plan& p) { p.tensors[small::stem].type = ElementType::f32; }},
        Breach{"NoScale", "0 scales", [](Plan& p) { p.tensors[small::stem].scale.clear(); }},
        Breach{"TooFewScales", "2 scales",
               [](Plan& p) {
                 p.tensors[small::stem].scale = {1, 1};
               }},
        Breach{"NegativeScale", "scale -1", [](Plan& p) { p.tensors[small::stem].scale = {-1}; }},
        Breach{"ScaleNotFinite", "scale inf",
               [](Plan& p) { p.tensors[small::stem].scale = {infinity}; }},
        Breach{"TooFewZeroPoints", "3 zero points",
               [](Plan& p) {
                 p.tensors[small::stem].zero_point = {1, 1, 1};
               }},
        Breach{"ZeroPointOutsideItsType", "zero point 256",
               [](Plan& p) { p.tensors[small::stem].zero_point = {256}; }},
        Breach{"ZeroPointOfSymmetricType", "zero point 1",
               [](Plan& p) { p.tensors[small::smooth].zero_point = {1}; }}),
    breach_name);

INSTANTIATE_TEST_SUITE_P(
    Order, BrokenRule,
    ::testing::Values(Breach{"InputOutOfRange",
                             "step 1 'block' (convolution): its input, tensor 77",
                             [](Plan& p) { step(p, small::block).inputs[0] = 77; }},
                      Breach{"InputMadeLater", "not made by an earlier step",
                             [](Plan& p) { step(p, small::block).inputs[1] = small::block; }},
                      Breach{"StepsOutOfOrder", "not made by an earlier step",
                             [](Plan& p) { std::swap(p.steps[0], p.steps[1]); }},
                      Breach{"OutputOutOfRange", "tensor 77, is not there",
                             [](Plan& p) { step(p, small::block).output = 77; }},
                      Breach{"OutputMadeTwice", "already made",
                             [](Plan& p) { step(p, small::block).output = small::stem; }},
                      Breach{"OutputIsThePlansInput", "already made",
                             [](Plan& p) { step(p, small::block).output = small::input; }},
                      Breach{"MissingOperand", "1 inputs; 2 are expected",
                             [](Plan& p) { step(p, small::sum).inputs.pop_back(); }},
                      Breach{"ResidualWithoutOperand", "1 inputs; 2 are expected",
                             [](Plan& p) { step(p, small::block).inputs.pop_back(); }},
                      Breach{"OperandWithoutResidual", "2 inputs; 1 are expected",
                             [](Plan& p) { step(p, small::stem).inputs.push_back(small::input); }},
                      Breach{"ConcatOfNothing", "no input",
                             [](Plan& p) { step(p, small::joined).inputs.clear(); }}),
    breach_name);

INSTANTIATE_TEST_SUITE_P(
    Convolution, BrokenRule,
    ::testing::Values(
        Breach{"KernelOfZero", "must be at least 1",
               [](Plan& p) { convolution(p, small::stem).kernel[0] = 0; }},
        Breach{"StrideOfZero", "must be at least 1",
               [](Plan& p) { convolution(p, small::stem).stride[1] = 0; }},
        Breach{"DilationOfZero", "must be at least 1",
               [](Plan& p) { convolution(p, small::stem).dilation[1] = 0; }},
        Breach{"NegativePadding", "padding at least 0",
               [](Plan& p) { convolution(p, small::stem).pads[2] = -1; }},
        Breach{"HugeKernel", "cannot give an output",
               [](Plan& p) { convolution(p, small::stem).kernel[0] = 1 << 30; }},
        Breach{"HugeDilation", "cannot give an output",
               [](Plan& p) {
                 convolution(p, small::stem).dilation = {1 << 30, 1 << 30};
               }},
        Breach{"PaddingBeyondMemory", "more than 1073741824 elements",
               [](Plan& p) {
                 ConvolutionStep& stem = convolution(p, small::stem);
                 stem.stride[0] = 500'000'000;  // so that the output keeps its four rows
                 stem.pads[0] = 1'000'000'000;
                 stem.pads[2] = 500'000'001;
               }},
        Breach{"GroupsOfZero", "do not divide into 0 groups",
               [](Plan& p) { convolution(p, small::stem).groups = 0; }},
        Breach{"GroupsThatDoNotDivide", "do not divide into 2 groups",
               [](Plan& p) { convolution(p, small::stem).groups = 2; }},
        Breach{"OutputOfAnotherSize", "cannot give an output",
               [](Plan& p) { convolution(p, small::stem).stride[0] = 2; }},
        Breach{"TooFewWeights", "107 weights",
               [](Plan& p) { convolution(p, small::stem).weights.pop_back(); }},
        Breach{"TooManyBiases", "5 biases",
               [](Plan& p) { convolution(p, small::stem).bias.push_back(0); }},
        Breach{"ResidualOfAnotherShape", "its residual has shape",
               [](Plan& p) { step(p, small::block).inputs[1] = small::input; }},
        Breach{"ResidualWithoutMultiplier", "residual multiplier has 0",
               [](Plan& p) { convolution(p, small::block).epilogue.residual_multiplier.clear(); }},
        Breach{"MultiplierWithoutResidual", "a residual multiplier and no residual",
               [](Plan& p) { convolution(p, small::stem).epilogue.residual_multiplier = {1.0f}; }}),
    breach_name);

INSTANTIATE_TEST_SUITE_P(
    Epilogue, BrokenRule,
    ::testing::Values(
        Breach{"NoMultiplier", "multiplier has 0 entries",
               [](Plan& p) { convolution(p, small::stem).epilogue.multiplier.clear(); }},
        Breach{"TooFewMultipliers", "multiplier has 3 entries",
               [](Plan& p) {
                 convolution(p, small::stem).epilogue.multiplier = {1, 1, 1};
               }},
        Breach{"MultiplierOfZero", "multiplier[3] is 0",
               [](Plan& p) {
                 convolution(p, small::stem).epilogue.multiplier = {1, 1, 1, 0};
               }},
        Breach{"MultiplierTooSmall", "from 2^-100",
               [](Plan& p) { convolution(p, small::stem).epilogue.multiplier = {0x1p-101f}; }},
        Breach{"MultiplierTooLarge", "to 2^40",
               [](Plan& p) { convolution(p, small::stem).epilogue.multiplier = {0x1p41f}; }},
        Breach{"MultiplierNotANumber", "multiplier[0] is nan",
               [](Plan& p) { convolution(p, small::stem).epilogue.multiplier = {not_a_number}; }},
        Breach{"OutputMultiplierWithoutActivation", "an output multiplier and no activation",
               [](Plan& p) { convolution(p, small::stem).epilogue.output_multiplier = {1}; }},
        Breach{"ActivationWithoutOutputMultiplier", "output multiplier has 0",
               [](Plan& p) { convolution(p, small::block).epilogue.output_multiplier.clear(); }},
        Breach{"OutputMultiplierNotANumber", "output multiplier[2]",
               [](Plan& p) {
                 convolution(p, small::block).epilogue.output_multiplier[2] = not_a_number;
               }},
        Breach{"UnknownActivation", "activation 5 is unknown",
               [](Plan& p) {
                 convolution(p, small::block).epilogue.activation = static_cast<Activation>(5);
               }},
        Breach{"SlopeNotFinite", "alpha inf",
               [](Plan& p) { convolution(p, small::block).epilogue.alpha = infinity; }},
        Breach{"SlopeOfZero", "slope 0",
               [](Plan& p) { convolution(p, small::block).epilogue.alpha = 0; }},
        Breach{"UnusedSlopeNotANumber", "alpha nan",
               [](Plan& p) { convolution(p, small::stem).epilogue.alpha = not_a_number; }},
        Breach{"OffsetNotANumber", "beta nan",
               [](Plan& p) { convolution(p, small::block).epilogue.beta = not_a_number; }},
        Breach{"ClipUpsideDown", "clips to [1, 0]",
               [](Plan& p) {
                 Epilogue& end = convolution(p, small::block).epilogue;
                 end.activation = Activation::clip;
                 end.alpha = 1;
                 end.beta = 0;
               }},
        Breach{"ClipNotFinite", "beta inf",
               [](Plan& p) {
                 Epilogue& end = convolution(p, small::block).epilogue;
                 end.activation = Activation::clip;
                 end.alpha = 0;
                 end.beta = infinity;
               }},
        Breach{"ClipToHugeValues", "within 2^80",
               [](Plan& p) {
                 Epilogue& end = convolution(p, small::block).epilogue;
                 end.activation = Activation::clip;
                 end.alpha = 1e30f;
                 end.beta = 2e30f;
               }},
        Breach{"TableWithoutActivation", "a table and no activation",
               [](Plan& p) { convolution(p, small::stem).epilogue.table.resize(65); }},
        Breach{
            "TableTooShort", "64 knots",
            [](Plan& p) { operator_of<RescaleStep>(p, small::smooth).epilogue.table.pop_back(); }},
        Breach{"TableTooSteep", "differ by more than 32767",
               [](Plan& p) {
                 auto& table = operator_of<RescaleStep>(p, small::smooth).epilogue.table;
                 table[10] = -20000;
                 table[11] = 20000;
               }},
        Breach{"ClampUpsideDown", "clamped to [9, 8]",
               [](Plan& p) {
                 convolution(p, small::stem).epilogue.lo = {9};
                 convolution(p, small::stem).epilogue.hi = {8};
               }},
        Breach{"ClampBelowItsType", "clamped to [-1, 255]",
               [](Plan& p) { convolution(p, small::stem).epilogue.lo = {-1}; }},
        Breach{"ClampAboveItsType", "channel 2 is clamped to [0, 256]",
               [](Plan& p) {
                 convolution(p, small::stem).epilogue.hi = {255, 255, 256, 255};
               }},
        Breach{"ClampBelowSymmetricType", "clamped to [-32768, 2047]",
               [](Plan& p) { operator_of<RescaleStep>(p, small::smooth).epilogue.lo = {-32768}; }},
        Breach{"TooFewClamps", "lo has 2 entries",
               [](Plan& p) {
                 convolution(p, small::stem).epilogue.lo = {0, 0};
               }},
        Breach{"ResidualOfAnotherStep", "takes no residual",
               [](Plan& p) { operator_of<AddStep>(p, small::sum).epilogue.has_residual = true; }}),
    breach_name);

INSTANTIATE_TEST_SUITE_P(
    OtherSteps, BrokenRule,
    ::testing::Values(
        Breach{"PoolOfOtherChannels", "cannot give an output",
               [](Plan& p) { p.tensors[small::mean].shape[3] = 5; }},
        Breach{"PoolOfAnotherSize", "cannot give an output",
               [](Plan& p) { pool(p, small::pooled).stride[0] = 1; }},
        Breach{"PoolOfPaddingAlone", "cannot give an output",
               [](Plan& p) {
                 pool(p, small::mean).pads = {2, 2, 0, 0};
               }},
        Breach{"PoolOfUnknownKind", "kind is unknown",
               [](Plan& p) { pool(p, small::mean).kind = static_cast<PoolStep::Kind>(2); }},
        Breach{"MaximumOfAnotherZeroPoint", "differs from it in scale or zero point",
               [](Plan& p) {
                 p.tensors[small::pooled].zero_point = {7, 7, 8, 7};
               }},
        Breach{"MaximumOfAnotherType", "must have the element type of input 0",
               [](Plan& p) {
                 p.tensors[small::pooled].type = ElementType::i16;
                 p.tensors[small::pooled].zero_point = {0};
               }},
        Breach{"AverageWithoutMultiplier", "multiplier has 0",
               [](Plan& p) { pool(p, small::mean).epilogue.multiplier.clear(); }},
        Breach{"GateOfAnotherShape", "its second input has shape",
               [](Plan& p) { step(p, small::gated).inputs[1] = small::stem; }},
        Breach{"GateBeforeItsMap", "cannot give an output",
               [](Plan& p) {
                 step(p, small::gated).inputs = {small::mean, small::pooled};
               }},
        Breach{"AddWithoutSecondMultiplier", "multiplier of b has 0",
               [](Plan& p) { operator_of<AddStep>(p, small::sum).b_multiplier.clear(); }},
        Breach{"SecondMultiplierNotFinite", "multiplier of b[0] is inf",
               [](Plan& p) { operator_of<AddStep>(p, small::sum).b_multiplier = {infinity}; }},
        Breach{"RescaleToAnotherShape", "cannot give an output",
               [](Plan& p) {
                 p.tensors[small::smooth].shape = {1, 4, 1, 4};
               }},
        Breach{"OffsetOfAnotherLength", "offset has 2 entries",
               [](Plan& p) {
                 operator_of<RescaleStep>(p, small::smooth).offset = {0, 0};
               }},
        Breach{"RescaleOffsetNotANumber", "offset is not a number",
               [](Plan& p) { operator_of<RescaleStep>(p, small::smooth).offset = {not_a_number}; }},
        Breach{"GatherOfNoChannel", "channel index 4",
               [](Plan& p) { operator_of<GatherStep>(p, small::shuffled).channels[1] = 4; }},
        Breach{"GatherOfNegativeChannel", "channel index -1",
               [](Plan& p) { operator_of<GatherStep>(p, small::shuffled).channels[1] = -1; }},
        Breach{"GatherOfTooFewChannels", "3 channel indices",
               [](Plan& p) { operator_of<GatherStep>(p, small::shuffled).channels.pop_back(); }},
        Breach{"GatherToAnotherScale", "differs from it in scale",
               [](Plan& p) { p.tensors[small::shuffled].scale = {0.06f}; }},
        Breach{"ConcatTooWide", "has no place from channel 4",
               [](Plan& p) {
                 p.tensors[small::joined].shape = {1, 2, 2, 7};
               }},
        Breach{"ConcatTooNarrow", "8 channels together; the output has 9",
               [](Plan& p) {
                 p.tensors[small::joined].shape = {1, 2, 2, 9};
               }},
        Breach{"ConcatOfAnotherType", "must have the element type of input 1",
               [](Plan& p) { step(p, small::joined).inputs[1] = small::pooled; }},
        Breach{"ConcatToAnotherScale", "comes from channel 1 of input 1",
               [](Plan& p) {
                 p.tensors[small::joined].scale.assign(8, 0.05f);
                 p.tensors[small::joined].scale[5] = 0.04f;
               }},
        Breach{"ReshapeToOtherElements", "cannot give an output",
               [](Plan& p) { p.tensors[small::flat].shape[3] = 31; }},
        Breach{"ReshapeToAnotherScale", "differs from it in scale",
               [](Plan& p) { p.tensors[small::flat].scale = {0.5f}; }},
        Breach{"ReshapeOfScalesByChannel", "need the channels to stay 8, or to repeat every 2",
               [](Plan& p) {
                 p.tensors[small::flat].shape = {1, 1, 16, 2};
                 p.tensors[small::smooth].scale = {0.05f, 0.05f, 0.06f, 0.06f};
                 p.tensors[small::shuffled].scale = {0.06f, 0.05f, 0.06f, 0.05f};
                 p.tensors[small::joined].scale = {0.05f, 0.05f, 0.06f, 0.06f,
                                                   0.06f, 0.05f, 0.06f, 0.05f};
               }},
        Breach{"FloatsFromAReshape", "output must be u8, u16 or i16",
               [](Plan& p) {
                 p.steps.pop_back();
                 p.tensors.pop_back();
                 p.output = small::flat;
                 p.tensors[small::flat].type = ElementType::f32;
                 p.labels.clear();
                 p.report.clear();
               }}),
    breach_name);

// The proof that no partial sum leaves int32 is exact: the last value that fits passes.

int64_t weight_magnitude(const ConvolutionStep& step, size_t outputs, size_t output) {
  const size_t taps = step.weights.size() / outputs;
  int64_t sum = 0;
  for (size_t i = 0; i < taps; ++i) sum += std::abs(step.weights[output * taps + i]);
  return sum;
}

TEST(Residual, MayBeOnePixelForAll) {
  Plan plan = testing::small_plan();
  const auto index = static_cast<uint32_t>(plan.tensors.size());
  plan.tensors.push_back(testing::small_tensor("rest", {1, 1, 1, 4}, ElementType::i16));
  step(plan, small::block).inputs[1] = index;
  plan.steps.insert(plan.steps.begin(), {"rest", {}, ConstantStep{{1, -2, 3, -4}}, {}, index});
  EXPECT_TRUE(verify(plan)) << verify(plan).error().message;
  const auto read = deserialize(serialize(plan));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(std::to_integer<int>(serialize(plan)[16]) & 4, 4) << "older readers are told";
  EXPECT_EQ(std::to_integer<int>(serialize(testing::small_plan())[16]) & 4, 0);
}

TEST(Accumulator, MayReachTheLastIntegerOf32Bits) {
  for (const int sign : {1, -1}) {
    Plan plan = small_plan();
    ConvolutionStep& stem = convolution(plan, small::stem);
    // Weights of both signs: the unshifted form is the larger one.
    const int64_t magnitude = weight_magnitude(stem, 4, 2);
    stem.bias[2] = static_cast<int32_t>(sign * (INT32_MAX - 255 * magnitude));
    EXPECT_TRUE(verify(plan));
    stem.bias[2] += sign;
    const Status valid = verify(plan);
    ASSERT_FALSE(valid);
    EXPECT_NE(valid.error().message.find("output channel 2 can reach 2147483648"),
              std::string::npos)
        << valid.error().message;
  }
}

TEST(Accumulator, FitsInTheShiftedFormToo) {
  Plan plan = small_plan();
  ConvolutionStep& stem = convolution(plan, small::stem);
  for (int8_t& weight : stem.weights) weight = 100;
  const int64_t magnitude = weight_magnitude(stem, 4, 0);
  // bias + 128 * sum w, plus 128 * sum |w|.
  stem.bias[0] = static_cast<int32_t>(INT32_MAX - 256 * magnitude);
  EXPECT_TRUE(verify(plan));
  stem.bias[0] += 1;
  EXPECT_FALSE(verify(plan));
}

TEST(Accumulator, OfSixteenBitInputIsBoundedByTheClampOfItsMaker) {
  Plan plan = small_plan();
  // Through gather, concat and reshape: the head reads what `smooth` stores.
  ConvolutionStep& head = convolution(plan, small::logits);
  const int64_t magnitude = weight_magnitude(head, 5, 1);
  head.bias[1] = static_cast<int32_t>(INT32_MAX - 2047 * magnitude);
  EXPECT_TRUE(verify(plan));
  operator_of<RescaleStep>(plan, small::smooth).epilogue.lo = {-2048};
  EXPECT_FALSE(verify(plan));
}

// Of the small plan's stem as a quantized file of 16 bits would have it.
Plan plan_of_words() {
  Plan plan = small_plan();
  plan.tensors[plan.input].type = ElementType::u16;
  plan.picture_input = false;
  ConvolutionStep& stem = convolution(plan, small::stem);
  const std::vector<int8_t> weights = std::exchange(stem.weights, {});
  for (const int8_t w : weights) stem.weights.insert(stem.weights.end(), {w, int8_t(3 * w / 4)});
  const std::vector<int32_t> bias = std::exchange(stem.bias, {});
  for (const int32_t b : bias) stem.bias.insert(stem.bias.end(), {b, -5});
  stem.weight_type = ElementType::i16;
  return plan;
}

TEST(WideWeights, AreReadAsTheyWereWritten) {
  const Plan plan = plan_of_words();
  ASSERT_TRUE(verify(plan)) << verify(plan).error().message;
  const auto read = deserialize(serialize(plan));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(*read == plan);
  EXPECT_EQ(std::to_integer<int>(serialize(plan)[16]) & 16, 16) << "older readers are told";
  EXPECT_EQ(std::to_integer<int>(serialize(small_plan())[16]) & 16, 0);
}

TEST(WideWeights, AreHalvesTheLowerFirst) {
  ConvolutionStep step;
  step.weight_type = ElementType::i16;
  step.weights = {-1, 127, 0, -128, -1, -1};
  step.bias = {-1, 0, 7, -1};
  EXPECT_EQ(weight_of(step, 0), 32767);
  EXPECT_EQ(weight_of(step, 1), -32768);
  EXPECT_EQ(weight_of(step, 2), -1);
  EXPECT_EQ(bias_of(step, 0), 4294967295);
  EXPECT_EQ(bias_of(step, 1), 7 - 4294967296);
}

TEST(WideWeights, AreRefusedOverBytesAndWithHalvesMissing) {
  Plan bytes = plan_of_words();
  bytes.tensors[bytes.input].type = ElementType::u8;
  EXPECT_NE(verify(bytes).error().message.find("weights are int8, or int16 where x is uint16"),
            std::string::npos)
      << verify(bytes).error().message;
  Plan half = plan_of_words();
  convolution(half, small::stem).bias.pop_back();
  EXPECT_NE(verify(half).error().message.find("two entries each"), std::string::npos);
  Plan other = plan_of_words();
  convolution(other, small::stem).weight_type = ElementType::f32;
  EXPECT_FALSE(verify(other));
}

TEST(WideWeights, MayReachTheLastIntegerOf53Bits) {
  Plan plan = plan_of_words();
  ConvolutionStep& stem = convolution(plan, small::stem);
  int64_t magnitude = 0;
  const size_t taps = stem.weights.size() / 2 / 4;
  for (size_t i = 0; i < taps; ++i) magnitude += std::abs(weight_of(stem, i));
  const auto set_bias = [&](int64_t bias) {
    stem.bias[0] = static_cast<int32_t>(bias);
    stem.bias[1] = static_cast<int32_t>(bias >> 32);
  };
  const int64_t most = (int64_t{1} << 53) - 65535 * magnitude;
  set_bias(most);
  EXPECT_TRUE(verify(plan));
  set_bias(most + 1);
  EXPECT_FALSE(verify(plan));
  set_bias(INT64_MIN);
  EXPECT_NE(verify(plan).error().message.find("more than 53 bits hold"), std::string::npos);
}

TEST(Accumulator, OfAnAverageFits) {
  // 300 * 300 pixels of 16 bits: more than 2^31.
  Plan plan = small_plan();
  plan.picture_input = false;
  plan.tensors[small::input] = testing::small_tensor("input", {1, 300, 300, 4}, ElementType::i16);
  plan.tensors[1] = testing::small_tensor("logits", {1, 1, 1, 4}, ElementType::f32);
  plan.tensors.resize(2);
  PoolStep average;
  average.kernel = {300, 300};
  plan.steps = {{"logits", {}, average, {0}, 1}};
  plan.output = 1;
  plan.labels.clear();
  const Status valid = verify(plan);
  ASSERT_FALSE(valid);
  EXPECT_NE(valid.error().message.find("more than 32 bits hold"), std::string::npos)
      << valid.error().message;
  plan.tensors[0].type = ElementType::u8;
  EXPECT_TRUE(verify(plan));
}

// Pools round their size down, or up as ceil_mode does.
TEST(Pool, MayOverhangButNotBeginInTheFarPadding) {
  const auto valid_with = [](int32_t size, int32_t kernel, int32_t stride, int32_t before,
                             int32_t after, int32_t output) {
    Plan plan = small_plan();
    plan.picture_input = false;
    plan.tensors[0] = testing::small_tensor("input", {1, size, 1, 4});
    plan.tensors[1] = testing::small_tensor("pooled", {1, output, 1, 4});
    plan.tensors[2] = testing::small_tensor("logits", {1, 1, 1, 4}, ElementType::f32);
    plan.tensors.resize(3);
    PoolStep maximum, average;
    maximum.kind = PoolStep::Kind::maximum;
    maximum.kernel = {kernel, 1};
    maximum.stride = {stride, 1};
    maximum.pads = {before, 0, after, 0};
    average.kernel = {output, 1};
    plan.steps = {{"pooled", {}, maximum, {0}, 1}, {"logits", {}, average, {1}, 2}};
    plan.output = 2;
    plan.labels.clear();
    return static_cast<bool>(verify(plan));
  };
  EXPECT_TRUE(valid_with(6, 3, 2, 0, 0, 2));  // down
  EXPECT_TRUE(valid_with(6, 3, 2, 0, 0, 3));  // up: the last window overhangs by one
  EXPECT_FALSE(valid_with(6, 3, 2, 0, 0, 4));
  EXPECT_FALSE(valid_with(6, 3, 2, 0, 0, 1));
  EXPECT_TRUE(valid_with(2, 3, 2, 0, 0, 1));   // a window larger than the map
  EXPECT_FALSE(valid_with(1, 3, 2, 0, 0, 1));  // by more than a stride
  EXPECT_TRUE(valid_with(4, 2, 2, 1, 1, 3));
  EXPECT_FALSE(valid_with(4, 2, 3, 0, 1, 3));
  // ceil((4 + 0 + 1 - 2) / 2) + 1 = 3, but the third window would begin in the padding.
  EXPECT_FALSE(valid_with(4, 2, 2, 0, 1, 3));
}

}  // namespace
}  // namespace octavo
