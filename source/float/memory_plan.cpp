#include "float/memory_plan.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "float/walk.h"

namespace octavo {

namespace {

constexpr int64_t alignment = 16;  // floats: a cache line

// Free ranges of an arena that grows at its end; adjacent ones merge.
class FreeRanges {
 public:
  int64_t take(int64_t size) {
    auto best = ranges_.end();
    for (auto range = ranges_.begin(); range != ranges_.end(); ++range) {
      if (range->second >= size && (best == ranges_.end() || range->second < best->second)) {
        best = range;
      }
    }
    if (best != ranges_.end()) {
      const auto [offset, available] = *best;
      ranges_.erase(best);
      if (available > size) ranges_.emplace(offset + size, available - size);
      return offset;
    }
    return grow(size);
  }

  void give_back(int64_t offset, int64_t size) {
    auto [range, inserted] = ranges_.emplace(offset, size);
    const auto next = std::next(range);
    if (next != ranges_.end() && offset + size == next->first) {
      range->second += next->second;
      ranges_.erase(next);
    }
    if (range != ranges_.begin()) {
      const auto previous = std::prev(range);
      if (previous->first + previous->second == range->first) {
        previous->second += range->second;
        ranges_.erase(range);
      }
    }
  }

  int64_t end() const { return end_; }

 private:
  // A free range at the very end is part of what is grown.
  int64_t grow(int64_t size) {
    int64_t offset = end_;
    if (!ranges_.empty()) {
      const auto last = std::prev(ranges_.end());
      if (last->first + last->second == end_) {
        offset = last->first;
        ranges_.erase(last);
      }
    }
    end_ = offset + size;
    return offset;
  }

  std::map<int64_t, int64_t> ranges_;  // offset to size
  int64_t end_ = 0;
};

class Planner {
 public:
  Planner(const Graph& graph, std::span<const bool> in_place, bool observed)
      : graph_(graph), in_place_(in_place), observed_(observed), owner_(graph.tensors.size()) {}

  MemoryPlan plan() {
    plan_.placements.resize(graph_.tensors.size());
    find_owners();
    find_last_uses();
    place_sources();
    for (size_t i = 0; i < graph_.nodes.size(); ++i) place_output(i);
    for (TensorId t = 0; t < owner_.size(); ++t) plan_.placements[t] = plan_.placements[owner_[t]];
    plan_.arena_floats = free_.end();
    return std::move(plan_);
  }

 private:
  bool is_view(const Node& node) const {
    return !observed_ && std::holds_alternative<Reshape>(node.op);
  }

  // The tensor whose buffer a tensor uses: its own, or for a view its input's.
  void find_owners() {
    for (TensorId t = 0; t < owner_.size(); ++t) owner_[t] = t;
    for (const Node& node : graph_.nodes) {
      if (is_view(node)) owner_[node.output] = owner_[node.inputs[0]];
    }
  }

  // An owner that nothing reads is used last where it is made.
  void find_last_uses() {
    last_use_.assign(owner_.size(), 0);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      last_use_[owner_[graph_.nodes[i].output]] = i;
      for (const TensorId input : graph_.nodes[i].inputs) last_use_[owner_[input]] = i;
    }
    last_use_[owner_[graph_.output]] = graph_.nodes.size();
  }

  void place_sources() {
    for (TensorId t = 0; t < owner_.size(); ++t) {
      if (graph_.tensors[t].is_constant()) {
        plan_.placements[t] = {Placement::Where::constant, t, 0};
      }
    }
    if (observed_) {
      take(graph_.input);
    } else {
      plan_.placements[graph_.input].where = Placement::Where::input;
    }
  }

  void place_output(size_t i) {
    const Node& node = graph_.nodes[i];
    if (!is_view(node)) {
      const TensorId reused = overwritten_input(i);
      if (reused != node.output) {
        plan_.placements[node.output] = plan_.placements[owner_[reused]];
        size_[node.output] = size_[owner_[reused]];
        size_[owner_[reused]] = 0;
      } else {
        take(node.output);
      }
    }
    for (const TensorId input : node.inputs) release_if_last(owner_[input], i);
    release_if_last(owner_[node.output], i);
  }

  // An input that dies here and has the output's shape; the node's output if there is
  // none. A second operand may be a view of the same memory: it has as many elements, so
  // that every element is read where the output's is written.
  TensorId overwritten_input(size_t i) const {
    const Node& node = graph_.nodes[i];
    if (!in_place_[i]) return node.output;
    const bool reshape = std::holds_alternative<Reshape>(node.op);
    for (const TensorId candidate : node.inputs) {
      const TensorId owner = owner_[candidate];
      const bool same_shape =
          reshape || graph_.tensors[candidate].shape == graph_.tensors[node.output].shape;
      const auto live = size_.find(owner);
      if (last_use_[owner] == i && same_shape && live != size_.end() && live->second > 0) {
        return candidate;
      }
    }
    return node.output;
  }

  void take(TensorId tensor) {
    const int64_t floats = std::max<int64_t>(product(graph_.tensors[tensor].shape), 1);
    const int64_t size = (floats + alignment - 1) / alignment * alignment;
    plan_.placements[tensor] = {Placement::Where::arena, 0, free_.take(size)};
    size_[tensor] = size;
  }

  void release_if_last(TensorId owner, size_t i) {
    const auto live = size_.find(owner);
    if (live == size_.end() || live->second == 0 || last_use_[owner] != i) return;
    free_.give_back(plan_.placements[owner].offset, live->second);
    live->second = 0;
  }

  const Graph& graph_;
  std::span<const bool> in_place_;
  bool observed_;
  std::vector<TensorId> owner_;
  std::vector<size_t> last_use_;      // by owner: the last node that makes or reads it
  std::map<TensorId, int64_t> size_;  // of buffers in the arena; 0 once given away
  FreeRanges free_;
  MemoryPlan plan_;
};

}  // namespace

MemoryPlan plan_memory(const Graph& graph, std::span<const bool> in_place, bool observed) {
  return Planner(graph, in_place, observed).plan();
}

}  // namespace octavo
