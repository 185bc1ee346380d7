// File -> Plan. The bytes may be anything: nothing is read before it is known to lie in
// the file, and nothing is allocated that the file does not pay for byte by byte.
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/pages.h"
#include "base/text.h"
#include "plan/file_header.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/step_traits.h"
#include "plan_generated.h"

namespace octavo {

namespace {

// Reads one plan. The first fault is kept in `fault_` and everything after it yields
// empty values, so that the code below reads like the schema.
class PlanReader {
 public:
  PlanReader(const format::Plan& root, size_t flatbuffer_bytes,
             std::span<const std::byte> constants)
      : root_(root), flatbuffer_budget_(flatbuffer_bytes), constants_(constants) {}

  Result<Plan> read();

 private:
  class FieldReader;

  void fail(std::string message) {
    if (fault_.empty()) fault_ = std::move(message);
  }
  std::string place() const { return concat("step ", step_index_); }

  template <class Value, class Stored>
  Value known(Stored stored, Value last, const char* what);
  template <class T>
  std::vector<T> copied(const flatbuffers::Vector<T>* stored);
  template <class T>
  std::vector<T> constant(const format::Constant& stored, const char* what);
  std::string text(const flatbuffers::String* stored);
  std::vector<std::string> texts(
      const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* stored, size_t most,
      const char* what);
  bool within(size_t count, size_t most, const char* what);
  bool spend(uint64_t bytes);

  PlanTensor tensor(const format::Tensor& stored);
  Epilogue epilogue(const format::Epilogue& stored);
  template <class Step>
  Step fields_of(const flatbuffers::Table& stored);
  template <size_t... kind>
  StepOperator step_at(size_t index, const flatbuffers::Table& stored,
                       std::index_sequence<kind...>);
  StepOperator step_operator(const format::Step& stored);
  Step step(const format::Step& stored, std::vector<std::string>& merged, size_t& merged_done);
  Preprocess preprocess(const format::Preprocess& stored);
  Provenance provenance(const format::Provenance& stored);
  std::vector<StepReport> report();
  std::vector<Golden> golden();

