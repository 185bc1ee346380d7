#include "runtime/proportion.h"

#include <algorithm>

#include "runtime/layout.h"

namespace octavo::runtime {

namespace {

template <class T>
size_t bytes_of(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

size_t bytes_of(const Epilogue& e) {
  return bytes_of(e.multiplier) + bytes_of(e.output_multiplier) + bytes_of(e.table) +
         bytes_of(e.residual_multiplier) + bytes_of(e.lo) + bytes_of(e.hi);
}

struct ContentOf {
  size_t operator()(const ConvolutionStep& s) const {
    return bytes_of(s.weights) + bytes_of(s.bias) + bytes_of(s.epilogue);
  }
  size_t operator()(const AddStep& s) const {
    return bytes_of(s.b_multiplier) + bytes_of(s.epilogue);
  }
  size_t operator()(const RescaleStep& s) const {
    return bytes_of(s.offset) + bytes_of(s.epilogue);
  }
  size_t operator()(const LayerNormStep& s) const {
    return bytes_of(s.offset) + bytes_of(s.epilogue);
  }
  size_t operator()(const SoftmaxStep& s) const {
    return bytes_of(s.coarse) + bytes_of(s.fine) + bytes_of(s.epilogue);
  }
  size_t operator()(const ResizeStep& s) const {
    return bytes_of(s.row) + bytes_of(s.row_weight) + bytes_of(s.column) +
           bytes_of(s.column_weight) + bytes_of(s.epilogue);
  }
  size_t operator()(const GatherStep& s) const { return bytes_of(s.channels); }
  size_t operator()(const PermuteStep& s) const { return bytes_of(s.dims) + bytes_of(s.perm); }
  size_t operator()(const ConstantStep& s) const { return bytes_of(s.values); }
  size_t operator()(const LookupStep& s) const { return bytes_of(s.table); }
  size_t operator()(const ConcatStep&) const { return 0; }
  size_t operator()(const ReshapeStep&) const { return 0; }
  template <class Step>
  size_t operator()(const Step& s) const {
    return bytes_of(s.epilogue);
  }
};

size_t stored_bytes(const PlanTensor& tensor) {
  size_t bytes = static_cast<size_t>(element_size(tensor.type));
  for (const int32_t size : tensor.shape) bytes *= static_cast<size_t>(size);
  return bytes;
}

}  // namespace

size_t content_bytes(const Plan& plan) {
  size_t bytes = 0;
  for (const PlanTensor& tensor : plan.tensors) {
    bytes += sizeof tensor + bytes_of(tensor.scale) + bytes_of(tensor.zero_point);
  }
  for (const Step& step : plan.steps) {
    bytes += sizeof step + bytes_of(step.inputs) + std::visit(ContentOf{}, step.op);
  }
  return bytes;
}

size_t activation_bytes(const Plan& plan) {
  std::vector<size_t> last(plan.tensors.size(), 0);  // the step that reads a tensor last
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    last[plan.steps[i].output] = i;
    for (const uint32_t input : plan.steps[i].inputs) last[input] = i;
  }
  std::vector<size_t> ends(plan.steps.size(), 0);  // bytes that nothing reads behind a step
  for (size_t t = 0; t < last.size(); ++t) ends[last[t]] += stored_bytes(plan.tensors[t]);
  size_t live = stored_bytes(plan.tensors[plan.input]), most = live;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    live += stored_bytes(plan.tensors[plan.steps[i].output]);
    most = std::max(most, live);
    live -= ends[i];
  }
  return most;
}

size_t proportionate_bytes(const Plan& plan) {
  return 12 * content_bytes(plan) + 4 * activation_bytes(plan) + (size_t{16} << 20);
}

}  // namespace octavo::runtime
