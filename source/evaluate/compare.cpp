#include "evaluate/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "base/parallel.h"
#include "base/text.h"
#include "evaluate/float_model.h"
#include "evaluate/input.h"
#include "float/engine.h"
#include "graph/graph.h"
#include "runtime/program.h"

namespace octavo {

namespace {

struct Sums {
  double dot = 0, float_square = 0, plan_square = 0, error_square = 0;

  void add(const Sums& other) {
    dot += other.dot;
    float_square += other.float_square;
    plan_square += other.plan_square;
    error_square += other.error_square;
  }
  void add(double f, double q) {
    dot += f * q;
    float_square += f * f;
    plan_square += q * q;
    error_square += (f - q) * (f - q);
  }
  double cosine() const {
    const double norm = std::sqrt(float_square) * std::sqrt(plan_square);
    return norm > 0 ? dot / norm : (float_square == plan_square ? 1 : 0);
  }
  double sqnr_db() const {
    constexpr double best_db = 200;  // no error at all
    if (error_square <= 0 || float_square <= 0) return error_square <= 0 ? best_db : 0;
    return std::min(best_db, 10 * std::log10(float_square / error_square));
  }
};

// One picture's part of the comparison; merged in the order of the pictures.
struct PictureSums {
  std::vector<Sums> steps;
  double largest_difference = 0;
  bool agree = false;
  std::string problem;
};

float stored_value(ElementType type, const std::byte* at) {
  switch (type) {
    case ElementType::u8:
      return static_cast<float>(*reinterpret_cast<const uint8_t*>(at));
    case ElementType::i8:
      return static_cast<float>(*reinterpret_cast<const int8_t*>(at));
    case ElementType::i16: {
      int16_t v;
      std::memcpy(&v, at, sizeof v);
      return static_cast<float>(v);
    }
    case ElementType::u16: {
      uint16_t v;
      std::memcpy(&v, at, sizeof v);
      return static_cast<float>(v);
    }
    case ElementType::f32: {
      float v;
      std::memcpy(&v, at, sizeof v);
      return v;
    }
  }
  return 0;
}

size_t type_bytes(ElementType type) {
  if (type == ElementType::f32) return 4;
  return type == ElementType::i16 || type == ElementType::u16 ? 2 : 1;
}

// The plan's stored tensor against the float one, element by element in the same order.
Sums compare_tensor(const PlanTensor& tensor, std::span<const std::byte> stored,
                    std::span<const float> values) {
  Sums sums;
  const auto channels = static_cast<size_t>(tensor.shape[3]);
  const size_t bytes = type_bytes(tensor.type);
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t c = i % channels;
    const float scale = tensor.scale[tensor.scale.size() == 1 ? 0 : c];
    const auto zero = static_cast<float>(tensor.zero_point[tensor.zero_point.size() == 1 ? 0 : c]);
    const float raw = stored_value(tensor.type, stored.data() + i * bytes);
    const float real = tensor.type == ElementType::f32 ? raw : (raw - zero) * scale;
    sums.add(values[i], real);
  }
  return sums;
}

// For each step the tensor of the float graph that it makes.
Result<std::vector<TensorId>> match_steps(const Graph& graph, const Plan& plan) {
  std::map<std::string, TensorId> by_name;
  for (const Node& node : graph.nodes) by_name[node.name] = node.output;
  std::vector<TensorId> out;
  for (const Step& step : plan.steps) {
    const auto found = by_name.find(step.name);
    if (found == by_name.end()) {
      return rejected(concat("the float model has no node ", quoted(step.name),
                             ": was the plan built from this file, with the same --disable?"));
    }
    const PlanTensor& tensor = plan.tensors[step.output];
    const int64_t size =
        int64_t{1} * tensor.shape[0] * tensor.shape[1] * tensor.shape[2] * tensor.shape[3];
    if (element_count(graph.tensors[found->second].shape) != size) {
      return rejected(
          concat("node ", quoted(step.name),
                 " has another size in the float model: was the plan built from this file?"));
    }
    out.push_back(found->second);
  }
  return out;
}

class Worker {
 public:
  static Result<Worker> create(const Model& float_model, const Model& plan,
                               const std::vector<TensorId>& tensors) {
    auto session = Session::create(plan.program, 1);
    if (!session) return session.error();
    auto floats = create_float_session(*float_model.graph);
    if (!floats) return floats.error();
    return Worker(float_model, plan, tensors, std::move(*session), std::move(*floats));
  }

  // An Error only where it is not this picture's: memory that runs out.
  Result<PictureSums> compare(const Sample& sample) {
    const auto refused = [](const Error& error) -> Result<PictureSums> {
      if (error.kind == ErrorKind::unsupported) return error;
      return PictureSums{{}, 0, false, error.message};
    };
    auto bytes = read_sample(sample);
    if (!bytes) return refused(bytes.error());
    auto input = decode_network_input(*plan_, sample.path, *bytes);
    if (!input) return refused(input.error());
    PictureSums out;
    if (const Status ran = run(*input, out); !ran) return refused(ran.error());
    return out;
  }

 private:
  Worker(const Model& float_model, const Model& plan, const std::vector<TensorId>& tensors,
         std::unique_ptr<Session> session, std::unique_ptr<FloatSession> floats)
      : float_model_(&float_model),
        plan_(&plan),
        tensors_(&tensors),
        session_(std::move(session)),
        floats_(std::move(floats)),
        kept_(tensors.size()) {}

