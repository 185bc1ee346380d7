// Field-by-field equality of plans: independent of the writer, which could leave a
// field out on both ways.
#pragma once

#include <cstring>
#include <tuple>
#include <vector>

#include "plan/plan.h"

namespace octavo::testing {

inline auto fields(const PlanTensor& t) {
  return std::tie(t.name, t.shape, t.type, t.scale, t.zero_point);
}
inline auto fields(const Epilogue& e) {
  return std::tie(e.multiplier, e.activation, e.alpha, e.beta, e.output_multiplier, e.table,
                  e.has_residual, e.residual_multiplier, e.lo, e.hi);
}
inline auto fields(const StepReport& r) {
  return std::tie(r.step, r.cosine, r.sqnr_db, r.cosine_alone, r.sqnr_alone_db);
}
inline auto fields(const Golden& g) {
  return std::tie(g.seed, g.logits_xxh3);
}
inline auto fields(const Provenance& p) {
  return std::tie(p.tool_version, p.model_sha256, p.calibration_sha256, p.calibration_pictures,
                  p.options, p.calibration_isa);
}

template <class T>
bool same(const T& a, const T& b) {
  return fields(a) == fields(b);
}

struct SameOperator {
  bool operator()(const ConvolutionStep& a, const ConvolutionStep& b) const {
    return std::tie(a.kernel, a.stride, a.dilation, a.pads, a.groups, a.weights, a.bias) ==
               std::tie(b.kernel, b.stride, b.dilation, b.pads, b.groups, b.weights, b.bias) &&
           same(a.epilogue, b.epilogue);
  }
  bool operator()(const PoolStep& a, const PoolStep& b) const {
    return std::tie(a.kind, a.kernel, a.stride, a.pads, a.count_include_pad) ==
               std::tie(b.kind, b.kernel, b.stride, b.pads, b.count_include_pad) &&
           same(a.epilogue, b.epilogue);
  }
  bool operator()(const AddStep& a, const AddStep& b) const {
    return a.b_multiplier == b.b_multiplier && same(a.epilogue, b.epilogue);
  }
  bool operator()(const MultiplyStep& a, const MultiplyStep& b) const {
    return same(a.epilogue, b.epilogue);
  }
  bool operator()(const DivideStep& a, const DivideStep& b) const {
    return same(a.epilogue, b.epilogue);
  }
  bool operator()(const RescaleStep& a, const RescaleStep& b) const {
    return a.offset == b.offset && same(a.epilogue, b.epilogue);
  }
  bool operator()(const GatherStep& a, const GatherStep& b) const {
    return a.channels == b.channels;
  }
  bool operator()(const ConcatStep&, const ConcatStep&) const { return true; }
  bool operator()(const ReshapeStep&, const ReshapeStep&) const { return true; }
  bool operator()(const LayerNormStep& a, const LayerNormStep& b) const {
    return std::tie(a.epsilon, a.offset) == std::tie(b.epsilon, b.offset) &&
           same(a.epilogue, b.epilogue);
  }
  bool operator()(const L2NormalizeStep& a, const L2NormalizeStep& b) const {
    return a.floor == b.floor && same(a.epilogue, b.epilogue);
  }
  bool operator()(const SoftmaxStep& a, const SoftmaxStep& b) const {
    return std::tie(a.coarse, a.fine) == std::tie(b.coarse, b.fine) && same(a.epilogue, b.epilogue);
  }
  bool operator()(const MatMulStep& a, const MatMulStep& b) const {
    return a.transpose_b == b.transpose_b && same(a.epilogue, b.epilogue);
  }
  bool operator()(const ResizeStep& a, const ResizeStep& b) const {
    return std::tie(a.row, a.row_weight, a.column, a.column_weight) ==
               std::tie(b.row, b.row_weight, b.column, b.column_weight) &&
           same(a.epilogue, b.epilogue);
  }
  bool operator()(const PermuteStep& a, const PermuteStep& b) const {
    return std::tie(a.dims, a.perm) == std::tie(b.dims, b.perm);
  }
  bool operator()(const ConstantStep& a, const ConstantStep& b) const {
    return a.values == b.values;
  }
  bool operator()(const LookupStep& a, const LookupStep& b) const { return a.table == b.table; }
  template <class A, class B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

inline bool same(const Step& a, const Step& b) {
  return std::tie(a.name, a.merged, a.inputs, a.output) ==
             std::tie(b.name, b.merged, b.inputs, b.output) &&
         std::visit(SameOperator{}, a.op, b.op);
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i])) return false;
  }
  return true;
}

inline bool same_plan(const Plan& a, const Plan& b) {
  return same(a.tensors, b.tensors) && same(a.steps, b.steps) && a.input == b.input &&
         a.output == b.output && a.picture_input == b.picture_input &&
         a.softmax_removed == b.softmax_removed && a.output_kind == b.output_kind &&
         a.preprocess == b.preprocess && a.labels == b.labels && same(a.provenance, b.provenance) &&
         same(a.report, b.report) && same(a.golden, b.golden);
}

}  // namespace octavo::testing
