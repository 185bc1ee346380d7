#include "quantize/quantization.h"

namespace octavo {

StoredConvolution Quantization::convolution(size_t step) const {
  StoredConvolution out{&convolutions[step], convolutions[step].weights.values, {}, 0};
  if (step < compensated.size() && !compensated[step].empty()) out.weights = compensated[step];
  if (step < learned.size() && !learned[step].empty()) out.weights = learned[step];
  if (step < bias_shifts.size()) out.bias_shift = bias_shifts[step];
  if (step < shifts_in_order.size()) out.bias_shift = shifts_in_order[step];
  if (step < tables.size() && tables[step]) out.centre = tables[step]->centre;
  return out;
}

Quantized with_report(Quantization quantization, std::vector<std::string> warnings) {
  Quantized out{std::move(quantization.plan), std::move(warnings)};
  out.plan.report = std::move(quantization.report.steps);
  return out;
}

}  // namespace octavo
