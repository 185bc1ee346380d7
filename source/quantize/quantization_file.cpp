#include "quantize/quantization_file.h"

#include <algorithm>

#include "quantize/byte_copies.h"
#include "quantize/kept_file.h"

namespace octavo {

namespace {

// Told apart from a calibration by its first bytes.
constexpr kept::Kind kind{{'O', 'C', 'T', 'Q', 'N', 'T', '\0', '\n'}, 3, "quantization"};

}  // namespace

void visit_fields(Is<StoredLevels> auto& l, auto& visit) {
  visit(l.lo, l.hi);
}
void visit_fields(Is<StoredTensor> auto& t, auto& visit) {
  visit(t.type, t.levels, t.scale, t.zero_point);
}
void visit_fields(Is<IntegerWeights> auto& w, auto& visit) {
  visit(w.values, w.unit);
}
void visit_fields(Is<IntegerConvolution> auto& c, auto& visit) {
  visit(c.weights, c.real_bias, c.identity, c.offsets, c.outputs_per_group, c.keeps_u16);
}
void visit_fields(Is<ActivationTable> auto& t, auto& visit) {
  visit(t.knots, t.centre, t.argument_unit, t.result_unit, t.argument_factor);
}
void visit_fields(Is<StepReport> auto& r, auto& visit) {
  visit(r.step, r.cosine, r.sqnr_db, r.cosine_alone, r.sqnr_alone_db);
}
void visit_fields(Is<QuantizationReport> auto& r, auto& visit) {
  visit(r.steps, r.logits_cosine);
}
// All fields but the plan, which has a format of its own. That of a new pass is missed by the
// compiler here.
void visit_fields(Is<Quantization> auto& q, auto& visit) {
  auto& [copied, scales, tensors, convolutions, compensated, learned, tables, bias_shifts,
         shifts_in_order, plan, report] = q;
  visit(copied, scales, tensors, convolutions, compensated, learned, tables, bias_shifts,
        shifts_in_order, report);
}

namespace {

bool is_sound(const StoredTensor& tensor) {
  return tensor.type <= ElementType::u16 && tensor.scale.size() == tensor.zero_point.size();
}

// Whether a field has an entry for each, or was left out.
template <class Entries>
bool covers(const Entries& entries, size_t count) {
  return entries.empty() || entries.size() == count;
}

}  // namespace

std::vector<std::byte> serialize_quantization(const KeptQuantization& kept) {
  kept::Writer writer = kept::begin(kind);
  const std::vector<std::byte> plan = serialize(kept.quantization.plan);
  std::vector<uint8_t> plan_bytes(plan.size());
  std::transform(plan.begin(), plan.end(), plan_bytes.begin(),
                 [](std::byte byte) { return static_cast<uint8_t>(byte); });
  writer(kept.key, kept.quantization, kept.warnings, plan_bytes);
  return kept::finish(std::move(writer));
}

bool looks_like_quantization(std::span<const std::byte> bytes) {
  return kept::looks_like(kind, bytes);
}

Result<KeptQuantization> deserialize_quantization(std::span<const std::byte> bytes) {
  const auto body = kept::body(kind, bytes);
  if (!body) return body.error();
  KeptQuantization out;
  std::vector<uint8_t> plan_bytes;
  kept::Reader reader(*body);
  reader(out.key, out.quantization, out.warnings, plan_bytes);
  const auto& [scales, tensors] = std::tie(out.quantization.scales, out.quantization.tensors);
  if (!reader.is_whole() || !std::all_of(scales.begin(), scales.end(), is_sound) ||
      !std::all_of(tensors.begin(), tensors.end(), is_sound)) {
    return rejected("a quantization whose fields do not fill its bytes: it is damaged");
  }
  auto plan = deserialize(std::as_bytes(std::span<const uint8_t>(plan_bytes)));
  if (!plan) return plan.error();
  out.quantization.plan = *std::move(plan);
  return out;
}

Status check_quantization(const Quantization& q, const StepNetwork& own) {
  const std::vector<TensorId> possible = may_have_byte_copies(own);
  std::vector<TensorId> copied = q.copied;
  std::sort(copied.begin(), copied.end());
  if (!std::includes(possible.begin(), possible.end(), copied.begin(), copied.end())) {
    return rejected("a quantization of another network: this one cannot have its copies");
  }
  const auto with_copies = with_byte_copies(own, q.copied);
  if (!with_copies) return with_copies.error();
  const StepNetwork& network = with_copies->network;
  const size_t tensors = network.graph.tensors.size(), steps = network.formed.steps.size();
  const auto fits = [&](const StoredTensor& stored, size_t t) {
    const auto channels = static_cast<size_t>(channel_count(network.graph.tensors[t]));
    return stored.scale.empty() || stored.scale.size() == channels;
  };
  bool good = q.scales.size() == tensors && q.tensors.size() == tensors &&
              q.convolutions.size() == steps && covers(q.compensated, steps) &&
              covers(q.learned, steps) && q.tables.size() == steps &&
              covers(q.bias_shifts, steps) && covers(q.shifts_in_order, steps);
  for (size_t t = 0; good && t < tensors; ++t) {
    good = fits(q.scales[t], t) && fits(q.tensors[t], t);
  }
  for (size_t i = 0; good && i < q.report.steps.size(); ++i) {
    good = q.report.steps[i].step < steps;
  }
  if (good) return {};
  return rejected("a quantization of another network: its fields do not fit this one's steps");
}

}  // namespace octavo
