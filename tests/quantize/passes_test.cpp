// Each pass of the quantizer alone: what its one field says, against the statistics, the float
// network or sums written out here.
#include "quantize/passes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "quantize/correct_in_order.h"
#include "quantize/every_step.h"
#include "quantize/identity.h"
#include "quantize/prepare.h"
#include "quantize/simulate.h"
#include "quantize/tap_moments.h"
#include "rewrite/rewrite.h"

namespace octavo {
namespace {

using testing::Calibrated;
using testing::every_step;
using testing::float_logits;
using testing::GraphBuilder;
using testing::picture;
using testing::pictures;
using testing::side;
using testing::small_preprocess;

// Everything up to the pass, with it.
Quantization up_to(const Calibrated& made, std::string_view last) {
  Quantization q;
  for (const Pass& pass : passes()) {
    const auto ran = pass.run(made.inputs(), q);
    EXPECT_TRUE(ran) << pass.name << ": " << ran.error().message;
    if (pass.name == last) break;
  }
  return q;
}

size_t step_of(const Calibrated& made, const std::string& node) {
  const auto& steps = made.formed().steps;
  for (size_t s = 0; s < steps.size(); ++s) {
    if (made.network.graph.nodes[steps[s].node].name == node) return s;
  }
  ADD_FAILURE() << "no step of " << node;
  return 0;
}

// Mean squared error of the simulated logits over the calibration pictures, and the square of their
// mean error.
struct LogitError {
  double mean_square = 0, square_of_mean = 0;
};
LogitError logit_error(const Calibrated& made, const Quantization& q) {
  const Simulation simulation = make_simulation(made.network, q);
  auto session = create_float_session(simulation.graph);
  std::vector<double> sum;
  LogitError out;
  for (size_t i = 0; i < made.feed.count; ++i) {
    const auto expected = float_logits(made.network.graph, made.how, *made.feed.pixels(i));
    const auto values = load_values(made.feed, i, made.network.mapping, side * side * 3);
    std::vector<float> logits(expected.size());
    EXPECT_TRUE(simulate(simulation, **session, *values, logits, {}, {}));
    sum.resize(logits.size());
    for (size_t c = 0; c < logits.size(); ++c) {
      const double error = logits[c] - expected[c];
      out.mean_square += error * error / static_cast<double>(made.feed.count);
      sum[c] += error / static_cast<double>(made.feed.count);
    }
  }
  for (const double mean : sum) out.square_of_mean += mean * mean;
  return out;
}

TEST(Passes, ScalesHoldAllThatCalibrationSawWhereNothingIsClipped) {
  const auto made = Calibrated::make(every_step(21), pictures(40));
  PassInputs inputs = made.inputs();
  inputs.method = RangeMethod::maximum;
  const auto q = run_passes(inputs, {}, {});
  ASSERT_TRUE(q);
  for (const FormedStep& step : made.formed().steps) {
    const StoredTensor& stored = q->scales[step.output];
    const ChannelMoments& seen = made.calibration.stored[step.output].moments;
    if (moves_only(step) || step.output == made.network.logits()) continue;
    for (size_t c = 0; c < stored.scale.size(); ++c) {
      // Half a step for the rounding of a value, half of one for that of the zero point.
      const double lo = (stored.levels.lo - stored.zero_point[c] - 1) * stored.scale[c];
      const double hi = (stored.levels.hi - stored.zero_point[c] + 1) * stored.scale[c];
      EXPECT_LE(lo, seen.minimum[c]) << made.network.graph.tensors[step.output].name;
      EXPECT_GE(hi, seen.maximum[c]) << made.network.graph.tensors[step.output].name;
    }
  }
}

// A sum of 16-bit values times weights of which each is 127.
TEST(Passes, HeadroomNarrowsWhatOverflowsAndNothingElse) {
  GraphBuilder b({1, side, side, 3}, 22);
  constexpr int64_t channels = 1024;
  const TensorId wide = b.conv("wide", b.graph.input, channels);
  const TensorId sum = b.conv("sum", wide, 4);
  const TensorId few = b.conv("few", sum, 4);
  b.conv("head", b.global_pool("pool", few), 5);
  b.graph.tensors[b.graph.nodes[1].inputs[1]].values =
      std::make_shared<const std::vector<float>>(4 * channels, 0.01f);
  const auto made = Calibrated::make(b.graph, pictures(8), {"wide", "sum"});
  const Quantization q = up_to(made, "weights");
  const TensorId overflows = made.formed().steps[step_of(made, "wide")].output;
  const TensorId fits = made.formed().steps[step_of(made, "sum")].output;
  EXPECT_EQ(q.scales[overflows].levels.hi, 32767);
  ASSERT_LT(q.tensors[overflows].levels.hi, 32767);
  EXPECT_EQ(q.tensors[fits].levels.hi, 32767);
  // The same reals in fewer steps.
  EXPECT_NEAR(q.tensors[overflows].scale[0] * q.tensors[overflows].levels.hi,
              q.scales[overflows].scale[0] * 32767, 1e-9);
  const IntegerConvolution& conv = q.convolutions[step_of(made, "sum")];
  const auto sum_of = [&](int64_t largest) {
    int64_t magnitudes = 0;
    for (int64_t k = 0; k < channels; ++k) {
      magnitudes += std::abs(conv.weights.values[static_cast<size_t>(k)]);
    }
    return magnitudes * largest;
  };
  EXPECT_LT(sum_of(q.tensors[overflows].levels.hi), int64_t{1} << 31);
  EXPECT_GT(sum_of(32767), int64_t{1} << 31);
}

TEST(Passes, WeightsAreTheNearestIntegersOfTheirRow) {
  const auto made = Calibrated::make(every_step(23), pictures(20));
  const Quantization q = up_to(made, "weights");
  for (size_t s = 0; s < made.formed().steps.size(); ++s) {
    const FormedStep& step = made.formed().steps[s];
    const IntegerConvolution& conv = q.convolutions[s];
    if (conv.weights.values.empty()) continue;
    const Graph& graph = made.network.graph;
    const std::vector<float> real = weights_without(graph, step, conv.identity);
    const auto group =
        static_cast<size_t>(graph.tensors[graph.nodes[step.node].inputs[1]].shape[3]);
    for (size_t i = 0; i < real.size(); ++i) {
      const size_t o = i / conv.taps();
      const size_t c =
          o / static_cast<size_t>(conv.outputs_per_group) * group + i % conv.taps() % group;
      const double level = real[i] * q.tensors[step.inputs[0]].scale[c] / conv.weights.unit[o];
      EXPECT_NEAR(conv.weights.values[i], std::clamp(level, -127.0, 127.0), 0.5 + 1e-6);
    }
  }
}

TEST(Passes, CompensationBringsTheLogitsNearer) {
  const auto made = Calibrated::make(every_step(24), pictures(60));
  Quantization q = up_to(made, "tables");
  q.learned.clear();
  const double with = logit_error(made, q).mean_square;
  q.compensated.clear();
  EXPECT_LT(with, logit_error(made, q).mean_square);
}

// By the moments of what the taps see, written out here.
TEST(Passes, LearnedRoundingCostsNoRowMoreThanCompensation) {
  const auto made = Calibrated::make(every_step(29), pictures(60));
  const Quantization q = up_to(made, "learned-rounding");
  const auto moments =
      collect_tap_moments(made.inputs(), q.tensors,
                          std::vector<bool>(made.formed().steps.size(), true), made.inputs().sweep);
  ASSERT_TRUE(moments);
  // Moments that the passes share are those that each collects for itself.
  const auto together = run_passes(made.inputs(), {}, {});
  ASSERT_TRUE(together) << together.error().message;
  EXPECT_EQ(together->learned, q.learned);
  size_t rows = 0, less = 0;
  for (size_t s = 0; s < q.learned.size(); ++s) {
    if (q.learned[s].empty()) continue;
    const FormedStep& step = made.formed().steps[s];
    const IntegerConvolution& conv = q.convolutions[s];
    const std::vector<float> real = weights_without(made.network.graph, step, conv.identity);
    const TapMoments& m = (*moments)[s];
    ASSERT_EQ(m.blocks(), 1);
    const auto taps = conv.taps();
    const std::vector<double>& scale = q.tensors[step.inputs[0]].scale;
    for (size_t o = 0; o < conv.outputs(); ++o, ++rows) {
      const size_t g = o / static_cast<size_t>(conv.outputs_per_group);
      const std::vector<double> form = error_form(m, static_cast<int64_t>(g), 0);
      if (form.empty()) continue;
      const size_t channels = scale.size() / static_cast<size_t>(m.groups);
      const auto cost = [&](const std::vector<int16_t>& weights) {
        std::vector<double> error;
        for (size_t k = 0; k < taps; ++k) {
          const double value = real[o * taps + k] * scale[g * channels + k % channels];
          error.push_back(weights[o * taps + k] - value / conv.weights.unit[o]);
        }
        double out = 0;
        for (size_t i = 0; i < taps; ++i) {
          for (size_t j = 0; j < taps; ++j) out += error[i] * form[i * taps + j] * error[j];
        }
        return out;
      };
      const double before = cost(q.compensated[s]), after = cost(q.learned[s]);
      EXPECT_LE(after, before * (1 + 1e-9)) << "step " << s << ", row " << o;
      less += after < 0.999 * before ? 1 : 0;
    }
  }
  EXPECT_GT(less, rows / 10);
}

TEST(Passes, ATableEndsWhereTheStoredResultEnds) {
  auto made = Calibrated::make(every_step(12), pictures(64));
  size_t smooth = 0;
  for (const auto& step : made.formed().steps) {  // as one picture far beyond the others would
    if (step.activation && step.activation->kind == Unary::Kind::silu) {
      ++smooth;
      made.calibration.stored[step.accumulated].moments.maximum[0] = 1e5f;
    }
  }
  ASSERT_EQ(smooth, 1u);
  for (const auto& table : up_to(made, "tables").tables) {
    if (!table) continue;
    EXPECT_NEAR((*table)(0.5f), 0.3112297, 0.003);
  }
}

// What a bias takes off is what the table puts back: the simulation adds it again.
TEST(Passes, AConvolutionsBiasTakesTheMiddleOfItsTableOff) {
  const auto made = Calibrated::make(every_step(25), pictures(40));
  Quantization q = up_to(made, "tables");
  const size_t s = step_of(made, "branch");
  ASSERT_TRUE(q.tables[s].has_value());
  const double centre = q.tables[s]->centre;
  ASSERT_NE(centre, 0);
  const std::vector<int64_t> with = stored_bias(q.convolution(s));
  q.tables[s].reset();
  const std::vector<int64_t> without = stored_bias(q.convolution(s));
  for (size_t o = 0; o < with.size(); ++o) {
    EXPECT_NEAR(double(without[o] - with[o]), centre / q.convolution(s).unit(o), 1);
  }
}

TEST(Passes, BiasCorrectionBringsTheMeansBack) {
  const auto made = Calibrated::make(every_step(10), pictures(32));
  Quantization q = up_to(made, "tables");
  // A fault that correction has to find: one convolution's biases are off.
  for (double& bias : q.convolutions[step_of(made, "project")].real_bias) bias += 0.1;
  const double before = logit_error(made, q).square_of_mean;
  const auto correction = std::find_if(passes().begin(), passes().end(), [](const Pass& pass) {
    return pass.name == "bias-correction";
  });
  ASSERT_TRUE(correction->run(made.inputs(), q));
  EXPECT_LT(logit_error(made, q).square_of_mean, before / 100);
}

// A fault that no convolution sees on the float network's values: those behind it answer for it.
TEST(Passes, CorrectionInOrderTakesBackWhatEarlierStepsShift) {
  const auto made = Calibrated::make(every_step(10), pictures(64));
  Quantization q = up_to(made, "bias-correction");
  const size_t faulty = step_of(made, "expand");
  for (double& shift : q.bias_shifts[faulty]) shift += 0.2;
  const double before = logit_error(made, q).square_of_mean;
  const auto shifts = correct_in_order(made.inputs(), q);
  ASSERT_TRUE(shifts);
  size_t moved = 0, kept = 0;
  for (size_t s = 0; s < shifts->size(); ++s) {
    if ((*shifts)[s].empty()) continue;
    const TensorId t = made.formed().steps[s].accumulated;
    const bool few = made.calibration.accumulated[t].count < least_corrected_values;
    EXPECT_EQ((*shifts)[s] == q.bias_shifts[s], few) << "step " << s;
    (few ? kept : moved) += 1;
  }
  EXPECT_GT(moved, 2u);
  EXPECT_GT(kept, 2u);
  q.shifts_in_order = *shifts;
  EXPECT_LT(logit_error(made, q).square_of_mean, before / 2);
}

// Measured in the whole simulated network, from the picture on, for each group anew.
std::vector<std::vector<double>> corrected_by_whole_runs(const Calibrated& made, Quantization q) {
  const PassInputs in = made.inputs();
  const auto means = [&] {
    const Simulation simulation = make_simulation(made.network, q);
    auto session = create_float_session(simulation.graph);
    std::vector<ChannelMoments> out(made.network.graph.tensors.size());
    for (const size_t i : made.calibration.repair) {
      const auto values = load_values(made.feed, i, made.network.mapping, side * side * 3);
      std::vector<float> logits(10);
      const Probe add = [&](TensorId t, std::span<float> seen) {
        out[t].merge(ChannelMoments::of(seen, channel_count(made.network.graph.tensors[t])));
      };
      EXPECT_TRUE(simulate(simulation, **session, *values, logits, add, {}));
    }
    return out;
  };
  std::vector<size_t> corrected;
  for (size_t s = 0; s < q.bias_shifts.size(); ++s) {
    const TensorId t = made.formed().steps[s].accumulated;
    if (q.bias_shifts[s].empty()) continue;
    if (made.calibration.accumulated[t].count >= least_corrected_values) corrected.push_back(s);
  }
  EXPECT_GT(corrected.size(), least_corrected_together) << "one group tells nothing of the next";
  for (size_t first = 0; first < corrected.size(); first += least_corrected_together) {
    const auto seen = means();
    const size_t end = std::min(first + least_corrected_together, corrected.size());
    for (size_t i = first; i < end; ++i) {
      const size_t s = corrected[i];
      const TensorId t = made.formed().steps[s].accumulated;
      for (size_t o = 0; o < q.bias_shifts[s].size(); ++o) {
        const auto c = static_cast<int64_t>(o);
        q.bias_shifts[s][o] += correction_damping(least_corrected_together) *
                               (made.calibration.accumulated[t].mean(c) - seen[t].mean(c));
      }
    }
  }
  return q.bias_shifts;
}

// However little is kept of the pictures between two groups: nothing, some of their maps, or all.
TEST(Passes, CorrectionInOrderGoesOnFromWhereItWas) {
  const auto made = Calibrated::make(every_step(10), pictures(64));
  Quantization q = up_to(made, "bias-correction");
  for (double& shift : q.bias_shifts[step_of(made, "expand")]) shift += 0.2;
  const auto expected = corrected_by_whole_runs(made, q);
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{64 * 4 * side * side * 8}, UINT64_MAX}) {
    PassInputs inputs = made.inputs();
    inputs.most_kept_bytes = bytes;
    const auto shifts = correct_in_order(inputs, q);
    ASSERT_TRUE(shifts) << shifts.error().message;
    EXPECT_EQ(*shifts, expected) << bytes << " bytes";
  }
}