  const format::Plan& root_;
  uint64_t flatbuffer_budget_;  // several vectors may share bytes: the sum of all copies is bounded
  std::span<const std::byte> constants_;
  uint64_t constants_done_ = 0;
  size_t step_index_ = 0;
  std::string fault_;
};

template <class Value, class Stored>
Value PlanReader::known(Stored stored, Value last, const char* what) {
  if (static_cast<unsigned>(stored) > static_cast<unsigned>(last)) {
    fail(concat("the plan holds an unknown ", what, ", number ", static_cast<unsigned>(stored),
                "; a newer version of Octavo may read it"));
    return last;
  }
  return static_cast<Value>(stored);
}

bool PlanReader::within(size_t count, size_t most, const char* what) {
  if (count > most) fail(concat("the plan holds ", count, " ", what, "; the most is ", most));
  return fault_.empty();
}

bool PlanReader::spend(uint64_t bytes) {
  if (bytes > flatbuffer_budget_) {
    fail("the plan's arrays overlap: together they are larger than the section that holds them");
    return false;
  }
  flatbuffer_budget_ -= bytes;
  return fault_.empty();
}

template <class T>
std::vector<T> PlanReader::copied(const flatbuffers::Vector<T>* stored) {
  if (stored == nullptr || stored->size() == 0 || !spend(stored->size() * uint64_t{sizeof(T)})) {
    return {};
  }
  return std::vector<T>(stored->data(), stored->data() + stored->size());
}

// Arrays follow each other in the order in which they are read, as serialize writes
// them, so that no byte of the file is copied twice.
template <class T>
std::vector<T> PlanReader::constant(const format::Constant& stored, const char* what) {
  if (!fault_.empty()) return {};
  const uint64_t expected = align_constant(constants_done_);
  if (stored.offset() != expected || expected > constants_.size() ||
      stored.count() > (constants_.size() - expected) / sizeof(T)) {
    fail(concat(place(), ": its ", what, ", ", stored.count(), " elements from byte ",
                stored.offset(), " of the constants, should begin at byte ", expected,
                " and end within ", constants_.size()));
    return {};
  }
  auto values = vector_brought_in<T>(stored.count());
  if (!values.empty()) {
    std::memcpy(values.data(), constants_.data() + expected, values.size() * sizeof(T));
  }
  constants_done_ = expected + values.size() * sizeof(T);
  return values;
}

std::string PlanReader::text(const flatbuffers::String* stored) {
  if (stored == nullptr || !spend(stored->size())) return {};
  return stored->str();
}

std::vector<std::string> PlanReader::texts(
    const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* stored, size_t most,
    const char* what) {
  std::vector<std::string> values;
  if (stored == nullptr || !within(stored->size(), most, what)) return values;
  values.reserve(stored->size());
  for (const flatbuffers::String* value : *stored) values.push_back(text(value));
  return values;
}

PlanTensor PlanReader::tensor(const format::Tensor& stored) {
  PlanTensor value;
  value.name = text(stored.name());
  const format::Shape& shape = *stored.shape();
  value.shape = {shape.n(), shape.h(), shape.w(), shape.c()};
  value.type = known(stored.type(), ElementType::u16, "element type");
  value.scale = copied(stored.scale());
  value.zero_point = copied(stored.zero_point());
  return value;
}

Epilogue PlanReader::epilogue(const format::Epilogue& stored) {
  Epilogue value;
  value.multiplier = copied(stored.multiplier());
  value.activation = known(stored.activation(), Activation::table, "activation");
  value.alpha = stored.alpha();
  value.beta = stored.beta();
  value.output_multiplier = copied(stored.output_multiplier());
  value.table = copied(stored.table());
  value.has_residual = stored.has_residual();
  value.residual_multiplier = copied(stored.residual_multiplier());
  value.lo = copied(stored.lo());
  value.hi = copied(stored.hi());
  return value;
}

std::array<int32_t, 2> extent(const format::Extent& stored) {
  return {stored.vertical(), stored.horizontal()};
}

std::array<int32_t, 4> pads(const format::Pads& stored) {
  return {stored.top(), stored.left(), stored.bottom(), stored.right()};
}

std::array<float, 3> triple(const format::Triple& stored) {
  return {stored.a(), stored.b(), stored.c()};
}

// Fields of a step by their place in its table, of which the verifier has made sure that each is
// what the schema says: the types of serialize.cpp's arguments are those of the schema.
class PlanReader::FieldReader {
 public:
  FieldReader(PlanReader& reader, const flatbuffers::Table& stored)
      : reader_(reader), stored_(stored) {}

  template <class... Fields>
  void read(const std::tuple<Fields...>& fields) {
    std::apply([&](auto&... each) { (next(each), ...); }, fields);
  }
  bool has_epilogue() const { return has_epilogue_; }

 private:
  template <class Field>
  void next(Field& field) {
    get(field);
    place_ = static_cast<flatbuffers::voffset_t>(place_ + sizeof(flatbuffers::voffset_t));
  }
  void get(int32_t& value) { value = stored_.GetField<int32_t>(place_, 0); }
  void get(float& value) { value = stored_.GetField<float>(place_, 0); }
  void get(bool& value) { value = stored_.GetField<uint8_t>(place_, 0) != 0; }
  void get(ElementType& type) {
    const auto* stored = stored_.GetStruct<const format::WeightType*>(place_);
    if (stored != nullptr)
      type = reader_.known(stored->type(), ElementType::u16, "type of weights");
  }
  void get(PoolStep::Kind& kind) {
    kind = reader_.known(stored_.GetField<uint8_t>(place_, 0), PoolStep::Kind::average,
                         "kind of pool");
  }
  void get(std::array<int32_t, 2>& value) {
    value = extent(*stored_.GetStruct<const format::Extent*>(place_));
  }
  void get(std::array<int32_t, 4>& value) {
    value = pads(*stored_.GetStruct<const format::Pads*>(place_));
  }
  template <class T>
  void get(std::vector<T>& values) {
    values = reader_.copied(stored_.GetPointer<const flatbuffers::Vector<T>*>(place_));
  }
  template <class T>
  void get(const InConstants<std::vector<T>>& array) {
    array.values =
        reader_.constant<T>(*stored_.GetStruct<const format::Constant*>(place_), array.what);
  }
  void get(Epilogue& value) {
    const auto* epilogue = stored_.GetPointer<const format::Epilogue*>(place_);
    has_epilogue_ = epilogue != nullptr;
    if (has_epilogue_) value = reader_.epilogue(*epilogue);
  }

