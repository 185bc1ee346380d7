#include "runtime/layout.h"

#include <algorithm>
#include <numeric>

#include "kernels/kernel.h"
#include "runtime/window.h"

namespace octavo::runtime {

int32_t element_size(ElementType type) {
  switch (type) {
    case ElementType::u8:
    case ElementType::i8:
      return 1;
    case ElementType::i16:
      return 2;
    case ElementType::f32:
      return 4;
  }
  return 1;
}

namespace {

constexpr uint32_t no_tensor = UINT32_MAX;
constexpr ptrdiff_t most_tensor_bytes = ptrdiff_t{1} << 40;  // sums of them stay far from 2^63

// A tensor inside a wider one, from one of its channels on.
struct Inside {
  uint32_t wider = no_tensor;
  int32_t first_channel = 0;
};

struct Lifetime {
  int64_t first = 0, last = 0;  // steps; the plan's input is there before step 0
};

// A channel slice is a view of what it slices.
void place_slice(const Step& step, std::vector<Inside>& inside) {
  const std::vector<int32_t>& channels = std::get<GatherStep>(step.op).channels;
  for (size_t i = 1; i < channels.size(); ++i) {
    if (channels[i] != channels[0] + static_cast<int32_t>(i)) return;
  }
  if (inside[step.output].wider == no_tensor) inside[step.output] = {step.inputs[0], channels[0]};
}

// What `tensor` lies in at last.
uint32_t outermost(const std::vector<Inside>& inside, uint32_t tensor) {
  while (inside[tensor].wider != no_tensor) tensor = inside[tensor].wider;
  return tensor;
}

// Each input of a Concat that lives nowhere else is made at its place in the output.
void place_concat(const Plan& plan, const Step& step, std::vector<Inside>& inside) {
  int32_t channel = 0;
  for (const uint32_t input : step.inputs) {
    if (inside[input].wider == no_tensor) inside[input] = {step.output, channel};
    channel += plan.tensors[input].shape[3];
  }
}

// Last Concat first: it is the widest, and an earlier one may live inside it. There
// are no circles: slices lead to earlier tensors, then Concats to later ones.
std::vector<Inside> find_views(const Plan& plan) {
  std::vector<Inside> inside(plan.tensors.size());
  for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
    if (std::holds_alternative<ConcatStep>(step->op)) place_concat(plan, *step, inside);
  }
  for (const Step& step : plan.steps) {
    if (std::holds_alternative<GatherStep>(step.op)) place_slice(step, inside);
  }
  return inside;
}

// The columns and rows beyond the map that a convolution reads.
void add_halo(const Plan& plan, const Step& step, TensorLayout& x) {
  const auto* convolution = std::get_if<ConvolutionStep>(&step.op);
  if (convolution == nullptr) return;
  const PlanTensor& output = plan.tensors[step.output];
  const Window rows = window_of(*convolution, 0, output);
  const Window columns = window_of(*convolution, 1, output);
  x.halo_left = std::max(x.halo_left, columns.before);
  x.halo = std::max({x.halo, x.halo_left, columns.last_read() - (x.width - 1)});
  if (rows.before > 0 || rows.last_read() > x.image_height() - 1) x.needs_zero_row = true;
}

std::vector<TensorLayout> describe(const Plan& plan) {
  std::vector<TensorLayout> tensors(plan.tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const PlanTensor& tensor = plan.tensors[i];
    tensors[i].images = tensor.shape[0];
    tensors[i].height = tensor.shape[0] * tensor.shape[1];
    tensors[i].width = tensor.shape[2];
    tensors[i].channels = tensor.shape[3];
    tensors[i].element_bytes = element_size(tensor.type);
  }
  for (const Step& step : plan.steps) {
    if (!step.inputs.empty()) add_halo(plan, step, tensors[step.inputs[0]]);
  }
  return tensors;
}

// From the first write to the last read of each tensor, all its views included.
std::vector<Lifetime> find_lifetimes(const Plan& plan, const std::vector<Inside>& inside) {
  const auto steps = static_cast<int64_t>(plan.steps.size());
  std::vector<Lifetime> lifetimes(plan.tensors.size(), {steps, -1});
  const auto touch = [&](uint32_t tensor, int64_t step) {
    Lifetime& lifetime = lifetimes[outermost(inside, tensor)];
    lifetime.first = std::min(lifetime.first, step);
    lifetime.last = std::max(lifetime.last, step);
  };
  touch(plan.input, -1);
  for (int64_t i = 0; i < steps; ++i) {
    const Step& step = plan.steps[static_cast<size_t>(i)];
    for (const uint32_t input : step.inputs) touch(input, i);
    touch(step.output, i);
  }
  touch(plan.output, steps);
  return lifetimes;
}

struct Block {
  uint32_t tensor = 0;
  size_t bytes = 0, start = 0;
  Lifetime lifetime;