TEST(Passes, TheReportIsTheCosineOfTheLogits) {
  const auto made = Calibrated::make(every_step(26), pictures(16));
  const Quantization q = up_to(made, "report");
  auto session = testing::session_of(q.plan);
  double sum = 0;
  for (size_t i = 0; i < made.feed.count; ++i) {
    const auto pixels = *made.feed.pixels(i);
    const auto expected = float_logits(made.network.graph, made.how, pixels);
    Agreement agreement;
    agreement.add(expected, testing::integer_logits(*session, pixels, expected.size()));
    sum += agreement.cosine();
  }
  EXPECT_NEAR(q.report.logits_cosine, sum / 16, 1e-4);
  EXPECT_EQ(q.report.steps.size(), made.formed().steps.size());
}

TEST(Passes, WhatIsLeftOutLeavesItsFieldEmpty) {
  const auto made = Calibrated::make(every_step(27), pictures(20));
  const std::vector<std::string> disabled{"compensation", "learned-rounding", "bias-correction",
                                          "correction-in-order", "report"};
  std::vector<std::string> ran;
  const auto q =
      run_passes(made.inputs(), disabled, [&](const PassRun& run) { ran.emplace_back(run.name); });
  ASSERT_TRUE(q) << q.error().message;
  EXPECT_EQ(ran, (std::vector<std::string>{"scales", "headroom", "weights", "tables", "plan"}));
  EXPECT_TRUE(q->compensated.empty() && q->learned.empty() && q->bias_shifts.empty());
  EXPECT_TRUE(q->shifts_in_order.empty() && q->report.steps.empty());
  const size_t s = step_of(made, "stem");
  const auto plan_step = std::find_if(q->plan.steps.begin(), q->plan.steps.end(),
                                      [](const Step& step) { return step.name == "stem_act"; });
  ASSERT_NE(plan_step, q->plan.steps.end());
  const auto& stored = std::get<ConvolutionStep>(plan_step->op).weights;
  EXPECT_EQ(std::vector<int16_t>(stored.begin(), stored.end()), q->convolutions[s].weights.values);
}

