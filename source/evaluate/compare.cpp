#include "evaluate/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "base/parallel.h"
#include "base/text.h"
#include "float/engine.h"
#include "graph/graph.h"
#include "model/float_model.h"
#include "model/input.h"
#include "quantize/prepare.h"
#include "runtime/program.h"

namespace octavo {

namespace {

// One picture's part of the comparison; merged in the order of the pictures.
struct PictureErrors {
  std::vector<StepError> steps;
  std::vector<ErrorSums> effect;  // on the logits, by step; empty where not asked for
  std::vector<uint8_t> flips;     // likewise
  double largest_difference = 0;
  bool agree = false;
  std::string problem;
};

// Whether the step's output is rounded, rather than taken from other stored values.
bool rounds(const Plan& plan, const Step& step) {
  const auto* pool = std::get_if<PoolStep>(&step.op);
  const bool moves = std::holds_alternative<GatherStep>(step.op) ||
                     std::holds_alternative<ConcatStep>(step.op) ||
                     std::holds_alternative<ReshapeStep>(step.op) ||
                     std::holds_alternative<PermuteStep>(step.op) ||
                     std::holds_alternative<ConstantStep>(step.op) ||
                     (pool != nullptr && pool->kind == PoolStep::Kind::maximum);
  return !moves && plan.tensors[step.output].type != ElementType::f32;
}

bool ends_step_name(std::string_view name, std::string_view end,
                    const std::set<std::string>& steps) {
  return name.ends_with(end) &&
         steps.contains(std::string(name.substr(0, name.size() - end.size())));
}

// Whether the quantizer put the step there to store another's output once more, in its own way, or
// with what a convolution's bias could not hold: the float network does not have it.
bool is_copy_of_input(const Plan& plan, const Step& step, const std::set<std::string>& steps) {
  return std::holds_alternative<RescaleStep>(step.op) && step.inputs.size() == 1 &&
         (step.name.starts_with(plan.tensors[step.inputs[0]].name + ".") ||
          ends_step_name(step.name, ".residual", steps));
}

Error other_file(std::string_view what, std::string_view name) {
  return rejected(concat("the float model ", what, quoted(name),
                         ": was the plan built from this file, with the same --disable?"));
}

// By step the tensor of the float graph that it makes; none of what the quantizer made of a bias.
using Matches = std::vector<std::optional<TensorId>>;

// The graph is one that was prepared for steps: constants that are stored like activations are
// written out there, under their own names.
Result<Matches> match_steps(const Graph& graph, const Plan& plan) {
  std::map<std::string, TensorId> by_name;
  for (const Node& node : graph.nodes) by_name[node.name] = node.output;
  std::map<std::pair<std::string, int64_t>, TensorId> constants;  // by size too: as it was given
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    if (tensor.is_constant())
      constants[{tensor.name, element_count(tensor.shape)}] = static_cast<TensorId>(t);
  }
  std::set<std::string> steps;
  for (const Step& step : plan.steps) steps.insert(step.name);
  std::map<uint32_t, TensorId> made;  // by tensor of the plan
  Matches out;
  for (const Step& step : plan.steps) {
    const PlanTensor& tensor = plan.tensors[step.output];
    const int64_t size =
        int64_t{1} * tensor.shape[0] * tensor.shape[1] * tensor.shape[2] * tensor.shape[3];
    if (std::holds_alternative<ConstantStep>(step.op)) {
      const auto found = constants.find({step.name, size});
      const bool of_bias = ends_step_name(step.name, ".bias_rest", steps);
      if (found == constants.end() && !of_bias) return other_file("has no constant ", step.name);
      out.push_back(found == constants.end() ? std::nullopt : std::optional(found->second));
      continue;
    }
    const auto found = by_name.find(step.name);
    if (found == by_name.end() && is_copy_of_input(plan, step, steps) &&
        made.contains(step.inputs[0])) {
      out.push_back(made[step.inputs[0]]);
      continue;
    }
    if (found == by_name.end()) return other_file("has no node ", step.name);
    if (element_count(graph.tensors[found->second].shape) != size)
      return other_file("has another size of ", step.name);
    out.push_back(found->second);
    made[step.output] = found->second;
  }
  return out;
}

class Worker {
 public:
  // `graph`: float_model's, prepared for steps.
  static Result<Worker> create(const Model& float_model, const Graph& graph, const Model& plan,
                               const Matches& tensors, const CompareOptions& options) {
    auto session = Session::create(plan.program(), 1);
    if (!session) return session.error();
    auto floats = create_float_session(graph);
    if (!floats) return floats.error();
    Worker out(float_model, plan, tensors, options, std::move(*session), std::move(*floats));
    for (size_t s = 0; s < tensors.size(); ++s) {
      if (!tensors[s]) continue;
      const Tensor& tensor = graph.tensors[*tensors[s]];
      if (tensor.is_constant()) out.kept_[s] = *tensor.values;
    }
    return out;
  }