  bool meets(const Block& other) const {
    return lifetime.first <= other.lifetime.last && other.lifetime.first <= lifetime.last;
  }
};

// The lowest place that is free as long as the block lives.
size_t lowest_place(const Block& block, const std::vector<Block>& placed) {  // by start
  size_t start = 0;
  for (const Block& other : placed) {
    if (!block.meets(other)) continue;
    if (start + block.bytes <= other.start) break;
    start = std::max(start, other.start + other.bytes);
  }
  return start;
}

// Largest first: what is placed late is small and fits into what is left between.
size_t place_blocks(std::vector<Block>& blocks) {
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const Block& a, const Block& b) { return a.bytes > b.bytes; });
  std::vector<Block> placed;
  size_t end = 0;
  for (Block& block : blocks) {
    block.start = lowest_place(block, placed);
    end = std::max(end, block.start + block.bytes);
    const auto after =
        std::upper_bound(placed.begin(), placed.end(), block,
                         [](const Block& a, const Block& b) { return a.start < b.start; });
    placed.insert(after, block);
  }
  return end;
}

// The columns that any view needs, all of them have.
void share_halos(const std::vector<Inside>& inside, std::vector<TensorLayout>& tensors) {
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    TensorLayout& wide = tensors[outermost(inside, i)];
    wide.halo_left = std::max(wide.halo_left, tensors[i].halo_left);
    wide.halo = std::max(wide.halo, tensors[i].halo);
  }
}

// Offset of a view's first channel from that of what it lies in at last.
ptrdiff_t view_offset(const std::vector<Inside>& inside, uint32_t tensor, int32_t element_bytes) {
  ptrdiff_t channels = 0;
  for (; inside[tensor].wider != no_tensor; tensor = inside[tensor].wider) {
    channels += inside[tensor].first_channel;
  }
  return channels * element_bytes;
}

}  // namespace

Layout plan_layout(const Plan& plan) {
  const std::vector<Inside> inside = find_views(plan);
  const std::vector<Lifetime> lifetimes = find_lifetimes(plan, inside);
  Layout layout{describe(plan), 0};
  share_halos(inside, layout.tensors);

  std::vector<Block> blocks;
  for (uint32_t i = 0; i < layout.tensors.size(); ++i) {
    TensorLayout& tensor = layout.tensors[i];
    if (inside[i].wider != no_tensor) continue;
    tensor.pixel_bytes = tensor.channel_bytes();
    tensor.row_bytes = (ptrdiff_t{tensor.width} + tensor.halo) * tensor.pixel_bytes;
    const ptrdiff_t bytes = tensor.halo_left * tensor.pixel_bytes +
                            tensor.height * tensor.row_bytes + kernels::slack_bytes;
    if (bytes > most_tensor_bytes) {
      layout.arena_bytes = SIZE_MAX;
      return layout;
    }
    blocks.push_back({i, round_up(static_cast<size_t>(bytes), alignment), 0, lifetimes[i]});
  }
  layout.arena_bytes = place_blocks(blocks);
  for (const Block& block : blocks) {
    TensorLayout& tensor = layout.tensors[block.tensor];
    tensor.offset = block.start + static_cast<size_t>(tensor.halo_left * tensor.pixel_bytes);
  }
  for (uint32_t i = 0; i < layout.tensors.size(); ++i) {
    if (inside[i].wider == no_tensor) continue;
    TensorLayout& view = layout.tensors[i];
    const TensorLayout& wide = layout.tensors[outermost(inside, i)];
    view.is_view = true;
    view.halo_left = wide.halo_left;
    view.halo = wide.halo;
    view.pixel_bytes = wide.pixel_bytes;
    view.row_bytes = wide.row_bytes;
    view.offset = wide.offset + static_cast<size_t>(view_offset(inside, i, view.element_bytes));
  }
  return layout;
}

}  // namespace octavo::runtime
