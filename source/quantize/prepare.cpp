#include "quantize/prepare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "quantize/roundings.h"
#include "quantize/steps.h"
#include "quantize/wide_weights.h"

namespace octavo {

namespace {

class Preparation {
 public:
  Preparation(const Graph& graph, bool picture) : out_(graph), picture_(picture) {}

  Graph run() {
    share_roundings();
    if (picture_) store_picture();
    even_out_scales();
    if (has_roundings(out_)) out_ = split_wide_weights(out_);
    for (Node& node : out_.nodes) write_out_constant(node);
    store_right_operands();
    flatten_output();
    return std::move(out_);
  }

 private:
  // x * 1 + 0, stored as `name`; to be put in front of a node that reads it.
  Node copy_of(TensorId x, const std::string& name) {
    const Shape shape = out_.tensors[x].shape;
    const auto count = static_cast<size_t>(shape.back());
    const TensorId one =
        out_.add_constant(name + ".scale", {shape.back()}, std::vector<float>(count, 1.0f));
    const TensorId zero =
        out_.add_constant(name + ".shift", {shape.back()}, std::vector<float>(count, 0.0f));
    ChannelAffine affine;
    affine.axis = static_cast<int>(shape.size()) - 1;
    return Node{name, {}, affine, {x, one, zero}, out_.add_tensor(name, shape)};
  }

  static bool is_rounding(const Node& node) {
    return std::holds_alternative<FakeQuantize>(node.op);
  }

  // A tensor that is rounded alike for each of its readers is rounded once.
  void share_roundings() {
    std::map<TensorId, std::vector<const Node*>> made;
    std::map<TensorId, TensorId> instead;
    for (Node& node : out_.nodes) {
      for (TensorId& input : node.inputs) {
        if (const auto found = instead.find(input); found != instead.end()) input = found->second;
      }
      if (!is_rounding(node)) continue;
      auto& others = made[node.inputs[0]];
      const auto equal = std::find_if(others.begin(), others.end(), [&](const Node* other) {
        return std::get<FakeQuantize>(other->op) == std::get<FakeQuantize>(node.op);
      });
      if (equal == others.end()) {
        others.push_back(&node);
      } else if (node.output != out_.output) {
        instead[node.output] = (*equal)->output;
      }
    }
    remove_dead(out_);
  }

  bool takes_pictures(const Node& node) const {
    if (node.inputs.empty() || node.inputs[0] != out_.input) return false;
    return std::holds_alternative<Conv2d>(node.op) ||
           std::holds_alternative<ChannelAffine>(node.op);
  }

  void store_picture() {
    const auto reads_otherwise = [&](const Node& node) {
      return std::count(node.inputs.begin(), node.inputs.end(), out_.input) != 0 &&
             !takes_pictures(node);
    };
    if (std::none_of(out_.nodes.begin(), out_.nodes.end(), reads_otherwise)) return;
    Node stored = copy_of(out_.input, out_.tensors[out_.input].name + ".stored");
    for (Node& node : out_.nodes) {
      if (takes_pictures(node)) continue;
      std::replace(node.inputs.begin(), node.inputs.end(), out_.input, stored.output);
    }
    out_.nodes.insert(out_.nodes.begin(), std::move(stored));
  }

  // How the channels of a tensor are stored by the file: alike, differently, or as the quantizer
  // will choose.
  struct Storage {
    const FakeQuantize* rounding = nullptr;  // of one of the channels; null: the quantizer's
    bool is_uneven = false;                  // others have another scale or zero point
  };

  bool keeps_channels(const Node& node) const {
    if (const auto* transpose = std::get_if<Transpose>(&node.op)) {
      return transpose->perm.back() == static_cast<int>(transpose->perm.size()) - 1;
    }
    return channel_count(out_.tensors[node.inputs[0]]) == channel_count(out_.tensors[node.output]);
  }

  static bool moves_along_channels(const Node& node) {
    return std::holds_alternative<Reshape>(node.op) || std::holds_alternative<Transpose>(node.op);
  }

  // Whether the node takes all channels of its first operand for stored alike.
  bool needs_one_scale(const Node& node) const {
    if (std::holds_alternative<Conv2d>(node.op)) {
      return out_.tensors[node.inputs[1]].shape[3] > 1;  // channels of a group
    }
    const auto* reduce = std::get_if<Reduce>(&node.op);
    return std::holds_alternative<MatMul>(node.op) || std::holds_alternative<LayerNorm>(node.op) ||
           std::holds_alternative<Softmax>(node.op) ||
           (reduce != nullptr && reduce->kind == Reduce::Kind::l2) ||
           (moves_along_channels(node) && !keeps_channels(node));
  }

