// Plan -> file: header, FlatBuffer, constants. Children are made in named locals, one
// after the other: as arguments of one call their order, and so the bytes, would be
// the compiler's choice.
#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>
#include <type_traits>

#include "plan/file_header.h"
#include "plan/plan.h"
#include "plan/step_traits.h"
#include "plan_generated.h"

namespace octavo {

namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

// The constants section while it grows: arrays in the order of the steps, each at the
// next multiple of 64 bytes.
class ConstantsWriter {
 public:
  template <class T>
  format::Constant add(const std::vector<T>& values) {
    const uint64_t offset = align_constant(bytes_.size());
    bytes_.resize(offset + values.size() * sizeof(T));
    if (!values.empty()) {
      std::memcpy(bytes_.data() + offset, values.data(), values.size() * sizeof(T));
    }
    return {offset, values.size()};
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

format::Extent extent(const std::array<int32_t, 2>& value) {
  return {value[0], value[1]};
}

format::Pads pads(const std::array<int32_t, 4>& value) {
  return {value[0], value[1], value[2], value[3]};
}

format::Triple triple(const std::array<float, 3>& value) {
  return {value[0], value[1], value[2]};
}

Offset<flatbuffers::Vector<Offset<flatbuffers::String>>> strings(
    FlatBufferBuilder& builder, const std::vector<std::string>& values) {
  return builder.CreateVectorOfStrings(values);
}

Offset<format::Tensor> tensor(FlatBufferBuilder& builder, const PlanTensor& value) {
  const auto name = builder.CreateString(value.name);
  const auto scale = builder.CreateVector(value.scale);
  const auto zero_point = builder.CreateVector(value.zero_point);
  const format::Shape shape(value.shape[0], value.shape[1], value.shape[2], value.shape[3]);
  return format::CreateTensor(builder, name, &shape, static_cast<format::ElementType>(value.type),
                              scale, zero_point);
}

Offset<format::Epilogue> epilogue(FlatBufferBuilder& builder, const Epilogue& value) {
  const auto multiplier = builder.CreateVector(value.multiplier);
  const auto output_multiplier = builder.CreateVector(value.output_multiplier);
  const auto table = builder.CreateVector(value.table);
  const auto residual_multiplier = builder.CreateVector(value.residual_multiplier);
  const auto lo = builder.CreateVector(value.lo);
  const auto hi = builder.CreateVector(value.hi);
  return format::CreateEpilogue(
      builder, multiplier, static_cast<format::Activation>(value.activation), value.alpha,
      value.beta, output_multiplier, table, value.has_residual, residual_multiplier, lo, hi);
}

// A step as a table of the schema, by its traits.
class OperatorWriter {
 public:
  OperatorWriter(FlatBufferBuilder& builder, ConstantsWriter& constants)
      : builder_(builder), constants_(constants) {}

  template <class Step>
  Offset<void> operator()(const Step& step) {
    using Traits = typename StepTraits<Step>::Table::Traits;
    if (const Epilogue* end = epilogue_of(step)) epilogue_ = epilogue(builder_, *end);
    const auto put_all = [&](const auto&... fields) {
      // Braces: one after the other.
      const std::tuple<decltype(put(fields))...> made{put(fields)...};
      return std::apply(
          [&](const auto&... each) { return Traits::Create(builder_, argument(each)...); }, made);
    };
    return std::apply(put_all, StepTraits<Step>::fields(step)).Union();
  }

 private:
  // As the schema's functions take them: structs by pointer.
  static const format::Extent* argument(const format::Extent& made) { return &made; }
  static const format::Pads* argument(const format::Pads& made) { return &made; }
  static const format::Constant* argument(const format::Constant& made) { return &made; }
  static const format::WeightType* argument(const std::optional<format::WeightType>& made) {
    return made ? &*made : nullptr;
  }
  template <class T>
  static T argument(const T& made) {
    return made;
  }

  int32_t put(int32_t value) { return value; }
  bool put(bool value) { return value; }
  float put(float value) { return value; }
  format::PoolKind put(PoolStep::Kind kind) { return static_cast<format::PoolKind>(kind); }
  std::optional<format::WeightType> put(ElementType type) {
    if (type == ElementType::i8) return std::nullopt;
    return format::WeightType(static_cast<format::ElementType>(type));
  }
  format::Extent put(const std::array<int32_t, 2>& value) { return extent(value); }
  format::Pads put(const std::array<int32_t, 4>& value) { return pads(value); }
  Offset<format::Epilogue> put(const Epilogue&) { return epilogue_; }
  template <class T>
  Offset<flatbuffers::Vector<T>> put(const std::vector<T>& values) {
    return builder_.CreateVector(values);
  }
  template <class Array>
  format::Constant put(const InConstants<Array>& array) {
    return constants_.add(array.values);
  }

  FlatBufferBuilder& builder_;
  ConstantsWriter& constants_;
  Offset<format::Epilogue> epilogue_;  // of the step at hand, before what else it has
};

// The schema's union lists the steps in StepOperator's order, after NONE.
template <class... Steps>
constexpr bool is_in_order(const std::variant<Steps...>*) {
  size_t place = 0;
  return ((format::OperatorTraits<typename StepTraits<Steps>::Table>::enum_value ==
           static_cast<format::Operator>(++place)) &&
          ...);
}
static_assert(is_in_order(static_cast<const StepOperator*>(nullptr)));
static_assert(static_cast<size_t>(format::Operator::MAX) == std::variant_size_v<StepOperator>);

// Plans of the first format's steps and types are files that its readers take.
FormatVersion minimum_reader(const Plan& plan) {
  constexpr size_t first_of_second_format = static_cast<size_t>(format::Operator::LayerNorm) - 1;
  const bool new_step = std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& step) {
    return step.op.index() >= first_of_second_format;
  });
  const bool new_type =
      std::any_of(plan.tensors.begin(), plan.tensors.end(),
                  [](const PlanTensor& tensor) { return tensor.type == ElementType::i8; });
  return new_step || new_type ? FormatVersion{0, 2} : FormatVersion{0, 1};
}

Offset<format::Step> step(FlatBufferBuilder& builder, ConstantsWriter& constants,
                          const Step& value) {
  const auto name = builder.CreateString(value.name);
  const auto op = std::visit(OperatorWriter(builder, constants), value.op);
  const auto inputs = builder.CreateVector(value.inputs);
  return format::CreateStep(builder, name, static_cast<uint32_t>(value.merged.size()),
                            static_cast<format::Operator>(value.op.index() + 1), op, inputs,
                            value.output);
}

Offset<format::Preprocess> preprocess(FlatBufferBuilder& builder, const Preprocess& value) {
  const auto mean = triple(value.mean), std = triple(value.std);
  const format::Extent exact(value.resize_exact[0], value.resize_exact[1]);
  return format::CreatePreprocess(builder, value.height, value.width, value.resize_short,
                                  static_cast<format::Interpolation>(value.interpolation),
                                  static_cast<format::ColorOrder>(value.color), value.exif_rotate,
                                  value.via_nv12, &mean, &std, value.squashes() ? &exact : nullptr);
}

Offset<format::Provenance> provenance(FlatBufferBuilder& builder, const Provenance& value) {
  const auto tool_version = builder.CreateString(value.tool_version);
  const auto model = builder.CreateString(value.model_sha256);
  const auto calibration = builder.CreateString(value.calibration_sha256);
  const auto options = builder.CreateString(value.options);
  const auto isa = builder.CreateString(value.calibration_isa);
  return format::CreateProvenance(builder, tool_version, model, calibration,
                                  value.calibration_pictures, options, isa);
}

void finish_plan(FlatBufferBuilder& builder, ConstantsWriter& constants, const Plan& plan) {
  std::vector<Offset<format::Tensor>> tensor_offsets;
  for (const PlanTensor& value : plan.tensors) tensor_offsets.push_back(tensor(builder, value));
  std::vector<Offset<format::Step>> step_offsets;
  std::vector<std::string> merged_names;
  for (const Step& value : plan.steps) {
    step_offsets.push_back(step(builder, constants, value));
    merged_names.insert(merged_names.end(), value.merged.begin(), value.merged.end());
  }
  std::vector<format::StepReport> reports;
  for (const StepReport& r : plan.report) {
    reports.emplace_back(r.step, r.cosine, r.sqnr_db, r.cosine_alone, r.sqnr_alone_db);
  }
  std::vector<format::Golden> golden;
  for (const Golden& g : plan.golden) golden.emplace_back(g.seed, g.logits_xxh3);

  const auto tensors = builder.CreateVector(tensor_offsets);
  const auto steps = builder.CreateVector(step_offsets);
  const auto merged = strings(builder, merged_names);
  const auto how = preprocess(builder, plan.preprocess);
  const auto labels = strings(builder, plan.labels);
  const auto origin = provenance(builder, plan.provenance);
  const auto report = builder.CreateVectorOfStructs(reports);
  const auto seeds = builder.CreateVectorOfStructs(golden);
  const format::OutputMeaning meaning(static_cast<format::OutputKind>(plan.output_kind));
  builder.Finish(format::CreatePlan(builder, tensors, steps, merged, plan.input, plan.output,
                                    plan.picture_input, plan.softmax_removed, how, labels, origin,
                                    report, seeds,
                                    plan.output_kind == OutputKind::logits ? nullptr : &meaning));
}

// What files of other quantizers ask for beyond the format: 16 bits with a zero point, lookups,
// products whose right operand is no i8, residuals of one pixel.
bool has_given_codes(const Plan& plan) {
  const auto pixels = [&](uint32_t t) {
    const auto& shape = plan.tensors[t].shape;
    return int64_t{shape[0]} * shape[1] * shape[2];
  };
  const auto is_given = [&](const Step& step) {
    const auto* convolution = std::get_if<ConvolutionStep>(&step.op);
    if (convolution != nullptr && convolution->epilogue.has_residual) {
      return pixels(step.inputs.back()) != pixels(step.output);
    }
    const bool product = std::holds_alternative<MatMulStep>(step.op);
    return std::holds_alternative<LookupStep>(step.op) ||
           (product && plan.tensors[step.inputs[1]].type != ElementType::i8);
  };
  return std::any_of(plan.tensors.begin(), plan.tensors.end(),
                     [](const PlanTensor& t) { return t.type == ElementType::u16; }) ||
         std::any_of(plan.steps.begin(), plan.steps.end(), is_given);
}

bool has_wide_weights(const Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& s) {
    const auto* convolution = std::get_if<ConvolutionStep>(&s.op);
    return convolution != nullptr && convolution->weight_type != ElementType::i8;
  });
}

