#include "runtime/selftest_plan.h"

#include <cmath>

#include "base/text.h"

namespace octavo {

namespace {

// The digests of the reference. A change of any of them is a change of docs/numerics.md.
constexpr Golden golden[] = {
    {1, 0xfeb133c87df71922}, {2, 0xda44afa755203e72}, {3, 0x3986943b0c82f5e6}};

// Adds steps one behind the other; numbers come from one small generator.
class Builder {
 public:
  explicit Builder(Plan& plan) : plan_(plan) {}

  uint32_t tensor(std::array<int32_t, 4> shape, ElementType type = ElementType::u8) {
    PlanTensor tensor;
    tensor.name = concat("t", plan_.tensors.size());
    tensor.shape = shape;
    tensor.type = type;
    if (type == ElementType::u8) {
      const auto channels = static_cast<size_t>(shape[3]);
      tensor.scale.resize(channels);
      tensor.zero_point.resize(channels);
      for (size_t c = 0; c < channels; ++c) {
        tensor.scale[c] = 0.01f * static_cast<float>(1 + number(8));
        tensor.zero_point[c] = number(256);
      }
    }
    plan_.tensors.push_back(std::move(tensor));
    return static_cast<uint32_t>(plan_.tensors.size() - 1);
  }

  Epilogue epilogue(uint32_t output, Activation activation, float typical) {
    const size_t channels = static_cast<size_t>(plan_.tensors[output].shape[3]);
    Epilogue e;
    e.multiplier.resize(channels);
    for (float& m : e.multiplier) m = typical * static_cast<float>(8 + number(17)) / 16.0f;
    e.activation = activation;
    if (activation != Activation::none) {
      e.output_multiplier.assign(1, 12.5f);
      e.alpha = activation == Activation::clip ? -2.5f : 1.0f / 6.0f;
      e.beta = activation == Activation::clip ? 3.5f : 0.5f;
    }
    if (activation == Activation::table) {
      e.multiplier.assign(channels, typical * 4000.0f);
      e.output_multiplier.assign(1, 12.5f / (1024.0f * 4096.0f));
      for (int i = 0; i <= 64; ++i) e.table.push_back(static_cast<int16_t>(i * i * 4 - 2048));
    }
    return e;
  }

  uint32_t convolve(uint32_t x, int channels, int kernel, int stride, int pad, int groups,
                    Activation activation, ElementType type = ElementType::u8,
                    int64_t residual = -1) {
    const auto [n, h, w, c] = plan_.tensors[x].shape;
    const int out_h = (h + 2 * pad - kernel) / stride + 1;
    const int out_w = (w + 2 * pad - kernel) / stride + 1;
    const uint32_t output = tensor({n, out_h, out_w, channels}, type);
    ConvolutionStep op;
    op.kernel = {kernel, kernel};
    op.stride = {stride, stride};
    op.pads = {pad, pad, pad, pad};
    op.groups = groups;
    const int taps = kernel * kernel * (c / groups);
    for (int i = 0; i < channels * taps; ++i) {
      op.weights.push_back(static_cast<int8_t>(number(256) - 128));
    }
    for (int i = 0; i < channels; ++i) op.bias.push_back(number(40001) - 20000);
    const float typical = 1.0f / (128.0f * std::sqrt(static_cast<float>(taps)));
    const bool in_real_units = activation != Activation::none && activation != Activation::table;
    op.epilogue = epilogue(output, activation, in_real_units ? typical / 20 : typical);
    std::vector<uint32_t> inputs{x};
    if (residual >= 0) {
      op.epilogue.has_residual = true;
      op.epilogue.residual_multiplier.assign(1, 0.75f);
      inputs.push_back(static_cast<uint32_t>(residual));
    }
    if (type == ElementType::f32) op.epilogue.lo = op.epilogue.hi = {0};
    return add(std::move(op), std::move(inputs), output);
  }

  template <class Operator>
  uint32_t add(Operator op, std::vector<uint32_t> inputs, uint32_t output) {
    plan_.steps.push_back({"step" + std::to_string(plan_.steps.size()),
                           {},
                           std::move(op),
                           std::move(inputs),
                           output});
    return output;
  }

  // A tensor that holds moved values: `from` lists tensor and channel of each.
  uint32_t moved(std::array<int32_t, 4> shape,
                 const std::vector<std::pair<uint32_t, int32_t>>& from) {
    const uint32_t output = tensor(shape);
    PlanTensor& made = plan_.tensors[output];
    for (size_t i = 0; i < from.size(); ++i) {
      const auto channel = static_cast<size_t>(from[i].second);
      made.scale[i] = plan_.tensors[from[i].first].scale[channel];
      made.zero_point[i] = plan_.tensors[from[i].first].zero_point[channel];
    }
    return output;
  }

