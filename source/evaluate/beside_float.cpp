#include "evaluate/beside_float.h"

#include "evaluate/latency.h"

namespace octavo {

Result<BesideFloat> measure_beside_float(const Model& float_model, const Model& plan,
                                         const std::vector<Sample>* samples,
                                         const EvaluateOptions& options) {
  BesideFloat out;
  out.threads = options.threads;
  const struct {
    const Model& model;
    int threads;
    double& ms;
  } timed[] = {
      {plan, 1, out.ms_one}, {plan, out.threads, out.ms_all}, {float_model, 1, out.float_ms}};
  for (const auto& [model, threads, ms] : timed) {
    const auto measured = median_frame_ms(model, threads);
    if (!measured) return measured.error();
    ms = *measured;
  }
  if (samples == nullptr) return out;
  auto evaluation = evaluate({float_model, plan}, *samples, options);
  if (!evaluation) return evaluation.error();
  out.evaluation = std::move(*evaluation);
  return out;
}

}  // namespace octavo
