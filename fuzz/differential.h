// What both fuzz targets of plans ask of the runtime: every path that this machine has gives
// the reference's logits, with one thread and with several, or the plan is refused.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "runtime/program.h"

namespace octavo::fuzz {

// A valid plan may still be too much work for a fuzzer.
inline bool is_small(const Plan& plan) {
  constexpr int64_t most = 1 << 20;
  int64_t elements = 0, work = 0;
  for (const PlanTensor& tensor : plan.tensors) {
    elements += int64_t{tensor.shape[0]} * tensor.shape[1] * tensor.shape[2] * tensor.shape[3];
  }
  for (const Step& step : plan.steps) {
    work += step_macs(plan, step);
    const auto& out = plan.tensors[step.output].shape;
    work += 16 * int64_t{out[0]} * out[1] * out[2] * out[3];
    if (step.inputs.empty()) continue;
    const auto& in = plan.tensors[step.inputs[0]].shape;
    if (const auto* pool = std::get_if<PoolStep>(&step.op)) {
      const int64_t window =
          int64_t{std::min(pool->kernel[0], in[1])} * std::min(pool->kernel[1], in[2]);
      work += window * out[0] * out[1] * out[2] * out[3];
    }
    if (const auto* convolution = std::get_if<ConvolutionStep>(&step.op)) {
      elements += in[0] * (int64_t{in[1]} + convolution->pads[0] + convolution->pads[2]) *
                  (int64_t{in[2]} + convolution->pads[1] + convolution->pads[3]) * in[3];
    }
    if (elements > most || work > 16 * most) return false;
  }
  return true;
}

[[noreturn]] inline void report(const std::string& isa, int threads, const std::string& what) {
  std::fprintf(stderr, "isa %s, %d threads: %s\n", isa.c_str(), threads, what.c_str());
  std::abort();
}

// None where the plan is refused, for what a path may refuse: its memory, or its proportion.
inline std::optional<std::vector<float>> run(const Plan& plan, const std::string& isa,
                                             int threads) {
  const auto refused = [&](const Error& error) -> std::optional<std::vector<float>> {
    if (error.kind != ErrorKind::unsupported && error.kind != ErrorKind::rejected) {
      report(isa, threads, "refused: " + error.message);
    }
    return std::nullopt;
  };
  using Where = DepthFirst::Where;
  const DepthFirst depth_first{threads > 1 ? Where::possible : Where::it_pays};
  const auto program = Program::prepare(plan, isa, 0, depth_first);
  if (!program) return refused(program.error());
  const auto session = Session::create(*program, threads);
  if (!session) return refused(session.error());
  std::vector<float> logits(static_cast<size_t>(plan.tensors[plan.output].shape[3]));
  for (int again = 0; again < 2; ++again) {  // memory is not clean the second time
    const Status done = (*session)->run(golden_input(plan, 1), logits);
    if (!done) report(isa, threads, done.error().message);
    for (const float logit : logits) {
      if (!std::isfinite(logit)) report(isa, threads, "a logit is not finite");
    }
  }
  return logits;
}

// `plan` has passed verify(). Paths have limits of their own: what one refuses others still run.
inline void check_every_path(const Plan& plan) {
  if (!is_small(plan)) return;
  std::optional<std::vector<float>> expected = run(plan, "reference", 1);
  for (const std::string& isa : runnable_isas()) {
    for (const int threads : {1, 3}) {
      const auto logits = run(plan, isa, threads);
      if (!logits) continue;
      if (!expected) expected = logits;
      if (logits_digest(*logits) != logits_digest(*expected)) {
        report(isa, threads, "the logits differ from another path's");
      }
    }
  }
}

}  // namespace octavo::fuzz