  // 0 .. below-1 (Numerical Recipes' 32-bit linear congruential generator).
  int number(uint32_t below) {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<int>((uint64_t{state_} * below) >> 32);
  }

 private:
  Plan& plan_;
  uint32_t state_ = 12345;
};

std::array<int32_t, 4> shape_of(const Plan& plan, uint32_t tensor) {
  return plan.tensors[tensor].shape;
}

}  // namespace

Result<Plan> selftest_plan() {
  Plan plan;
  Builder b(plan);
  plan.input = b.tensor({1, 29, 31, 3});
  plan.preprocess.height = 29;
  plan.preprocess.width = 31;

  const uint32_t stem = b.convolve(plan.input, 24, 3, 2, 1, 1, Activation::none);
  const uint32_t wide = b.convolve(stem, 70, 1, 1, 0, 1, Activation::hard_swish);
  const uint32_t deep = b.convolve(wide, 70, 3, 1, 1, 70, Activation::clip);

  PoolStep whole;
  whole.kernel = {shape_of(plan, deep)[1], shape_of(plan, deep)[2]};
  const uint32_t pooled = b.tensor({1, 1, 1, 70});
  whole.epilogue = b.epilogue(pooled, Activation::none, 0.8f);
  b.add(std::move(whole), {deep}, pooled);
  const uint32_t squeezed = b.convolve(pooled, 10, 1, 1, 0, 1, Activation::table);
  const uint32_t gate = b.convolve(squeezed, 70, 1, 1, 0, 1, Activation::hard_sigmoid);
  MultiplyStep multiply;
  const uint32_t gated = b.tensor(shape_of(plan, deep));
  multiply.epilogue = b.epilogue(gated, Activation::none, 1.0f / 128);
  b.add(std::move(multiply), {deep, gate}, gated);

  const uint32_t narrow =
      b.convolve(gated, 24, 1, 1, 0, 1, Activation::none, ElementType::u8, stem);
  const uint32_t large = b.convolve(narrow, 24, 5, 1, 2, 24, Activation::none);
  AddStep sum;
  const uint32_t added = b.tensor(shape_of(plan, narrow));
  sum.epilogue = b.epilogue(added, Activation::none, 0.5f);
  sum.b_multiplier = {-0.5f};
  b.add(std::move(sum), {narrow, large}, added);

  PoolStep maximum;
  maximum.kind = PoolStep::Kind::maximum;
  maximum.kernel = {3, 3};
  maximum.stride = {2, 2};
  maximum.pads = {1, 1, 1, 1};
  const auto [n, h, w, c] = shape_of(plan, added);
  std::vector<std::pair<uint32_t, int32_t>> same, shuffled, joined;
  GatherStep shuffle;
  for (int32_t i = 0; i < c; ++i) {
    const int32_t source = i % 2 * (c / 2) + i / 2;
    same.emplace_back(added, i);
    shuffle.channels.push_back(source);
  }
  const uint32_t smaller = b.moved({n, (h - 1) / 2 + 1, (w - 1) / 2 + 1, c}, same);
  b.add(std::move(maximum), {added}, smaller);
  for (const int32_t source : shuffle.channels) shuffled.emplace_back(smaller, source);
  const uint32_t mixed = b.moved(shape_of(plan, smaller), shuffled);
  b.add(std::move(shuffle), {smaller}, mixed);
  const uint32_t grouped = b.convolve(mixed, 48, 3, 1, 1, 3, Activation::none);
  for (int32_t i = 0; i < 48; ++i) joined.emplace_back(grouped, i);
  for (int32_t i = 0; i < c; ++i) joined.emplace_back(mixed, i);
  const auto [gn, gh, gw, gc] = shape_of(plan, grouped);
  const uint32_t both = b.moved({gn, gh, gw, 72}, joined);
  b.add(ConcatStep{}, {grouped, mixed}, both);

  RescaleStep rescale;
  rescale.offset = {0.25f};
  const uint32_t precise = b.tensor(shape_of(plan, both), ElementType::i16);
  plan.tensors[precise].scale = {0.001f};
  rescale.epilogue = b.epilogue(precise, Activation::none, 40.0f);
  rescale.epilogue.lo = {-16383};
  rescale.epilogue.hi = {16383};
  b.add(std::move(rescale), {both}, precise);
  const uint32_t last = b.convolve(precise, 64, 3, 2, 1, 1, Activation::none);
  plan.output =
      b.convolve(last, 11, shape_of(plan, last)[1], 1, 0, 1, Activation::none, ElementType::f32);
  plan.golden.assign(std::begin(golden), std::end(golden));
  if (const Status valid = verify(plan); !valid) return valid.error();
  return plan;
}

}  // namespace octavo
