#include "quantize/passes.h"

#include <algorithm>
#include <utility>

#include "base/stopwatch.h"
#include "base/text.h"
#include "quantize/compensate.h"
#include "quantize/correct.h"
#include "quantize/correct_in_order.h"
#include "quantize/headroom.h"
#include "quantize/learn_rounding.h"
#include "quantize/lower.h"
#include "quantize/prepare.h"
#include "quantize/report.h"
#include "quantize/round_by_taps.h"
#include "quantize/round_weights.h"
#include "quantize/scales.h"
#include "quantize/step_tables.h"
#include "quantize/tap_moments.h"

namespace octavo {

namespace {

// A pass is a function that reads the fields which are there and returns its own.
template <auto field, auto make, auto count>
Result<size_t> fill(const PassInputs& inputs, Quantization& q) {
  auto made = make(inputs, std::as_const(q));
  if constexpr (requires { made.error(); }) {
    if (!made) return made.error();
    q.*field = *std::move(made);
  } else {
    q.*field = std::move(made);
  }
  return count(q);
}

// ---- what each of them did

size_t stored_tensors(const Quantization& q) {
  const auto is_stored = [](const StoredTensor& tensor) { return !tensor.scale.empty(); };
  return static_cast<size_t>(std::count_if(q.scales.begin(), q.scales.end(), is_stored));
}

size_t narrowed_tensors(const Quantization& q) {
  size_t out = 0;
  for (size_t t = 0; t < q.tensors.size(); ++t) {
    out += q.tensors[t].levels.hi < q.scales[t].levels.hi ? 1 : 0;
  }
  return out;
}

size_t integer_weights(const Quantization& q) {
  size_t out = 0;
  for (const IntegerConvolution& c : q.convolutions) out += c.weights.values.size();
  return out;
}

// before(step): the weights that were there.
template <class Before>
size_t moved_weights(const std::vector<std::vector<int16_t>>& now, const Before& before) {
  size_t out = 0;
  for (size_t s = 0; s < now.size(); ++s) {
    const std::span<const int16_t> were = before(s);
    for (size_t i = 0; i < now[s].size(); ++i) out += now[s][i] != were[i] ? 1 : 0;
  }
  return out;
}

size_t weights_compensated(const Quantization& q) {
  return moved_weights(q.compensated, [&](size_t s) -> std::span<const int16_t> {
    return q.convolutions[s].weights.values;
  });
}

size_t weights_learned(const Quantization& q) {
  return moved_weights(q.learned, [&](size_t s) -> std::span<const int16_t> {
    if (s < q.compensated.size() && !q.compensated[s].empty()) return q.compensated[s];
    return q.convolutions[s].weights.values;
  });
}

size_t made_tables(const Quantization& q) {
  const auto is_made = [](const auto& table) { return table.has_value(); };
  return static_cast<size_t>(std::count_if(q.tables.begin(), q.tables.end(), is_made));
}

size_t moved_biases(const Quantization& q) {
  size_t out = 0;
  for (const std::vector<double>& shifts : q.bias_shifts) {
    out += shifts.size() - static_cast<size_t>(std::count(shifts.begin(), shifts.end(), 0.0));
  }
  return out;
}

size_t moved_in_order(const Quantization& q) {
  size_t out = 0;
  for (size_t s = 0; s < q.shifts_in_order.size(); ++s) {
    for (size_t o = 0; o < q.shifts_in_order[s].size(); ++o) {
      out += q.shifts_in_order[s][o] != q.bias_shifts[s][o] ? 1 : 0;
    }
  }
  return out;
}

size_t planned_steps(const Quantization& q) {
  return q.plan.steps.size();
}

size_t reported_steps(const Quantization& q) {
  return q.report.steps.size();
}

using Q = Quantization;
constexpr Pass table[] = {
    {"scales", "ranges from the statistics, a channel each where that costs less than it saves",
     "tensors", fill<&Q::scales, choose_scales, stored_tensors>, "headroom"},
    {"headroom", "16-bit tensors are narrowed until sums of their products fit", "tensors narrowed",
     fill<&Q::tensors, make_headroom, narrowed_tensors>, "weights"},
    {"weights", "int8, each rounded on its own, with the scale that costs its row's output least",
     "weights", fill<&Q::convolutions, round_weights, integer_weights>, "plan"},
    {"compensation", "weights rounded one after the other, each error made good by those to come",
     "weights moved", fill<&Q::compensated, compensate_weights, weights_compensated>, "", true,
     true},
    {"learned-rounding", "weights moved by a step as long as their errors cost the output less",
     "weights moved", fill<&Q::learned, learn_rounding, weights_learned>, "", true, true},
    {"tables", "smooth activations as 65 knots", "tables",
     fill<&Q::tables, make_tables, made_tables>, "plan"},
    {"bias-correction", "what rounding does to a channel's mean is taken back by its bias",
     "biases moved", fill<&Q::bias_shifts, correct_biases, moved_biases>, "", true},
    {"correction-in-order", "and what those before a convolution do to it, a few of them at a time",
     "biases moved", fill<&Q::shifts_in_order, correct_in_order, moved_in_order>, "", true},
    {"plan", "the integers as steps, verified", "steps", fill<&Q::plan, lower, planned_steps>,
     "the file"},
    {"report", "what rounding costs at each step and at the logits", "steps measured",
     fill<&Q::report, report_steps, reported_steps>, "", true},
};

// What can be named to be left out.
struct Switch {
  std::string_view kind, name, needed_by;
};

std::vector<Switch> switches() {
  std::vector<Switch> out;
  for (const Rewrite& rewrite : step_rewrites()) {
    out.push_back({"rewrite", rewrite.name, rewrite.needed_by});
  }
  for (const Pass& pass : table) out.push_back({"pass", pass.name, pass.needed_by});
  return out;
}

bool is_disabled(const Pass& pass, std::span<const std::string> disabled) {
  return std::find(disabled.begin(), disabled.end(), pass.name) != disabled.end();
}

}  // namespace

std::span<const Pass> passes() {
  return table;
}

Status check_disabled(std::span<const std::string> disabled) {
  const std::vector<Switch> all = switches();
  std::vector<std::string> names;
  std::string optional;
  for (const Switch& one : all) {
    names.emplace_back(one.name);
    if (one.needed_by.empty()) optional += (optional.empty() ? "" : ", ") + names.back();
  }
  for (const std::string& name : disabled) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Switch& one) { return one.name == name; });
    if (found == all.end()) {
      const std::string near = nearest_name(name, names);
      return usage_error(concat("no pass is called ", quoted(name),
                                near.empty() ? concat("; those that can be left out are ", optional)
                                             : concat("; did you mean ", quoted(near), "?")));
    }
    if (!found->needed_by.empty()) {
      return usage_error(concat("the ", found->kind, " ", quoted(name),
                                " cannot be left out: ", found->needed_by,
                                " needs it; those that "
                                "can are ",
                                optional));
    }
  }
  return {};
}