  Status run(const NetworkInput& input, PictureSums& out) {
    // The plan's preprocessing is what both networks see.
    std::vector<float> values = input.values;
    const Preprocess& how = plan_->preprocess;
    const auto channels = static_cast<size_t>(plan_->input[2]);
    for (size_t i = 0; i < input.pixels.size(); ++i) {
      values.push_back((static_cast<float>(input.pixels[i]) - how.mean[i % channels]) /
                       how.std[i % channels]);
    }
    to_graph_input(*float_model_, values);
    const auto classes = static_cast<size_t>(plan_->outputs);
    std::vector<float> float_logits(classes), logits(classes);
    const FloatSession::Observer keep = [&](TensorId tensor, std::span<float> made) {
      for (size_t s = 0; s < tensors_->size(); ++s) {
        if ((*tensors_)[s] == tensor) kept_[s].assign(made.begin(), made.end());
      }
    };
    if (const Status ran = floats_->run(values, float_logits, &keep); !ran) return ran;
    const Plan& plan = plan_->program->plan();
    out.steps.resize(tensors_->size());
    const Session::Observer observe = [&](size_t s, std::span<const std::byte> stored) {
      out.steps[s] = compare_tensor(plan.tensors[plan.steps[s].output], stored, kept_[s]);
    };
    std::vector<std::byte> bytes(input.pixels.size());
    std::memcpy(bytes.data(), input.pixels.data(), bytes.size());
    if (input.pixels.empty()) {
      return usage_error("compare needs pictures: tensors past the preprocessing are not compared");
    }
    if (const Status ran = session_->run_observed(bytes, logits, observe); !ran) return ran;
    for (size_t i = 0; i < classes; ++i) {
      out.largest_difference =
          std::max(out.largest_difference, std::fabs(double{logits[i]} - double{float_logits[i]}));
    }
    out.agree = top_scores(plan_->output_kind, logits, 1)[0].index ==
                top_scores(float_model_->output_kind, float_logits, 1)[0].index;
    return {};
  }

  const Model* float_model_;
  const Model* plan_;
  const std::vector<TensorId>* tensors_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<FloatSession> floats_;
  std::vector<std::vector<float>> kept_;
};

Comparison merge(const Plan& plan, const std::vector<PictureSums>& pictures) {
  Comparison out;
  std::vector<Sums> total(plan.steps.size());
  for (const PictureSums& picture : pictures) {
    if (!picture.problem.empty()) {
      out.unreadable.push_back(picture.problem);
      continue;
    }
    ++out.pictures;
    out.top1_agree += picture.agree;
    out.largest_logit_difference =
        std::max(out.largest_logit_difference, picture.largest_difference);
    for (size_t s = 0; s < total.size(); ++s) total[s].add(picture.steps[s]);
  }
  for (size_t s = 0; s < total.size(); ++s) {
    LayerError layer{plan.steps[s].name,
                     std::string(step_operator_name(plan.steps[s].op)),
                     total[s].cosine(),
                     total[s].sqnr_db(),
                     1,
                     0,
                     false};
    for (const StepReport& report : plan.report) {
      if (report.step != s) continue;
      layer.cosine_alone = report.cosine_alone;
      layer.sqnr_alone_db = report.sqnr_alone_db;
      layer.has_alone = true;
    }
    if (plan.steps[s].output == plan.output) out.logit_cosine = total[s].cosine();
    out.layers.push_back(std::move(layer));
  }
  return out;
}

}  // namespace

Result<Comparison> compare_layers(const Model& float_model, const Model& plan,
                                  const std::vector<Sample>& samples,
                                  const EvaluateOptions& options) {
  if (!float_model.is_float() || plan.is_float()) {
    return usage_error("compare takes a float model (.onnx) first and a plan (.octavo) second");
  }
  auto tensors = match_steps(*float_model.graph, plan.program->plan());
  if (!tensors) return tensors.error();
  std::vector<Worker> workers;
  const auto wanted = static_cast<size_t>(std::max(options.threads, 1));
  for (size_t t = 0; t < std::min(wanted, samples.size()); ++t) {
    auto worker = Worker::create(float_model, plan, *tensors);
    if (!worker) return worker.error();
    workers.push_back(std::move(*worker));
  }
  std::vector<PictureSums> pictures(samples.size());
  Parallel how{static_cast<int>(workers.size()), options.stop, {}};
  if (options.progress) {
    how.progress = [&](size_t done) { options.progress(done, samples.size()); };
  }
  const auto compare_one = [&](size_t i, size_t worker) -> Status {
    auto sums = workers[worker].compare(samples[i]);
    if (!sums) return sums.error();
    pictures[i] = std::move(*sums);
    return {};
  };
  const Status compared = for_each_index(samples.size(), how, compare_one);
  if (!compared) return compared.error();
  Comparison out = merge(plan.program->plan(), pictures);
  if (out.pictures == 0) {
    return rejected(concat("none of the ", samples.size(),
                           " pictures could be compared; the first: ",
                           out.unreadable.empty() ? "no picture" : out.unreadable.front()));
  }
  return out;
}

}  // namespace octavo
