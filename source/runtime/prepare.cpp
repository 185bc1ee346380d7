#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/prepared.h"
#include "runtime/window.h"

namespace octavo::runtime {

namespace {

using kernels::channel_round;
using kernels::EpilogueArrays;

// One entry a channel from a vector of one, or one a channel.
template <class T, class Value>
const T* expand(ConstantPool& pool, const std::vector<Value>& values, int32_t channels) {
  if (values.empty()) return nullptr;
  T* array = pool.allocate_array<T>(static_cast<size_t>(channels), channel_round);
  if (array == nullptr) return nullptr;
  for (int32_t c = 0; c < channels; ++c) {
    array[c] = static_cast<T>(values.size() == 1 ? values[0] : values[static_cast<size_t>(c)]);
  }
  return array;
}

template <class T>
T of_channel(const std::vector<T>& values, int32_t c) {
  return values.size() == 1 ? values[0] : values[static_cast<size_t>(c)];
}

// float(bound[c] - z[c])
const float* expand_bound(ConstantPool& pool, const std::vector<int32_t>& bound,
                          const std::vector<int32_t>& zero, int32_t channels) {
  float* array = pool.allocate_array<float>(static_cast<size_t>(channels), channel_round);
  if (array == nullptr) return nullptr;
  for (int32_t c = 0; c < channels; ++c) {
    array[c] = static_cast<float>(of_channel(bound, c) - of_channel(zero, c));
  }
  return array;
}

const int16_t* expand_table(ConstantPool& pool, const std::vector<int16_t>& knots) {
  if (knots.empty()) return nullptr;
  int16_t* table = pool.allocate_array<int16_t>(knots.size(), 128);
  if (table != nullptr) std::copy(knots.begin(), knots.end(), table);
  return table;
}

EpilogueArrays expand_epilogue(Program::Impl& impl, const Step& step, const Epilogue& e) {
  ConstantPool& pool = impl.constants;
  const PlanTensor& output = impl.plan.tensors[step.output];
  const int32_t channels = output.shape[3];
  EpilogueArrays arrays;
  arrays.activation = e.activation;
  arrays.alpha = e.alpha;
  arrays.beta = e.beta;
  arrays.multiplier = expand<float>(pool, e.multiplier, channels);
  arrays.output_multiplier = expand<float>(pool, e.output_multiplier, channels);
  arrays.table = expand_table(pool, e.table);
  arrays.lo = expand_bound(pool, e.lo, output.zero_point, channels);
  arrays.hi = expand_bound(pool, e.hi, output.zero_point, channels);
  arrays.zero = expand<int32_t>(pool, output.zero_point, channels);
  arrays.output = output.type;
  if (e.has_residual) {
    const PlanTensor& residual = impl.plan.tensors[step.inputs.back()];
    arrays.residual = residual.type;
    arrays.residual_multiplier = expand<float>(pool, e.residual_multiplier, channels);
    arrays.residual_zero = expand<int32_t>(pool, residual.zero_point, channels);
  }
  return arrays;
}

// What each |float(acc)| keeps to whatever the input: the fewer taps, the less of 32 bits. Null for
// inputs of u16, whose sums may leave them.
const float* largest_sums(ConstantPool& pool, const ConvolutionStep& op, ElementType input) {
  if (input == ElementType::u16 || op.weight_type != ElementType::i8) return nullptr;
  const int64_t most = input == ElementType::u8 ? 255 : input == ElementType::i8 ? 128 : 32768;
  const size_t channels = op.bias.size(), taps = op.weights.size() / channels;
  float* array = pool.allocate_array<float>(channels, channel_round);
  if (array == nullptr) return nullptr;
  for (size_t c = 0; c < channels; ++c) {
    int64_t weights = 0;
    for (size_t k = 0; k < taps; ++k) weights += std::abs(int{op.weights[c * taps + k]});
    array[c] = static_cast<float>(std::abs(int64_t{op.bias[c]}) + most * weights);
  }
  return array;
}

const int32_t* expand_zero(Program::Impl& impl, uint32_t tensor) {
  const PlanTensor& described = impl.plan.tensors[tensor];
  return expand<int32_t>(impl.constants, described.zero_point, described.shape[3]);
}

// What the kernel makes of the constants, all else of which is there.
template <class Kernel, class Constants>
const std::byte* prepare_constants(ConstantPool& pool, const Kernel& kernel,
                                   const Constants& constants) {
  if (kernel.prepare == nullptr) return nullptr;
  std::byte* prepared = pool.allocate(kernel.prepared_bytes(constants.shape));
  if (prepared != nullptr) kernel.prepare(constants, prepared);
  return prepared;
}

// Whether all maps, input, output and residual, can be taken for one row.
bool is_flat(const Layout& layout, const Step& step, const PreparedConvolution& made) {
  const TensorLayout& x = layout.tensors[step.inputs[0]];
  const TensorLayout& y = layout.tensors[step.output];
  const kernels::ConvolutionShape& s = made.constants.shape;
  if (x.ring_rows > 0 || y.ring_rows > 0) return false;
  const bool moves_nothing = s.pointwise() && s.stride_h == 1 && s.stride_w == 1 &&
                             made.pad_top == 0 && made.pad_left == 0 && y.height == x.height &&
                             y.width == x.width;
  return moves_nothing && x.is_flat() && y.is_flat() &&
         (!s.has_residual || layout.tensors[step.inputs.back()].is_flat());
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const ConvolutionStep& op) {
  const PlanTensor& input = impl.plan.tensors[step.inputs[0]];
  const PlanTensor& output = impl.plan.tensors[step.output];
  const TensorLayout& x = impl.layout.tensors[step.inputs[0]];
  const TensorLayout& y = impl.layout.tensors[step.output];
  const Window rows = window_of(op, 0, output), columns = window_of(op, 1, output);
  PreparedConvolution made;
  kernels::ConvolutionShape& s = made.constants.shape;
  s.input_channels = input.shape[3];
  s.output_channels = output.shape[3];
  s.groups = op.groups;
  s.kernel_h = rows.kernel;
  s.kernel_w = columns.kernel;
  s.stride_h = rows.stride;
  s.stride_w = columns.stride;
  s.dilation_h = rows.dilation;
  s.dilation_w = columns.dilation;
  s.input = input.type;
  s.output = output.type;
  s.weights = op.weight_type;
  s.activation = op.epilogue.activation;
  s.has_residual = op.epilogue.has_residual;
  if (s.has_residual) s.residual = impl.plan.tensors[step.inputs.back()].type;
  made.dilated_rows = rows.extent();
  made.pad_top = rows.before;
  made.pad_left = columns.before;
  made.is_flat = is_flat(impl.layout, step, made);
  s.output_height = made.is_flat ? 1 : y.height;
  s.output_width = made.is_flat ? y.height * y.width : y.width;
  s.input_is_slice = x.pixel_bytes != x.channel_bytes();
  const auto index = static_cast<size_t>(&step - impl.plan.steps.data());
  s.run_rows = rows_of_a_run(impl.plan, impl.layout.chains, index);
  made.kernel = &kernels::choose(s, impl.features);
  made.constants.epilogue = expand_epilogue(impl, step, op.epilogue);
  made.constants.epilogue.largest_sum = largest_sums(impl.constants, op, input.type);
  std::byte* packed = impl.constants.allocate(made.kernel->packed_bytes(s));
  if (packed != nullptr) made.kernel->pack(s, op.weights.data(), op.bias.data(), packed);
  made.constants.packed = packed;
  made.constants.prepared = prepare_constants(impl.constants, *made.kernel, made.constants);
  impl.scratch_bytes = std::max(impl.scratch_bytes, made.kernel->scratch_bytes(s));
  return made;
}

// Of one axis of a pool: which part of the map each window covers, and how many of its
// entries count.
struct Covered {
  const int32_t *begin, *end, *count;
};

Covered find_covered(ConstantPool& pool, const Window& window, bool count_padding, int32_t size) {
  const auto n = static_cast<size_t>(window.outputs);
  int32_t* begin = pool.allocate_array<int32_t>(n, channel_round);
  int32_t* end = pool.allocate_array<int32_t>(n, channel_round);
  int32_t* count = pool.allocate_array<int32_t>(n, channel_round);
  for (int32_t i = 0; begin != nullptr && i < window.outputs; ++i) {
    const int32_t first = window.first(i);
    begin[i] = std::max(0, first);
    end[i] = std::min(size, first + window.kernel);
    // Padding counts where the step says so, the overhang of ceil_mode never.
    count[i] =
        count_padding ? std::min(window.kernel, size + window.after - first) : end[i] - begin[i];
  }
  return {begin, end, count};
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const PoolStep& op) {
  const PlanTensor& input = impl.plan.tensors[step.inputs[0]];
  const PlanTensor& output = impl.plan.tensors[step.output];
  PreparedPool made;
  kernels::PoolShape& s = made.constants.shape;
  s.channels = input.shape[3];
  s.kind = op.kind;
  s.input = input.type;
  s.output = output.type;
  made.kernel = &kernels::choose(s, impl.features);
  if (op.kind == PoolStep::Kind::average) {
    made.constants.epilogue = expand_epilogue(impl, step, op.epilogue);
  }
  made.constants.input_zero = expand_zero(impl, step.inputs[0]);
  const auto covered = [&](size_t axis) {
    return find_covered(impl.constants, window_of(op, axis, output), op.count_include_pad,
                        input.shape[1 + axis]);
  };
  const Covered rows = covered(0), columns = covered(1);
  made.row_begin = rows.begin;
  made.row_end = rows.end;
  made.row_count = rows.count;
  made.constants.column_begin = columns.begin;
  made.constants.column_end = columns.end;
  made.constants.column_count = columns.count;
  made.window_pixels =
      double{1} * std::min(op.kernel[0], input.shape[1]) * std::min(op.kernel[1], input.shape[2]);
  return made;
}

// `b_multiplier` of an add, `offset` of a rescale.
PreparedElementwise prepare_elementwise(Program::Impl& impl, const Step& step,
                                        kernels::ElementwiseShape::Kind kind,
                                        const Epilogue& epilogue,
                                        const std::vector<float>& b_multiplier = {},
                                        const std::vector<float>& offset = {}) {
  const PlanTensor& a = impl.plan.tensors[step.inputs[0]];
  const PlanTensor& output = impl.plan.tensors[step.output];
  PreparedElementwise made;
  kernels::ElementwiseShape& s = made.constants.shape;
  s.kind = kind;
  s.channels = a.shape[3];
  s.a = a.type;
  s.output = output.type;
  s.activation = epilogue.activation;
  if (kind != kernels::ElementwiseShape::Kind::rescale) {
    const PlanTensor& b = impl.plan.tensors[step.inputs[1]];
    s.b = b.type;
    s.b_is_one_pixel = b.shape != a.shape;
    made.constants.b_zero = expand_zero(impl, step.inputs[1]);
  }
  made.kernel = &kernels::choose(s, impl.features);
  made.constants.epilogue = expand_epilogue(impl, step, epilogue);
  made.constants.a_zero = expand_zero(impl, step.inputs[0]);
  made.constants.b_multiplier = expand<float>(impl.constants, b_multiplier, s.channels);
  made.constants.offset = expand<float>(impl.constants, offset, s.channels);
  made.constants.prepared = prepare_constants(impl.constants, *made.kernel, made.constants);
  return made;
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const AddStep& op) {
  return prepare_elementwise(impl, step, kernels::ElementwiseShape::Kind::add, op.epilogue,
                             op.b_multiplier);
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const MultiplyStep& op) {
  return prepare_elementwise(impl, step, kernels::ElementwiseShape::Kind::multiply, op.epilogue);
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const DivideStep& op) {
  return prepare_elementwise(impl, step, kernels::ElementwiseShape::Kind::divide, op.epilogue);
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const RescaleStep& op) {
  return prepare_elementwise(impl, step, kernels::ElementwiseShape::Kind::rescale, op.epilogue, {},
                             op.offset);
}

template <class Entry>
const Entry* copy_exponentials(ConstantPool& pool, const std::vector<Entry>& table) {
  Entry* copy = pool.allocate_array<Entry>(table.size() + channel_round, channel_round);
  if (copy != nullptr) std::copy(table.begin(), table.end(), copy);
  return copy;
}

// `own`: the constants that one kind alone has.
PreparedStep prepare_normalize(Program::Impl& impl, const Step& step,
                               kernels::NormalizeShape::Kind kind, const Epilogue& epilogue,
                               const kernels::NormalizeConstants& own) {
  const PlanTensor& input = impl.plan.tensors[step.inputs[0]];
  PreparedNormalize made{own};
  kernels::NormalizeShape& s = made.constants.shape;
  s.kind = kind;
  s.channels = input.shape[3];
  s.input = input.type;
  s.output = impl.plan.tensors[step.output].type;
  s.activation = epilogue.activation;
  made.kernel = &kernels::choose(s, impl.features);
  made.constants.epilogue = expand_epilogue(impl, step, epilogue);
  made.constants.input_zero = input.zero_point[0];
  made.constants.prepared = prepare_constants(impl.constants, *made.kernel, made.constants);
  return made;
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const LayerNormStep& op) {
  kernels::NormalizeConstants own;
  own.least = op.epsilon;
  own.offset = expand<float>(impl.constants, op.offset, impl.plan.tensors[step.output].shape[3]);
  return prepare_normalize(impl, step, kernels::NormalizeShape::Kind::layer_norm, op.epilogue, own);
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const L2NormalizeStep& op) {
  kernels::NormalizeConstants own;
  own.least = op.floor;
  return prepare_normalize(impl, step, kernels::NormalizeShape::Kind::l2, op.epilogue, own);
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const SoftmaxStep& op) {
  kernels::NormalizeConstants own;
  if (has_long_exponentials(op)) {
    own.long_coarse = copy_exponentials(impl.constants, long_exponentials(op.coarse));
    own.long_fine = copy_exponentials(impl.constants, long_exponentials(op.fine));
    return prepare_normalize(impl, step, kernels::NormalizeShape::Kind::long_softmax, op.epilogue,
                             own);
  }
  own.coarse = copy_exponentials(impl.constants, op.coarse);
  own.fine = copy_exponentials(impl.constants, op.fine);
  return prepare_normalize(impl, step, kernels::NormalizeShape::Kind::softmax, op.epilogue, own);
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const MatMulStep& op) {
  const PlanTensor& a = impl.plan.tensors[step.inputs[0]];
  const PlanTensor& b = impl.plan.tensors[step.inputs[1]];
  const PlanTensor& output = impl.plan.tensors[step.output];
  PreparedMatMul made;
  kernels::MatMulShape& s = made.constants.shape;
  s.depth = a.shape[3];
  s.channels = output.shape[3];
  s.transpose_b = op.transpose_b;
  s.a = a.type;
  s.b = b.type;
  s.output = output.type;
  s.activation = op.epilogue.activation;
  s.has_residual = op.epilogue.has_residual;
  if (s.has_residual) s.residual = impl.plan.tensors[step.inputs.back()].type;
  s.width = output.shape[2];
  made.kernel = &kernels::choose(s, impl.features);
  made.constants.epilogue = expand_epilogue(impl, step, op.epilogue);
  made.constants.a_zero = a.zero_point[0];
  made.constants.b_zero = b.zero_point[0];
  made.constants.prepared = prepare_constants(impl.constants, *made.kernel, made.constants);
  impl.scratch_bytes = std::max(impl.scratch_bytes, made.kernel->scratch_bytes(s));
  return made;
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const ResizeStep& op) {
  const PlanTensor& input = impl.plan.tensors[step.inputs[0]];
  const auto next_of = [](std::vector<int32_t> index, int32_t size) {
    for (int32_t& i : index) i = std::min(i + 1, size - 1);
    return index;
  };
  const auto keep = [&](const std::vector<int32_t>& values) {
    return expand<int32_t>(impl.constants, values, static_cast<int32_t>(values.size()));
  };
  PreparedResize made;
  kernels::ResizeShape& s = made.constants.shape;
  s.channels = input.shape[3];
  s.input = input.type;
  s.output = impl.plan.tensors[step.output].type;
  s.activation = op.epilogue.activation;
  made.kernel = &kernels::choose(s, impl.features);
  made.constants.epilogue = expand_epilogue(impl, step, op.epilogue);
  made.constants.input_zero = expand_zero(impl, step.inputs[0]);
  impl.charge.add(2 * op.row.size() * sizeof(int32_t));
  made.row = op.row;
  made.next_row = next_of(op.row, input.shape[1]);
  made.row_weight = keep(op.row_weight);
  made.constants.column = keep(op.column);
  made.constants.next_column = keep(next_of(op.column, input.shape[2]));
  made.constants.column_weight = keep(op.column_weight);
  return made;
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const PermuteStep& op) {
  const auto& layouts = impl.layout.tensors;
  return PreparedPermute{
      analyse_permute(op.dims, op.perm, layouts[step.inputs[0]], layouts[step.output])};
}

void save_stored(std::byte* values, size_t index, int32_t element_bytes, int32_t stored) {
  std::byte* entry = values + index * static_cast<size_t>(element_bytes);
  if (element_bytes == 1) {
    *entry = static_cast<std::byte>(stored);
  } else if (element_bytes == 2) {
    const auto value = static_cast<int16_t>(stored);
    std::memcpy(entry, &value, sizeof value);
  }
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const ConstantStep& op) {
  const int32_t bytes = element_size(impl.plan.tensors[step.output].type);
  std::byte* values = impl.constants.allocate(op.values.size() * static_cast<size_t>(bytes));
  for (size_t i = 0; values != nullptr && i < op.values.size(); ++i) {
    save_stored(values, i, bytes, op.values[i]);
  }
  return PreparedConstant{values};
}

PreparedStep prepare(Program::Impl& impl, const Step& step, const LookupStep& op) {
  const PlanTensor& output = impl.plan.tensors[step.output];
  const int32_t bytes = element_size(output.type);
  std::byte* table = impl.constants.allocate(op.table.size() * static_cast<size_t>(bytes));
  for (size_t i = 0; table != nullptr && i < op.table.size(); ++i) {
    save_stored(table, i, bytes, op.table[i]);
  }
  const int32_t index_bytes = element_size(impl.plan.tensors[step.inputs[0]].type);
  const bool by_channel = index_bytes == 1 && op.table.size() > lookup_levels;
  return PreparedLookup{{table, output.shape[3], by_channel, index_bytes, bytes}};
}

PreparedStep prepare(Program::Impl& impl, const Step&, const GatherStep& op) {
  impl.charge.add(2 * op.channels.size() * sizeof(int32_t));  // the channels, and runs of them
  return PreparedMove{PreparedMove::Kind::gather, analyse_gather(op.channels)};
}

PreparedStep prepare(Program::Impl&, const Step&, const ConcatStep&) {
  return PreparedMove{PreparedMove::Kind::concat, {}};
}

PreparedStep prepare(Program::Impl&, const Step&, const ReshapeStep&) {
  return PreparedMove{PreparedMove::Kind::reshape, {}};
}

// What padding reads: the row that stands above and below, and what halos are copied from.
void make_zero_rows(Program::Impl& impl) {
  for (size_t i = 0; i < impl.layout.tensors.size(); ++i) {
    TensorLayout& tensor = impl.layout.tensors[i];
    if (!tensor.needs_zero_row && tensor.halo == 0) continue;
    const ptrdiff_t pixels = ptrdiff_t{tensor.halo_left} + tensor.width + tensor.halo;
    std::byte* row = impl.constants.allocate(static_cast<size_t>(pixels * tensor.pixel_bytes));
    if (row == nullptr) continue;
    for (ptrdiff_t x = 0; x < pixels; ++x) {
      for (int32_t c = 0; c < tensor.channels; ++c) {
        save_stored(row + x * tensor.pixel_bytes, static_cast<size_t>(c), tensor.element_bytes,
                    of_channel(impl.plan.tensors[i].zero_point, c));
      }
    }
    tensor.zero_row = row + tensor.halo_left * tensor.pixel_bytes;
    if (!impl.layout.chains.empty()) impl.whole_layout.tensors[i].zero_row = tensor.zero_row;
  }
}

// What is packed is not needed as the plan has it.
size_t release_weights(Step& step) {
  auto* convolution = std::get_if<ConvolutionStep>(&step.op);
  if (convolution == nullptr) return 0;
  const size_t bytes = convolution->weights.size() + convolution->bias.size() * sizeof(int32_t);
  convolution->weights = std::vector<int8_t>();
  convolution->bias = std::vector<int32_t>();
  return bytes;
}

}  // namespace

void prepare_steps(Program::Impl& impl) {
  const auto prepared = [&](const Step& step) {
    return std::visit([&](const auto& op) { return prepare(impl, step, op); }, step.op);
  };
  const size_t before = impl.charge.bytes();
  make_zero_rows(impl);
  for (const Step& step : impl.plan.steps) prepared(step);
  impl.charge.give_back_to(before);

  impl.constants.map();
  make_zero_rows(impl);
  impl.charge.reserve(impl.steps, impl.plan.steps.size());
  size_t released = 0;
  for (Step& step : impl.plan.steps) {
    impl.steps.push_back(prepared(step));
    released += release_weights(step);
  }
  impl.charge.give_back_to(impl.charge.bytes() - released);
}

}  // namespace octavo::runtime