TEST(Passes, ANameThatCannotBeLeftOutIsAUsageError) {
  const Preprocess how = small_preprocess();
  const auto sentence = [&](const std::string& name, bool auto_int16) {
    QuantizeOptions options;
    options.disabled = {name};
    options.auto_int16 = auto_int16;
    const auto made = quantize(every_step(1), &how, pictures(2), options);
    EXPECT_FALSE(made) << name;
    if (made) return std::string();
    EXPECT_EQ(made.error().kind, ErrorKind::usage);
    return made.error().message;
  };
  EXPECT_EQ(sentence("tables", true),
            "the pass 'tables' cannot be left out: plan needs it; those that can are "
            "share-roundings, wide-weights, float-weights, write-out, compensation, "
            "learned-rounding, bias-correction, correction-in-order, report");
  EXPECT_EQ(sentence("compensatoin", true),
            "no pass is called 'compensatoin'; did you mean 'compensation'?");
  EXPECT_EQ(sentence("report", true),
            "the pass 'report' cannot be left out where 16 bits are found by what it measures: "
            "--no-auto-int16 goes with it");
}

// --disable takes all of them.
TEST(Passes, NoNameIsThatOfAnother) {
  std::set<std::string_view> names;
  for (const Pass& pass : passes()) EXPECT_TRUE(names.insert(pass.name).second) << pass.name;
  for (const std::span<const Rewrite> table : {rewrites(), picture_rewrites(), step_rewrites()}) {
    for (const Rewrite& rewrite : table) {
      EXPECT_TRUE(names.insert(rewrite.name).second) << rewrite.name;
      EXPECT_FALSE(rewrite.why.empty());
    }
  }
}

}  // namespace
}  // namespace octavo
