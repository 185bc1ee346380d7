#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/memory_error.h"
#include "base/text.h"
#include "float/entry.h"
#include "float/kernel.h"
#include "float/memory_plan.h"
#include "float/onednn.h"
#include "float/walk.h"

namespace octavo {

namespace {

struct MakeKernel {
  const std::shared_ptr<OneDnn>& onednn;
  const Graph& graph;
  const Node& node;

  Kernel operator()(const Conv2d&) const { return make_conv2d(onednn, graph, node); }
  Kernel operator()(const MatMul&) const { return make_matmul(onednn, graph, node); }
  Kernel operator()(const Binary&) const { return make_binary(graph, node); }
  Kernel operator()(const Unary&) const { return make_unary(onednn, graph, node); }
  Kernel operator()(const FakeQuantize&) const { return make_fake_quantize(graph, node); }
  Kernel operator()(const ChannelAffine&) const { return make_channel_affine(graph, node); }
  Kernel operator()(const Pool2d&) const { return make_pool2d(graph, node); }
  Kernel operator()(const Reduce&) const { return make_reduce(graph, node); }
  Kernel operator()(const Softmax&) const { return make_softmax(graph, node); }
  Kernel operator()(const LayerNorm&) const { return make_layer_norm(graph, node); }
  Kernel operator()(const Reshape&) const { return make_reshape(graph, node); }
  Kernel operator()(const Transpose&) const { return make_transpose(graph, node); }
  Kernel operator()(const Concat&) const { return make_concat(graph, node); }
  Kernel operator()(const Slice&) const { return make_slice(graph, node); }
  Kernel operator()(const Gather&) const { return make_gather(graph, node); }
  Kernel operator()(const Expand&) const { return make_expand(graph, node); }
  Kernel operator()(const Pad&) const { return make_pad(graph, node); }
  Kernel operator()(const Resize&) const { return make_resize(graph, node); }
};

struct Step {
  Kernel kernel;
  std::vector<const float*> inputs;
  float* output = nullptr;
};

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// oneDNN crashes when an allocation of its own fails, so that memory is asked for before it is
// entered: as much address space as it may take (its generated code and packed weights; a few
// buffers while it runs) can be had at this moment. It cannot be told from outside when memory
// runs out within that call, by another thread or beyond a limit of the container.
constexpr uint64_t create_room = uint64_t{32} << 20, run_room = uint64_t{4} << 20;

bool has_room(uint64_t bytes) {
  void* there = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return there != MAP_FAILED && ::munmap(there, bytes) == 0;
}

Error no_room(const char* what) {
  return unsupported(concat("there is not enough memory to ", what, " the float network"));
}

Error dnnl_error(const std::string& what, const dnnl::error& error) {
  if (error.status == dnnl_out_of_memory) return out_of_memory();
  return failed(concat(what, std::string_view(error.message)));
}

uint64_t constant_bytes(const Graph& graph, const Node& node) {
  uint64_t bytes = 0;
  for (const TensorId t : node.inputs) {
    if (graph.tensors[t].values) bytes += graph.tensors[t].values->size() * sizeof(float);
  }
  return bytes;
}

struct Freed {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using Buffer = std::unique_ptr<std::byte, Freed>;

// Aligned to a cache line. `unsupported` when it exceeds the machine's memory: a request
// like that succeeds on Linux and kills the process later.
Result<Buffer> allocate(uint64_t bytes, const char* what) {
  constexpr uint64_t line = 64;
  const uint64_t machine = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                           static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t rounded = (bytes / line + 1) * line;
  Buffer buffer(rounded < machine ? static_cast<std::byte*>(std::aligned_alloc(line, rounded))
                                  : nullptr);
  if (!buffer) {
    return unsupported(concat("the float network needs ", bytes >> 20, " MiB for its ", what,
                              ", more than this machine has (", machine >> 20, " MiB)"));
  }
  return buffer;
}

// Buffers and pointers of one way to run: observed or not.
struct Layout {
  MemoryPlan plan;
  Buffer arena;
  bool ready = false;
};

class Session final : public FloatSession {
 public:
  Session(const Graph& graph, std::vector<Kernel> kernels, Buffer scratch)
      : graph_(graph), kernels_(std::move(kernels)), scratch_(std::move(scratch)) {}

  Status run(std::span<const float> input, std::span<float> output,
             const Observer* observer) override;

 private:
  Status prepare(Layout& layout, bool observed);
  void execute(const Layout& layout, const float* input, const Observer* observer);
  Error overflow(std::span<const float> input);
  const float* find(const Layout& layout, TensorId tensor, const float* input) const;
  size_t count(TensorId tensor) const {
    return static_cast<size_t>(product(graph_.tensors[tensor].shape));
  }

