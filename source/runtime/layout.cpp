#include "runtime/layout.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>

#include "kernels/kernel.h"
#include "runtime/window.h"

namespace octavo::runtime {

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

// What each tensor lies in at last, and from which of its channels on; itself where it is no view.
// Chains are as long as a hostile plan makes them: each is walked once.
std::vector<Inside> find_outermost(const std::vector<Inside>& inside) {
  std::vector<Inside> outermost(inside.size());
  std::vector<uint32_t> chain;
  for (uint32_t tensor = 0; tensor < inside.size(); ++tensor) {
    uint32_t at = tensor;
    for (; outermost[at].wider == no_tensor && inside[at].wider != no_tensor;
         at = inside[at].wider) {
      chain.push_back(at);
    }
    if (outermost[at].wider == no_tensor) outermost[at] = {at, 0};
    for (; !chain.empty(); chain.pop_back()) {
      const Inside& of = inside[chain.back()];
      const Inside& wider = outermost[of.wider];
      outermost[chain.back()] = {wider.wider, wider.first_channel + of.first_channel};
    }
  }
  return outermost;
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
// What steps of a chain write and read is there as long as the chain runs.
std::vector<Lifetime> find_lifetimes(const Plan& plan, const std::vector<Chain>& chains,
                                     const std::vector<Inside>& outermost) {
  const auto steps = static_cast<int64_t>(plan.steps.size());
  std::vector<Lifetime> lifetimes(plan.tensors.size(), {steps, -1});
  const auto touch = [&](uint32_t tensor, int64_t step) {
    Lifetime& lifetime = lifetimes[outermost[tensor].wider];
    lifetime.first = std::min(lifetime.first, step);
    lifetime.last = std::max(lifetime.last, step);
  };
  touch(plan.input, -1);
  for (int64_t i = 0; i < steps; ++i) {
    const Step& step = plan.steps[static_cast<size_t>(i)];
    for (const uint32_t input : step.inputs) touch(input, i);
    touch(step.output, i);
  }
  for (const Chain& chain : chains) {
    for (size_t i = chain.first; i <= chain.last; ++i) {
      for (const uint32_t input : plan.steps[i].inputs) {
        touch(input, static_cast<int64_t>(chain.first));
        touch(input, static_cast<int64_t>(chain.last));
      }
    }
    touch(plan.steps[chain.last].output, static_cast<int64_t>(chain.first));
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

// In the order of their lives, each at the smallest gap that holds it: n log n.
size_t place_in_time(std::vector<Block>& blocks) {
  std::stable_sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) {
    return a.lifetime.first < b.lifetime.first;
  });
  using Ending = std::pair<int64_t, const Block*>;
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> alive;
  std::map<size_t, size_t> gaps;                // by start: their bytes
  std::set<std::pair<size_t, size_t>> by_size;  // bytes, start
  size_t end = 0;
  const auto add_gap = [&](size_t start, size_t bytes) {
    const auto next = gaps.lower_bound(start);
    if (next != gaps.end() && next->first == start + bytes) {
      bytes += next->second;
      by_size.erase({next->second, next->first});
      gaps.erase(next);
    }
    const auto after = gaps.lower_bound(start);
    if (after != gaps.begin()) {
      const auto before = std::prev(after);
      if (before->first + before->second == start) {
        start = before->first;
        bytes += before->second;
        by_size.erase({before->second, before->first});
        gaps.erase(before);
      }
    }
    gaps[start] = bytes;
    by_size.insert({bytes, start});
  };
  for (Block& block : blocks) {
    for (; !alive.empty() && alive.top().first < block.lifetime.first; alive.pop()) {
      add_gap(alive.top().second->start, alive.top().second->bytes);
    }
    const auto fitting = by_size.lower_bound({block.bytes, 0});
    if (fitting == by_size.end()) {
      block.start = end;
      end += block.bytes;
    } else {
      const auto [bytes, start] = *fitting;
      by_size.erase(fitting);
      gaps.erase(start);
      block.start = start;
      if (bytes > block.bytes) add_gap(start + block.bytes, bytes - block.bytes);
    }
    alive.emplace(block.lifetime.last, &block);
  }
  return end;
}

// Largest first: what is placed late is small and fits into what is left between. Each block is
// held against all others, so that plans with more of them than any network has are placed in time.
size_t place_blocks(std::vector<Block>& blocks) {
  constexpr size_t most_compared = 4096;
  if (blocks.size() > most_compared) return place_in_time(blocks);
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
void share_halos(const std::vector<Inside>& outermost, std::vector<TensorLayout>& tensors) {
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    TensorLayout& wide = tensors[outermost[i].wider];
    wide.halo_left = std::max(wide.halo_left, tensors[i].halo_left);
    wide.halo = std::max(wide.halo, tensors[i].halo);
  }
}

// The rings of a chain, one behind the other: what they take.
size_t place_rings(const Plan& plan, const Chain& chain, std::vector<TensorLayout>& tensors) {
  size_t end = 0;
  for (size_t i = 0; i < chain.ring_rows.size(); ++i) {
    TensorLayout& tensor = tensors[plan.steps[chain.first + i].output];
    tensor.offset =
        end + round_up(static_cast<size_t>(tensor.halo_left * tensor.pixel_bytes), alignment);
    end = round_up(tensor.offset + static_cast<size_t>(tensor.ring_rows * tensor.row_bytes) +
                       kernels::slack_bytes,
                   alignment);
  }
  return end;
}

}  // namespace

Layout plan_layout(const Plan& plan, std::vector<Chain> chains) {
  const std::vector<Inside> outermost = find_outermost(find_views(plan));
  const std::vector<Lifetime> lifetimes = find_lifetimes(plan, chains, outermost);
  Layout layout{describe(plan), 0, std::move(chains), 0};
  share_halos(outermost, layout.tensors);
  for (const Chain& chain : layout.chains) {
    for (size_t i = 0; i < chain.ring_rows.size(); ++i) {
      layout.tensors[plan.steps[chain.first + i].output].ring_rows = chain.ring_rows[i];
    }
  }

  std::vector<Block> blocks;
  for (uint32_t i = 0; i < layout.tensors.size(); ++i) {
    TensorLayout& tensor = layout.tensors[i];
    if (outermost[i].wider != i) continue;
    tensor.pixel_bytes = tensor.channel_bytes();
    tensor.row_bytes = (ptrdiff_t{tensor.width} + tensor.halo) * tensor.pixel_bytes;
    const ptrdiff_t bytes = tensor.halo_left * tensor.pixel_bytes +
                            tensor.height * tensor.row_bytes + kernels::slack_bytes;
    if (bytes > most_tensor_bytes) {
      layout.arena_bytes = SIZE_MAX;
      return layout;
    }
    if (tensor.ring_rows > 0) continue;
    blocks.push_back({i, round_up(static_cast<size_t>(bytes), alignment), 0, lifetimes[i]});
  }
  layout.arena_bytes = place_blocks(blocks);
  for (const Chain& chain : layout.chains) {
    layout.ring_bytes = std::max(layout.ring_bytes, place_rings(plan, chain, layout.tensors));
  }
  for (const Block& block : blocks) {
    TensorLayout& tensor = layout.tensors[block.tensor];
    tensor.offset = block.start + static_cast<size_t>(tensor.halo_left * tensor.pixel_bytes);
  }
  for (uint32_t i = 0; i < layout.tensors.size(); ++i) {
    if (outermost[i].wider == i) continue;
    TensorLayout& view = layout.tensors[i];
    const TensorLayout& wide = layout.tensors[outermost[i].wider];
    view.is_view = true;
    view.halo_left = wide.halo_left;
    view.halo = wide.halo;
    view.pixel_bytes = wide.pixel_bytes;
    view.row_bytes = wide.row_bytes;
    view.offset = wide.offset +
                  static_cast<size_t>(ptrdiff_t{outermost[i].first_channel} * view.element_bytes);
  }
  return layout;
}

}  // namespace octavo::runtime