  // Of a Concat.
  static Storage joined(const std::vector<Storage>& parts) {
    Storage out = parts[0];
    for (const Storage& part : parts) {
      if (part.rounding == nullptr || out.rounding == nullptr) return {};
      out.is_uneven = out.is_uneven || part.is_uneven || *part.rounding != *out.rounding;
    }
    return out;
  }

  static Storage moved_storage(const Node& node, const std::vector<Storage>& storage) {
    const auto* pool = std::get_if<Pool2d>(&node.op);
    const bool moves = moves_along_channels(node) || std::holds_alternative<Gather>(node.op) ||
                       std::holds_alternative<Slice>(node.op) ||
                       (pool != nullptr && pool->kind == Pool2d::Kind::maximum);
    if (moves) return storage[node.inputs[0]];
    if (!std::holds_alternative<Concat>(node.op)) return {};
    std::vector<Storage> parts;
    for (const TensorId input : node.inputs) parts.push_back(storage[input]);
    return joined(parts);
  }

  // What is joined has one type.
  static bool joins_types(const Node& node, const std::vector<Storage>& storage) {
    if (!std::holds_alternative<Concat>(node.op)) return false;
    bool bytes = false, words = false;
    for (const TensorId input : node.inputs) {
      if (const FakeQuantize* rounding = storage[input].rounding) {
        (rounding->highest > 255 ? words : bytes) = true;
      }
    }
    return bytes && words;
  }

  // Where the file gives the channels of a tensor different scales, or what is joined different
  // types, and the reader cannot take them so, it reads a copy with one scale: 16 bits, hundreds of
  // times finer than the file's bytes.
  void even_out_scales() {
    std::vector<Storage> storage(out_.tensors.size());
    std::vector<Node> nodes;
    for (const Node& original : out_.nodes) {
      Node node = original;
      const bool all = joins_types(node, storage);
      const bool first =
          !node.inputs.empty() && needs_one_scale(node) && storage[node.inputs[0]].is_uneven;
      for (size_t i = 0; i < node.inputs.size() && (all || (first && i == 0)); ++i) {
        nodes.push_back(copy_of(node.inputs[i], out_.tensors[node.inputs[i]].name + ".even"));
        node.inputs[i] = nodes.back().output;
      }
      storage.resize(out_.tensors.size());
      const auto* rounding = std::get_if<FakeQuantize>(&original.op);
      storage[node.output] = rounding != nullptr ? Storage{rounding, rounding->by_axis()}
                                                 : moved_storage(node, storage);
      nodes.push_back(std::move(node));
    }
    out_.nodes = std::move(nodes);
  }

  std::vector<Storage> trace_storage() const {
    std::vector<Storage> storage(out_.tensors.size());
    for (const Node& node : out_.nodes) {
      const auto* rounding = std::get_if<FakeQuantize>(&node.op);
      storage[node.output] = rounding != nullptr ? Storage{rounding, rounding->by_axis()}
                                                 : moved_storage(node, storage);
    }
    return storage;
  }

  void write_out_constant(Node& node) {
    auto* binary = std::get_if<Binary>(&node.op);
    if (binary == nullptr) return;
    const bool first = out_.tensors[node.inputs[0]].is_constant();
    if (first == out_.tensors[node.inputs[1]].is_constant()) return;
    TensorId& operand = node.inputs[first ? 0 : 1];
    const Tensor constant = out_.tensors[operand];
    const Shape whole = out_.tensors[node.output].shape;
    if (whole.empty()) return;  // one number
    const bool as_large = out_.tensors[node.inputs[first ? 1 : 0]].shape == whole;
    if (!as_large || !by_channel(constant, whole.back()).empty()) return;
    const bool divides = binary->kind == Binary::Kind::divide && !first;
    if (constant.shape == whole && !divides) return;
    const int64_t count = element_count(whole);
    if (count > room_) return;  // form_steps names it
    room_ -= count;
    std::vector<float> values = broadcast(constant, whole);
    if (divides) {
      for (float& value : values) value = 1.0f / value;
      if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
        return;
      }
      binary->kind = Binary::Kind::multiply;
    }
    operand = out_.add_constant(constant.name, whole, std::move(values));
  }

  static std::vector<float> broadcast(const Tensor& constant, const Shape& whole) {
    Shape from(whole.size() - constant.shape.size(), 1);
    from.insert(from.end(), constant.shape.begin(), constant.shape.end());
    std::vector<float> out(static_cast<size_t>(element_count(whole)));
    Shape at(whole.size(), 0);
    for (float& value : out) {
      size_t index = 0;
      for (size_t axis = 0; axis < whole.size(); ++axis) {
        const int64_t here = from[axis] == 1 ? 0 : at[axis];
        index = index * static_cast<size_t>(from[axis]) + static_cast<size_t>(here);
      }
      value = (*constant.values)[index];
      for (size_t axis = whole.size(); axis-- > 0 && ++at[axis] == whole[axis];) at[axis] = 0;
    }
    return out;
  }