std::vector<std::string> take_for_quantizer(std::vector<std::string>& names) {
  const std::vector<Switch> all = switches();
  const auto is_other = [&](const std::string& name) {
    return std::none_of(all.begin(), all.end(),
                        [&](const Switch& one) { return one.name == name; });
  };
  const auto first = std::stable_partition(names.begin(), names.end(), is_other);
  std::vector<std::string> out(first, names.end());
  names.erase(first, names.end());
  return out;
}

Result<Quantization> run_passes(const PassInputs& inputs, std::span<const std::string> disabled,
                                const PassObserver& ran) {
  Quantization out;
  PassInputs shared = inputs;
  std::vector<TapMoments> taps;
  for (const Pass& pass : table) {
    if (is_disabled(pass, disabled)) continue;
    if (pass.looks_at_pictures && inputs.feed == nullptr) continue;
    const Stopwatch watch;
    if (!pass.reads_taps) {
      shared.taps = nullptr;
      taps = {};
    } else if (shared.taps == nullptr) {
      auto collected = collect_tap_moments(inputs, out.tensors, steps_to_round(inputs, out),
                                           inputs.sweep_for("rounding weights"));
      if (!collected) return collected.error();
      taps = *std::move(collected);
      shared.taps = &taps;
    }
    const Result<size_t> changed = pass.run(shared, out);
    if (!changed) return changed.error();
    if (ran) ran({pass.name, *changed, pass.counts, watch.milliseconds()});
  }
  return out;
}

}  // namespace octavo