bool has_long_exponentials(const Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& s) {
    const auto* softmax = std::get_if<SoftmaxStep>(&s.op);
    return softmax != nullptr && has_long_exponentials(*softmax);
  });
}

bool has_quotients(const Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(),
                     [](const Step& s) { return std::holds_alternative<DivideStep>(s.op); });
}

uint64_t required_features(const Plan& plan) {
  uint64_t bits = 0;
  if (plan.output_kind != OutputKind::logits) bits |= plan_feature::output_meaning;
  if (plan.preprocess.squashes()) bits |= plan_feature::exact_resize;
  if (has_given_codes(plan)) bits |= plan_feature::given_codes;
  if (has_quotients(plan)) bits |= plan_feature::quotients;
  if (has_wide_weights(plan)) bits |= plan_feature::wide_weights;
  if (has_long_exponentials(plan)) bits |= plan_feature::long_exponentials;
  return bits;
}

}  // namespace

std::vector<std::byte> serialize(const Plan& plan) {
  FlatBufferBuilder builder;
  builder.ForceDefaults(true);  // else -0.0 equals its default, is left out, and returns as 0.0
  ConstantsWriter constants;
  finish_plan(builder, constants, plan);

  FileHeader header;
  header.minimum_reader = minimum_reader(plan);
  header.required_features = required_features(plan);
  header.flatbuffer_offset = FileHeader::bytes;
  header.flatbuffer_bytes = builder.GetSize();
  header.constants_offset = align_constant(FileHeader::bytes + uint64_t{builder.GetSize()});
  header.constants_bytes = constants.bytes().size();
  header.file_bytes = header.constants_offset + header.constants_bytes;

  std::vector<std::byte> file(header.file_bytes);
  std::memcpy(file.data() + header.flatbuffer_offset, builder.GetBufferPointer(),
              builder.GetSize());
  if (!constants.bytes().empty()) {
    std::memcpy(file.data() + header.constants_offset, constants.bytes().data(),
                constants.bytes().size());
  }
  write_header(header, file);
  return file;
}

}  // namespace octavo