  PlanReader& reader_;
  const flatbuffers::Table& stored_;
  flatbuffers::voffset_t place_ = flatbuffers::FieldIndexToOffset(0);
  bool has_epilogue_ = false;
};

template <class Step>
Step PlanReader::fields_of(const flatbuffers::Table& stored) {
  Step value;
  FieldReader fields(*this, stored);
  fields.read(StepTraits<Step>::fields(value));
  if constexpr (std::is_same_v<Step, PoolStep>) {
    const bool is_average = value.kind == PoolStep::Kind::average;
    if (is_average != fields.has_epilogue()) {
      fail(concat(place(), is_average ? ": an average pool without an epilogue"
                                      : ": a maximum pool with an epilogue"));
    }
  }
  return value;
}

template <size_t... kind>
StepOperator PlanReader::step_at(size_t index, const flatbuffers::Table& stored,
                                 std::index_sequence<kind...>) {
  StepOperator out = ReshapeStep{};
  const auto read = [&]<size_t here>(std::integral_constant<size_t, here>) {
    if (index == here) out = fields_of<std::variant_alternative_t<here, StepOperator>>(stored);
  };
  (read(std::integral_constant<size_t, kind>{}), ...);
  return out;
}

StepOperator PlanReader::step_operator(const format::Step& stored) {
  constexpr size_t kinds = std::variant_size_v<StepOperator>;
  const auto type = static_cast<size_t>(stored.op_type());
  if (type < 1 || type > kinds) {
    fail(concat(place(), " is of an unknown type, number ", type,
                "; a newer version of Octavo may read it"));
    return ReshapeStep{};
  }
  return step_at(type - 1, *static_cast<const flatbuffers::Table*>(stored.op()),
                 std::make_index_sequence<kinds>());
}

Step PlanReader::step(const format::Step& stored, std::vector<std::string>& merged,
                      size_t& merged_done) {
  Step value;
  value.name = text(stored.name());
  if (stored.merged() > merged.size() - merged_done) {
    fail(concat(place(), " names ", stored.merged(), " merged nodes, of which ",
                merged.size() - merged_done, " are there"));
    return value;
  }
  for (uint32_t i = 0; i < stored.merged(); ++i) {
    value.merged.push_back(std::move(merged[merged_done++]));
  }
  value.op = step_operator(stored);
  value.inputs = copied(stored.inputs());
  value.output = stored.output();
  return value;
}

Preprocess PlanReader::preprocess(const format::Preprocess& stored) {
  Preprocess value;
  value.height = stored.height();
  value.width = stored.width();
  value.resize_short = stored.resize_short();
  value.interpolation = known(stored.interpolation(), Interpolation::bicubic, "interpolation");
  value.color = known(stored.color(), ColorOrder::gray, "order of colours");
  value.exif_rotate = stored.exif_rotate();
  value.via_nv12 = stored.via_nv12();
  value.mean = triple(*stored.mean());
  value.std = triple(*stored.std());
  if (const format::Extent* exact = stored.resize_exact()) {
    value.resize_exact = {exact->vertical(), exact->horizontal()};
  }
  return value;
}

Provenance PlanReader::provenance(const format::Provenance& stored) {
  Provenance value;
  value.tool_version = text(stored.tool_version());
  value.model_sha256 = text(stored.model_sha256());
  value.calibration_sha256 = text(stored.calibration_sha256());
  value.calibration_pictures = stored.calibration_pictures();
  value.options = text(stored.options());
  value.calibration_isa = text(stored.calibration_isa());
  return value;
}

std::vector<StepReport> PlanReader::report() {
  std::vector<StepReport> values;
  if (root_.report() == nullptr || !within(root_.report()->size(), plan_limit::steps, "reports")) {
    return values;
  }
  for (const format::StepReport* r : *root_.report()) {
    values.push_back({r->step(), r->cosine(), r->sqnr_db(), r->cosine_alone(), r->sqnr_alone_db()});
  }
  return values;
}

std::vector<Golden> PlanReader::golden() {
  std::vector<Golden> values;
  if (root_.golden() == nullptr || root_.golden()->size() == 0 ||
      !within(root_.golden()->size(), plan_limit::golden, "golden inputs")) {
    return values;
  }
  // The verifier aligns the length of a vector, not its elements.
  if (reinterpret_cast<uintptr_t>(root_.golden()->Data()) % alignof(format::Golden) != 0) {
    fail("the plan's golden inputs are not aligned");
    return values;
  }
  for (const format::Golden* g : *root_.golden()) values.push_back({g->seed(), g->logits_xxh3()});
  return values;
}

Result<Plan> PlanReader::read() {
  Plan plan;
  if (within(root_.tensors()->size(), plan_limit::tensors, "tensors") &&
      within(root_.steps()->size(), plan_limit::steps, "steps")) {
    for (const format::Tensor* stored : *root_.tensors()) plan.tensors.push_back(tensor(*stored));
    auto merged = texts(root_.merged(), plan_limit::merged_names, "names of merged nodes");
    size_t merged_done = 0;
    for (const format::Step* stored : *root_.steps()) {
      if (!fault_.empty()) break;
      plan.steps.push_back(step(*stored, merged, merged_done));
      ++step_index_;
    }
    if (fault_.empty() && merged_done != merged.size()) {
      fail(concat("the plan holds ", merged.size(),
                  " names of merged nodes, of which its steps use ", merged_done));
    }
  }
  plan.input = root_.input();
  plan.output = root_.output();
  plan.picture_input = root_.picture_input();
  plan.softmax_removed = root_.softmax_removed();
  if (const format::OutputMeaning* meaning = root_.output_meaning()) {
    plan.output_kind = known(meaning->kind(), last_output_kind, "meaning of the outputs");
  }
  plan.preprocess = preprocess(*root_.preprocess());
  plan.labels = texts(root_.labels(), plan_limit::labels, "labels");
  plan.provenance = provenance(*root_.provenance());
  plan.report = report();
  plan.golden = golden();
  if (fault_.empty() && constants_done_ != constants_.size()) {
    fail(concat("the plan's constants have ", constants_.size(), " bytes, of which its steps use ",
                constants_done_));
  }
  if (!fault_.empty()) return rejected(fault_);
  return plan;
}

// Whether every offset of the FlatBuffer stays inside it.
bool flatbuffer_is_sound(std::span<const std::byte> section) {
  flatbuffers::Verifier::Options options;
  options.max_depth = 8;
  options.max_tables = 3 * plan_limit::steps + plan_limit::tensors + 8;
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(section.data()), section.size(),
                                 options);
  return format::VerifyPlanBuffer(verifier);
}

}  // namespace

Result<Plan> deserialize(std::span<const std::byte> bytes) {
  if (bytes.size() > plan_limit::file_bytes) {
    return rejected(concat("the plan has ", bytes.size(), " bytes; the most that is read is ",
                           plan_limit::file_bytes));
  }
  const auto header = read_header(bytes);
  if (!header) return header.error();

  auto section = bytes.subspan(header->flatbuffer_offset, header->flatbuffer_bytes);
  // FlatBuffers reads its numbers in place and wants them aligned.
  std::vector<std::byte> aligned;
  if (reinterpret_cast<uintptr_t>(section.data()) % alignof(std::max_align_t) != 0) {
    aligned.assign(section.begin(), section.end());
    section = aligned;
  }
  if (section.size() >= FLATBUFFERS_MAX_BUFFER_SIZE || !flatbuffer_is_sound(section)) {
    return rejected("the plan's step section is malformed: an offset leads out of it");
  }
  PlanReader reader(*format::GetPlan(section.data()), section.size(),
                    bytes.subspan(header->constants_offset, header->constants_bytes));
  auto plan = reader.read();
  if (!plan) return plan;
  if (const Status valid = verify(*plan); !valid) return valid.error();
  return plan;
}

}  // namespace octavo