  // Signed bytes of their own, or as a quantized file has them, if with one scale.
  void store_right_operands() {
    const auto makers = producers(out_);
    const auto readers = consumers(out_);
    const bool given = has_roundings(out_);
    const std::vector<Storage> storage = trace_storage();
    const auto keeps = [&](const Node& node) {
      const TensorId b = node.inputs[1];
      if (given) return storage[b].rounding != nullptr && !storage[b].is_uneven;
      return node.inputs[0] != b && stored_for_one(b, makers, readers);
    };
    std::vector<Node> nodes;
    for (Node node : out_.nodes) {
      if (std::holds_alternative<MatMul>(node.op) && !out_.tensors[node.inputs[1]].is_constant() &&
          !keeps(node)) {
        nodes.push_back(copy_of(node.inputs[1], out_.tensors[node.inputs[1]].name + ".right"));
        node.inputs[1] = nodes.back().output;
      }
      nodes.push_back(std::move(node));
    }
    out_.nodes = std::move(nodes);
  }

  // Whether nothing else reads the values, back to the node that computes them.
  bool stored_for_one(TensorId t, const std::vector<uint32_t>& makers,
                      const std::vector<std::vector<uint32_t>>& readers) const {
    for (;;) {
      if (readers[t].size() != 1 || makers[t] == no_node || t == out_.output) return false;
      const Node& maker = out_.nodes[makers[t]];
      if (std::holds_alternative<Reshape>(maker.op) ||
          std::holds_alternative<Transpose>(maker.op)) {
        t = maker.inputs[0];
        continue;
      }
      const auto* pool = std::get_if<Pool2d>(&maker.op);
      return !is_rounding(maker) && !std::holds_alternative<Gather>(maker.op) &&
             !std::holds_alternative<Slice>(maker.op) &&
             !std::holds_alternative<Concat>(maker.op) &&
             (pool == nullptr || pool->kind == Pool2d::Kind::average);
    }
  }

  // A plan ends in one row of numbers that a step computes. What only moves values, a map for
  // instance, is made a row, and a copy, whose operand has 16 bits, makes numbers of it.
  void flatten_output() {
    if (is_computed_row()) return;
    const auto makers = producers(out_);
    TensorId source = out_.output;
    std::vector<std::string> names;
    while (makers[source] != no_node &&
           std::holds_alternative<Reshape>(out_.nodes[makers[source]].op)) {
      const Node& reshape = out_.nodes[makers[source]];
      names.push_back(reshape.name);
      names.insert(names.end(), reshape.merged.begin(), reshape.merged.end());
      source = reshape.inputs[0];
    }
    const TensorId old = std::exchange(out_.output, source);
    if (is_computed_row()) {
      std::vector<std::string>& merged = out_.nodes[makers[source]].merged;
      merged.insert(merged.end(), names.begin(), names.end());
      remove_dead(out_);
      return;
    }
    out_.output = old;
    TensorId row = old;
    const std::string name = out_.tensors[old].name;
    if (out_.tensors[row].shape.empty() || !is_row(row)) {
      const Shape flat{1, element_count(out_.tensors[old].shape)};
      row = out_.add_tensor(name + ".row", flat);
      out_.nodes.push_back(Node{name + ".row", {}, Reshape{flat}, {old}, row});
    }
    out_.nodes.push_back(copy_of(row, name + ".values"));
    out_.output = out_.nodes.back().output;
  }

  bool is_row(TensorId t) const {
    const auto shape = stored_shape(out_.tensors[t].shape);
    return shape && (*shape)[0] == 1 && (*shape)[1] == 1 && (*shape)[2] == 1;
  }

  // Whether the output is a row already, up to a name, of what a node computes.
  bool is_computed_row() const {
    if (!is_row(out_.output)) return false;
    const auto makers = producers(out_);
    TensorId t = out_.output;
    while (makers[t] != no_node && std::holds_alternative<Reshape>(out_.nodes[makers[t]].op) &&
           is_row(out_.nodes[makers[t]].inputs[0])) {
      t = out_.nodes[makers[t]].inputs[0];
    }
    if (makers[t] == no_node) return false;
    const Operator& op = out_.nodes[makers[t]].op;
    const auto* pool = std::get_if<Pool2d>(&op);
    return !std::holds_alternative<Reshape>(op) && !std::holds_alternative<Transpose>(op) &&
           !std::holds_alternative<Concat>(op) && !std::holds_alternative<Gather>(op) &&
           !std::holds_alternative<Slice>(op) &&
           (pool == nullptr || pool->kind == Pool2d::Kind::average);
  }

  Graph out_;
  bool picture_;
  int64_t room_ = int64_t{1} << 26;  // values that written out constants may take together
};

}  // namespace

Graph prepare_for_steps(const Graph& graph, bool picture) {
  return Preparation(graph, picture).run();
}

}  // namespace octavo