  // An Error only where it is not this picture's: memory that runs out, an interrupt.
  Result<PictureErrors> compare(const Sample& sample) {
    const auto refused = [](const Error& error) -> Result<PictureErrors> {
      if (error.kind == ErrorKind::unsupported || error.kind == ErrorKind::interrupted) {
        return error;
      }
      PictureErrors out;
      out.problem = error.message;
      return out;
    };
    auto bytes = read_sample(sample);
    if (!bytes) return refused(bytes.error());
    auto input = decode_network_input(*plan_, sample.path, *bytes);
    if (!input) return refused(input.error());
    PictureErrors out;
    if (const Status ran = run(*input, out); !ran) return refused(ran.error());
    return out;
  }

 private:
  Worker(const Model& float_model, const Model& plan, const Matches& tensors,
         const CompareOptions& options, std::unique_ptr<Session> session,
         std::unique_ptr<FloatSession> floats)
      : float_model_(&float_model),
        plan_(&plan),
        tensors_(&tensors),
        options_(&options),
        session_(std::move(session)),
        floats_(std::move(floats)),
        kept_(tensors.size()) {}

  Status run(const NetworkInput& input, PictureErrors& out) {
    if (input.pixels.empty()) {
      return usage_error("compare needs pictures: tensors past the preprocessing are not compared");
    }
    const std::vector<float> values = float_input(input);
    const auto classes = static_cast<size_t>(plan_->outputs);
    std::vector<float> float_logits(classes), logits(classes);
    const FloatSession::Observer keep = [&](TensorId tensor, std::span<float> made) {
      for (size_t s = 0; s < tensors_->size(); ++s) {
        if ((*tensors_)[s] == tensor) kept_[s].assign(made.begin(), made.end());
      }
    };
    if (const Status ran = floats_->run(values, float_logits, &keep); !ran) return ran;
    const Plan& plan = plan_->program()->plan();
    out.steps.resize(tensors_->size());
    const Session::Observer observe = [&](size_t s, std::span<const std::byte> stored) {
      const PlanTensor& tensor = plan.tensors[plan.steps[s].output];
      if ((*tensors_)[s]) out.steps[s] = StepError(tensor, stored, kept_[s]);
    };
    std::vector<std::byte> bytes(input.pixels.size());
    std::memcpy(bytes.data(), input.pixels.data(), bytes.size());
    if (const Status ran = session_->run_observed(bytes, logits, observe); !ran) return ran;
    for (size_t i = 0; i < classes; ++i) {
      out.largest_difference =
          std::max(out.largest_difference, std::fabs(double{logits[i]} - double{float_logits[i]}));
    }
    out.agree = top_scores(plan_->output_kind, logits, 1)[0].index == best_of(float_logits);
    return options_->effects ? find_effects(values, float_logits, out) : Status{};
  }

  // The plan's preprocessing is what both networks see.
  std::vector<float> float_input(const NetworkInput& input) const {
    std::vector<float> values;
    const Preprocess& how = plan_->preprocess;
    const auto channels = static_cast<size_t>(plan_->input[2]);
    for (size_t i = 0; i < input.pixels.size(); ++i) {
      values.push_back((static_cast<float>(input.pixels[i]) - how.mean[i % channels]) /
                       how.std[i % channels]);
    }
    to_graph_input(*float_model_, values);
    return values;
  }

  int32_t best_of(std::span<const float> float_logits) const {
    return top_scores(float_model_->output_kind, float_logits, 1)[0].index;
  }

  // Rounds one step's output at a time in the float network.
  Status find_effects(const std::vector<float>& values, const std::vector<float>& expected,
                      PictureErrors& out) {
    const Plan& plan = plan_->program()->plan();
    out.effect.resize(plan.steps.size());
    out.flips.resize(plan.steps.size());
    std::vector<float> logits(expected.size());
    for (size_t s = 0; s < plan.steps.size(); ++s) {
      if (!rounds(plan, plan.steps[s])) continue;
      if (options_->stop != nullptr && *options_->stop) {
        return Error{ErrorKind::interrupted, "interrupted"};
      }
      const RowRounding rounding = rounding_of(plan.tensors[plan.steps[s].output]);
      const FloatSession::Observer round = [&](TensorId tensor, std::span<float> made) {
        if (tensor == (*tensors_)[s]) rounding.apply(made);
      };
      if (const Status ran = floats_->run(values, logits, &round); !ran) return ran;
      for (size_t i = 0; i < logits.size(); ++i) out.effect[s].add(expected[i], logits[i]);
      out.flips[s] = best_of(logits) != best_of(expected);
    }
    return {};
  }