  Graph graph_;                  // keeps the constants alive
  std::vector<Kernel> kernels_;  // in the order of graph_.nodes
  Buffer scratch_;
  Layout plain_, observed_;
};

Status Session::prepare(Layout& layout, bool observed) {
  if (layout.ready) return {};
  const auto in_place = std::make_unique<bool[]>(kernels_.size());
  for (size_t i = 0; i < kernels_.size(); ++i) in_place[i] = kernels_[i].in_place;
  layout.plan = plan_memory(graph_, {in_place.get(), kernels_.size()}, observed);
  Result<Buffer> arena =
      allocate(static_cast<uint64_t>(layout.plan.arena_floats) * sizeof(float), "activations");
  if (!arena) return arena.error();
  layout.arena = *std::move(arena);
  layout.ready = true;
  return {};
}

const float* Session::find(const Layout& layout, TensorId tensor, const float* input) const {
  const Placement& placement = layout.plan.placements[tensor];
  switch (placement.where) {
    case Placement::Where::input:
      return input;
    case Placement::Where::constant:
      return graph_.tensors[placement.constant].values->data();
    case Placement::Where::arena:
      break;
  }
  return reinterpret_cast<const float*>(layout.arena.get()) + placement.offset;
}

void Session::execute(const Layout& layout, const float* input, const Observer* observer) {
  std::vector<const float*> inputs;
  for (size_t i = 0; i < kernels_.size(); ++i) {
    const Node& node = graph_.nodes[i];
    inputs.clear();
    for (const TensorId tensor : node.inputs) inputs.push_back(find(layout, tensor, input));
    const float* place = find(layout, node.output, input);
    // A view of the input or of a constant has nothing to write.
    if (!observer && std::holds_alternative<Reshape>(node.op)) continue;
    auto* output = const_cast<float*>(place);
    kernels_[i].run({inputs, output, scratch_.get()});
    if (observer) (*observer)(node.output, {output, count(node.output)});
  }
}

// Where it began: a tensor that is not finite though all that it is made from is. Infinity may
// be meant where it is not passed on (a mask before a softmax).
Error Session::overflow(std::span<const float> input) {
  std::vector<uint8_t> broken(graph_.tensors.size());
  for (size_t t = 0; t < broken.size(); ++t) {
    const auto& values = graph_.tensors[t].values;
    broken[t] = values && !all_finite(*values);
  }
  const Observer look = [&](TensorId t, std::span<float> values) {
    broken[t] = !all_finite(values);
  };
  if (const Status prepared = prepare(observed_, true); !prepared) return prepared.error();
  auto* copied = const_cast<float*>(find(observed_, graph_.input, nullptr));
  std::memcpy(copied, input.data(), input.size_bytes());
  broken[graph_.input] = !all_finite(input);
  execute(observed_, copied, &look);

  std::vector<const Node*> maker(graph_.tensors.size(), nullptr);
  for (const Node& node : graph_.nodes) maker[node.output] = &node;
  TensorId first = graph_.output;
  while (maker[first] != nullptr) {
    const auto& inputs = maker[first]->inputs;
    const auto worse =
        std::find_if(inputs.begin(), inputs.end(), [&](TensorId t) { return broken[t] != 0; });
    if (worse == inputs.end()) break;
    first = *worse;
  }
  const std::string name = quoted(graph_.tensors[first].name);
  const char* what = "the float network gives no finite numbers: ";
  if (maker[first] == nullptr)
    return rejected(concat(what, name, " holds NaN or infinity already"));
  return rejected(concat(what, "tensor ", name, " (", operator_name(maker[first]->op), " ",
                         quoted(maker[first]->name), ") is the first that overflows"));
}

Status Session::run(std::span<const float> input, std::span<float> output,
                    const Observer* observer) {
  if (input.size() != count(graph_.input) || output.size() != count(graph_.output)) {
    return usage_error(concat("the float network takes ", count(graph_.input), " values and gives ",
                              count(graph_.output), "; it was given ", input.size(), " and ",
                              output.size()));
  }
  const OneThread one_thread;
  Layout& layout = observer ? observed_ : plain_;
  try {
    if (Status prepared = prepare(layout, observer != nullptr); !prepared) return prepared;
    if (observer) {
      auto* copied = const_cast<float*>(find(layout, graph_.input, nullptr));
      std::memcpy(copied, input.data(), input.size_bytes());
      (*observer)(graph_.input, {copied, input.size()});
    }
    if (!has_room(run_room)) return no_room("run");
    execute(layout, input.data(), observer);
    std::memcpy(output.data(), find(layout, graph_.output, input.data()), output.size_bytes());
    if (!all_finite(output)) return overflow(input);
  } catch (const dnnl::error& error) {
    return dnnl_error("oneDNN failed while the float network ran: ", error);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  return {};
}

Result<std::unique_ptr<FloatSession>> create(const Graph& graph) {
  const OneThread one_thread;
  const Node* current = nullptr;
  try {
    const auto onednn = std::make_shared<OneDnn>();
    std::vector<Kernel> kernels;
    size_t scratch_bytes = 0;
    for (const Node& node : graph.nodes) {
      current = &node;
      if (!has_room(create_room + 4 * constant_bytes(graph, node))) return no_room("prepare");
      kernels.push_back(std::visit(MakeKernel{onednn, graph, node}, node.op));
      scratch_bytes = std::max(scratch_bytes, kernels.back().scratch_bytes);
    }
    Result<Buffer> scratch = allocate(scratch_bytes, "scratch space");
    if (!scratch) return scratch.error();
    return std::unique_ptr<FloatSession>(
        std::make_unique<Session>(graph, std::move(kernels), *std::move(scratch)));
  } catch (const dnnl::error& error) {
    const std::string where =
        current ? concat("node ", quoted(current->name), " (", operator_name(current->op), ")")
                : std::string("start");
    return dnnl_error(concat("the float engine cannot prepare ", where, ": oneDNN: "), error);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

}  // namespace

extern "C" {
extern const FloatEntry octavo_float_entry [[gnu::visibility("default")]];
const FloatEntry octavo_float_entry = {OCTAVO_VERSION, create};
}

}  // namespace octavo
