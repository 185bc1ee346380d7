// Any bytes as an ONNX file: refused with a sentence, or a graph that verifies, goes through all
// rewrites, runs in float, and becomes a plan, calibrated on noise, that every kernel runs alike.
// What would be much work is only imported and rewritten.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "float/engine.h"
#include "onnx/import.h"
#include "quantize/prepare.h"
#include "quantize/quantize.h"
#include "quantize/steps.h"
#include "rewrite/rewrite.h"
#include "runtime/program.h"

namespace {

using namespace octavo;

void check_sentence(const Error& error) {
  if (error.message.find('\n') != std::string::npos) std::abort();
}

// Elements and multiply-accumulates of all nodes stay small; a shape is bounded, so that the
// sum of 2^16 of them does not overflow.
bool is_small(const Graph& graph) {
  constexpr int64_t most = 1 << 18;
  if (graph.nodes.size() > 256) return false;
  int64_t elements = 0;
  for (const Tensor& tensor : graph.tensors) elements += element_count(tensor.shape);
  if (elements > most || cost(graph).macs > 16 * most) return false;
  for (const Node& node : graph.nodes) {
    const auto* pool = std::get_if<Pool2d>(&node.op);
    if (pool == nullptr) continue;
    const Shape& x = graph.tensors[node.inputs[0]].shape;
    const int64_t window = std::min<int64_t>(pool->kernel[0], x[1] + most) *
                           std::min<int64_t>(pool->kernel[1], x[2] + most);
    if (window > most || window * element_count(graph.tensors[node.output].shape) > 16 * most) {
      return false;
    }
  }
  return true;
}

std::vector<float> noise(size_t count, uint32_t seed) {
  std::vector<float> out(count);
  for (float& value : out) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(seed >> 8) / 4194304.0f - 2.0f;
  }
  return out;
}

std::vector<float> run_plan(const Plan& plan, const char* isa) {
  const auto program = Program::prepare(plan, isa);
  if (!program) std::abort();
  const auto session = Session::create(*program);
  if (!session) std::abort();
  std::vector<float> outputs(static_cast<size_t>(plan.tensors[plan.output].shape[3]));
  if (!(*session)->run(golden_input(plan, 1), outputs)) std::abort();
  return outputs;
}

void build(const Graph& graph) {
  const auto count = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  CalibrationFeed feed;
  feed.count = 2;
  feed.values = [count](size_t i) -> Result<std::vector<float>> {
    return noise(count, static_cast<uint32_t>(i) + 1);
  };
  const auto quantized = quantize(graph, nullptr, feed, QuantizeOptions{});
  if (!quantized) return check_sentence(quantized.error());
  const std::vector<std::byte> bytes = serialize(quantized->plan);
  const auto again = deserialize(bytes);
  if (!again) std::abort();
  if (logits_digest(run_plan(*again, "reference")) != logits_digest(run_plan(*again, ""))) {
    std::abort();
  }
}

void check(Graph graph) {
  if (!run_rewrites(graph)) std::abort();  // what verifies is rewritten to what verifies
  if (!is_small(graph)) return;
  const auto prepared = prepare_for_steps(graph);
  if (!prepared) std::abort();
  form_what_can(*prepared);
  const auto session = create_float_session(graph);
  if (!session) return check_sentence(session.error());
  const auto count = static_cast<size_t>(element_count(graph.tensors[graph.input].shape));
  std::vector<float> outputs(static_cast<size_t>(element_count(graph.tensors[graph.output].shape)));
  if (const Status ran = (*session)->run(noise(count, 7), outputs); !ran) {
    return check_sentence(ran.error());
  }
  build(graph);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  octavo::ImportOptions options;
  options.size = {{8, 8}};
  auto import = octavo::import_onnx(bytes, "", options);
  if (!import) {
    check_sentence(import.error());
    return 0;
  }
  if (!octavo::verify(import->graph)) std::abort();
  check(std::move(import->graph));
  return 0;
}