  const Model* float_model_;
  const Model* plan_;
  const Matches* tensors_;
  const CompareOptions* options_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<FloatSession> floats_;
  std::vector<std::vector<float>> kept_;
};

std::optional<WorstChannel> worst_channel(const PlanTensor& tensor, const StepError& error) {
  if (tensor.type == ElementType::f32 || error.channels().empty()) return std::nullopt;
  WorstChannel out;
  out.channel = error.worst_channel();
  const ChannelError& worst = error.channels()[out.channel];
  const double all = error.total().error_square;
  out.error_share = all > 0 ? worst.sums.error_square / all : 0;
  out.sqnr_db = worst.sums.sqnr_db();
  out.range = stored_range(tensor, out.channel);
  out.histogram = worst.histogram;
  double outside = 0, total = 0;
  for (size_t bin = 0; bin < out.histogram.size(); ++bin) {
    const bool inside = bin >= beyond_bins && bin < beyond_bins + inside_bins;
    outside += inside ? 0 : out.histogram[bin];
    total += out.histogram[bin];
  }
  out.beyond = total > 0 ? outside / total : 0;
  return out;
}

// All pictures so far.
class Totals {
 public:
  explicit Totals(const Plan& plan) : plan_(plan), steps_(plan.steps.size()) {}

  void add(PictureErrors picture) {
    if (!picture.problem.empty()) {
      out_.unreadable.push_back(std::move(picture.problem));
      return;
    }
    ++out_.pictures;
    out_.top1_agree += picture.agree;
    out_.largest_logit_difference =
        std::max(out_.largest_logit_difference, picture.largest_difference);
    effect_.resize(picture.effect.size());
    flips_.resize(picture.flips.size());
    for (size_t s = 0; s < steps_.size(); ++s) steps_[s].merge(picture.steps[s]);
    for (size_t s = 0; s < effect_.size(); ++s) {
      effect_[s].add(picture.effect[s]);
      flips_[s] += picture.flips[s];
    }
  }

  Comparison result() && {
    for (size_t s = 0; s < steps_.size(); ++s) {
      const Step& step = plan_.steps[s];
      const ErrorSums total = steps_[s].total();
      LayerError layer;
      layer.name = step.name;
      layer.op = step_operator_name(step.op);
      layer.cosine = total.cosine();
      layer.sqnr_db = total.sqnr_db();
      layer.worst = worst_channel(plan_.tensors[step.output], steps_[s]);
      for (const StepReport& report : plan_.report) {
        if (report.step != s) continue;
        layer.cosine_alone = report.cosine_alone;
        layer.sqnr_alone_db = report.sqnr_alone_db;
        layer.has_alone = true;
      }
      if (!effect_.empty() && rounds(plan_, step)) {
        layer.effect = {static_cast<double>(flips_[s]) / static_cast<double>(out_.pictures),
                        effect_[s].sqnr_db()};
      }
      if (step.output == plan_.output) {
        out_.logit_cosine = total.cosine();
        out_.logit_sqnr_db = total.sqnr_db();
      }
      out_.layers.push_back(std::move(layer));
    }
    return std::move(out_);
  }

 private:
  const Plan& plan_;
  std::vector<StepError> steps_;
  std::vector<ErrorSums> effect_;
  std::vector<int64_t> flips_;
  Comparison out_;
};

}  // namespace

Result<Comparison> compare_layers(const Model& float_model, const Model& plan,
                                  const std::vector<Sample>& samples,
                                  const CompareOptions& options) {
  if (!float_model.is_float() || plan.is_float()) {
    return usage_error("compare takes a float model (.onnx) first and a plan (.octavo) second");
  }
  const auto graph = prepare_for_steps(float_model.graph(), options.disabled);
  if (!graph) return graph.error();
  auto tensors = match_steps(*graph, plan.program()->plan());
  if (!tensors) return tensors.error();
  std::vector<Worker> workers;
  const auto wanted = static_cast<size_t>(std::max(options.threads, 1));
  for (size_t t = 0; t < std::min(wanted, samples.size()); ++t) {
    auto worker = Worker::create(float_model, *graph, plan, *tensors, options);
    if (!worker) return worker.error();
    workers.push_back(std::move(*worker));
  }
  // What a picture leaves is as large as its histograms: a few at a time.
  const size_t batch = 4 * workers.size();
  Totals totals(plan.program()->plan());
  for (size_t first = 0; first < samples.size(); first += batch) {
    std::vector<PictureErrors> pictures(std::min(batch, samples.size() - first));
    Parallel how{static_cast<int>(workers.size()), options.stop, {}};
    if (options.progress) {
      how.progress = [&](size_t done) { options.progress(first + done, samples.size()); };
    }
    const auto compare_one = [&](size_t i, size_t worker) -> Status {
      auto errors = workers[worker].compare(samples[first + i]);
      if (!errors) return errors.error();
      pictures[i] = std::move(*errors);
      return {};
    };
    if (const Status done = for_each_index(pictures.size(), how, compare_one); !done) {
      return done.error();
    }
    for (PictureErrors& picture : pictures) totals.add(std::move(picture));
  }
  Comparison out = std::move(totals).result();
  if (out.pictures == 0) {
    return rejected(concat("none of the ", samples.size(),
                           " pictures could be compared; the first: ",
                           out.unreadable.empty() ? "no picture" : out.unreadable.front()));
  }
  return out;
}

}  // namespace octavo
