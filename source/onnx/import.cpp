#include "onnx/import.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "onnx/inline.h"
#include "onnx/inputs.h"
#include "onnx/names.h"
#include "onnx/one_frame.h"
#include "onnx/operators.h"
#include "onnx/order.h"
#include "onnx/quantizer.h"

namespace octavo {

namespace onnx {

namespace {

constexpr uint64_t most_file_bytes = (uint64_t{1} << 31) - 1;  // protobuf's own bound
constexpr size_t most_named = 20;

std::string names_text(const std::vector<std::string_view>& names) {
  std::string out;
  for (size_t i = 0; i < names.size() && i < most_named; ++i) {
    out += concat(i == 0 ? "" : ", ", quoted(names[i]));
  }
  if (names.size() > most_named) out += concat(" and ", names.size() - most_named, " more");
  return out;
}

class Importer {
 public:
  Importer(const ModelProto& model, const std::string& folder, const ImportOptions& options)
      : model_(model), options_(options), builder_{{}, {}, ExternalData(folder), {}, {}} {}

  // Looks at every node; an Error only for what is wrong with the file as a whole.
  Status run() {
    Status ends = find_ends();
    if (!ends) return ends;
    Result<Order> order = order_nodes(model_.graph, output_->name);
    if (!order) return order.error();
    builder_.readers = std::move(order->readers);
    Status fed = add_input();
    if (!fed) return fed;
    name_rows();
    for (const size_t index : order->nodes) {
      Status looked_at = import_node(index);
      if (!looked_at) return looked_at;
    }
    forget_other_branches();
    return {};
  }

  // After run() and finish().
  std::vector<ImportRow> take_rows() { return std::move(rows_); }

  // After run().
  Result<Import> finish() {
    if (!unsupported_.empty()) return unsupported_nodes();
    Graph& graph = builder_.graph;
    const Value& output = values_[output_->name];
    if (!output.is_tensor()) {
      return rejected(
          concat("the output ", quoted(output_->name), " does not depend on the input"));
    }
    if (output.quantized) {
      return rejected(concat("the output ", quoted(output_->name),
                             " is quantized; a DequantizeLinear behind it would make it real"));
    }
    graph.output = output.tensor;
    for (const auto& [key, value] : model_.metadata) graph.metadata.emplace_back(key, value);
    compare_output();
    if (frames_ > 1) {
      const Status one = take_one_frame(graph, frames_);
      if (!one) return one.error();
      notes_.push_back(
          concat("the fixed batch of ", frames_, " taken as 1, since no node mixes its frames"));
    }
    remove_dead(graph);
    const Status sound = verify(graph);
    if (!sound) return sound.error();
    return Import{std::move(graph), byte_input_, std::move(notes_)};
  }

 private:
  // The opset, the one input that is no initializer, and the one output.
  Status find_ends() {
    opset_ = own_opset(model_.opsets);
    if (opset_ == 0) return rejected("the file names no opset of ONNX's own operators");
    if (model_.graph.has_sparse_initializers) return rejected("sparse initializers are not known");
    for (size_t i = 0; i < model_.graph.initializers.size(); ++i) {
      initializers_.emplace(model_.graph.initializers[i].name, i);
    }
    std::vector<std::string_view> inputs, outputs;
    for (const ValueInfoProto& input : model_.graph.inputs) {
      if (initializers_.contains(input.name)) continue;
      inputs.push_back(input.name);
      input_ = &input;
    }
    for (const ValueInfoProto& output : model_.graph.outputs) {
      outputs.push_back(output.name);
      output_ = &output;
    }
    if (inputs.size() != 1) {
      return rejected(concat("expected one input, found ", inputs.size(),
                             inputs.empty() ? "" : ": ", names_text(inputs)));
    }
    if (!options_.output_node.empty()) return end_at(options_.output_node);
    if (outputs.size() != 1) {
      return rejected(concat("expected one output, found ", outputs.size(),
                             outputs.empty() ? "" : ": ", names_text(outputs),
                             outputs.empty() ? "" : "; --output NAME takes one of them"));
    }
    return {};
  }

  // Named as an output of the file, as a node, or as a value that a node makes, in this order.
  Status end_at(const std::string& wanted) {
    for (const ValueInfoProto& output : model_.graph.outputs) {
      if (output.name == wanted) {
        output_ = &output;
        return {};
      }
    }
    NodeNames names;
    std::vector<std::string> known;
    std::string_view found;
    for (size_t i = 0; i < model_.graph.nodes.size(); ++i) {
      const NodeProto& node = model_.graph.nodes[i];
      known.push_back(names.name(node, i));
      if (known.back() == wanted && !node.outputs.empty()) {
        found = node.outputs.front();
        break;
      }
      for (const std::string_view output : node.outputs) {
        known.emplace_back(output);
        if (output == wanted && found.empty()) found = output;
      }
    }
    if (!found.empty()) {
      chosen_output_.name = found;
      output_ = &chosen_output_;
      return {};
    }
    for (const ValueInfoProto& output : model_.graph.outputs) known.emplace_back(output.name);
    const std::string near = nearest_name(wanted, known);
    return rejected(concat("no output, node or value is named ", quoted(wanted),
                           ", where the network is to end",
                           near.empty() ? "" : concat("; the nearest is ", quoted(near))));
  }

  Status add_input() {
    Result<FileInput> input = file_input(*input_, options_, notes_);
    if (!input) return input.error();
    Graph& graph = builder_.graph;
    const std::string name(input_->name);
    graph.input = graph.add_tensor(name, input->fed);
    TensorId seen = graph.input;
    if (input->shape != input->fed) {
      seen = graph.add_tensor(name + "/axes", input->shape);
      graph.nodes.push_back(Node{name + "/axes", {}, Reshape{input->shape}, {graph.input}, seen});
    }
    Value value(seen, input->shape);
    value.bytes = byte_input_ = input->bytes;
    values_[input_->name] = std::move(value);
    frames_ = input->frames;
    return {};
  }

  void name_rows() {
    NodeNames names;
    for (size_t i = 0; i < model_.graph.nodes.size(); ++i) {
      const NodeProto& node = model_.graph.nodes[i];
      rows_.push_back({names.name(node, i), std::string(node.op_type), "unused"});
    }
  }

  // Initializers are decoded when they are read for the first time.
  Result<Value> read_value(std::string_view name) {
    if (name.empty()) return Value();
    const auto known = values_.find(name);
    if (known != values_.end()) return known->second;
    const auto initializer = initializers_.find(name);
    if (initializer == initializers_.end()) return Value();
    const TensorProto& tensor = model_.graph.initializers[initializer->second];
    Result<Constant> constant = decode_tensor(tensor, builder_.external);
    if (!constant) return constant.error();
    builder_.budget.grant(constant->size());
    note_widening(tensor.data_type);
    return values_[name] = Value(*std::move(constant));
  }

  void note_widening(DataType type) {
    if (type != DataType::float16 && type != DataType::bfloat16 && type != DataType::float64)
      return;
    if (widened_.insert(type).second) {
      notes_.push_back(concat(data_type_name(type), " weights taken as float32"));
    }
  }

  Status import_node(size_t index) {
    const NodeProto& node = model_.graph.nodes[index];
    std::vector<Value> inputs;
    bool reads_failed = false;
    for (const std::string_view input : node.inputs) {
      reads_failed = reads_failed || failed_.contains(input);
      Result<Value> value = read_value(input);
      if (!value) return value.error();
      inputs.push_back(*std::move(value));
    }
    for (const std::string_view input : node.inputs) release(input);
    if (is_branch(node)) {
      choose_branch(index, inputs);
      return {};
    }
    const Result<OperatorChoice> choice = choose(node);
    if (!choice) {
      refuse(index, choice.error().message);
    } else if (reads_failed) {
      rows_[index].becomes = "not looked at: it reads what an unsupported node makes";
      mark_failed(node);
    } else {
      apply(index, *choice, std::move(inputs));
    }
    return {};
  }

  // An If is one of its branches, whatever the other is made of.
  void choose_branch(size_t index, const std::vector<Value>& inputs) {
    const NodeProto& node = model_.graph.nodes[index];
    const Value& condition = inputs[0];
    if (failed_.contains(node.inputs[0])) {
      rows_[index].becomes = "not looked at: it reads what an unsupported node makes";
      mark_failed(node);
      return;
    }
    if (!condition.is_constant() || condition.constant.size() != 1 ||
        !condition.constant.integers) {
      refuse(index, "its condition is computed; only one that the file decides is known");
      return;
    }
    const size_t count = node.outputs.size();
    const size_t first = condition.constant.integers->front() != 0 ? 1 : 1 + count;
    branches_.emplace(index, Branch{first, count});
    rows_[index].becomes = first == 1 ? "its then_branch" : "its else_branch";
    for (size_t i = 0; i < count; ++i) {
      const std::string_view chosen = node.inputs[first + i];
      if (failed_.contains(chosen)) {
        failed_.insert(node.outputs[i]);
      } else if (builder_.readers.contains(node.outputs[i])) {
        values_[node.outputs[i]] = inputs[first + i];
      }
    }
  }

  // Branches that no If takes may be of anything: what was refused of them is forgotten.
  void forget_other_branches() {
    if (branches_.empty() || unsupported_.empty()) return;
    std::unordered_map<std::string_view, size_t> makers;
    for (size_t i = 0; i < model_.graph.nodes.size(); ++i) {
      for (const std::string_view output : model_.graph.nodes[i].outputs) makers[output] = i;
    }
    std::vector<bool> reached(model_.graph.nodes.size(), false);
    std::vector<std::string_view> open{output_->name};
    while (!open.empty()) {
      const auto maker = makers.find(open.back());
      open.pop_back();
      if (maker == makers.end() || reached[maker->second]) continue;
      reached[maker->second] = true;
      const std::vector<std::string_view>& inputs = model_.graph.nodes[maker->second].inputs;
      const auto branch = branches_.find(maker->second);
      if (branch == branches_.end()) {
        open.insert(open.end(), inputs.begin(), inputs.end());
      } else {
        open.push_back(inputs[0]);
        const auto chosen = inputs.begin() + static_cast<std::ptrdiff_t>(branch->second.first);
        open.insert(open.end(), chosen, chosen + static_cast<std::ptrdiff_t>(branch->second.count));
      }
    }
    for (const size_t index : unsupported_) {
      if (!reached[index]) rows_[index].becomes = "unused";
    }
    std::erase_if(unsupported_, [&](size_t index) { return !reached[index]; });
  }

  // A value that nobody reads any more is dropped: a weight's copy in the file's layout.
  void release(std::string_view name) {
    const auto readers = builder_.readers.find(name);
    if (readers != builder_.readers.end() && --readers->second == 0) values_.erase(name);
  }

  Result<OperatorChoice> choose(const NodeProto& node) const {
    const bool own = node.domain.empty() || node.domain == "ai.onnx";
    Result<OperatorChoice> chosen =
        choose_operator(own ? "" : node.domain, node.op_type, own ? opset_ : 1);
    if (!chosen && picks_classes(node.op_type) && !node.inputs.empty()) {
      return rejected(concat("it gives indices of classes, and scores are needed; end the network ",
                             "in front of it: --output ", quoted(node.inputs.front())));
    }
    return chosen;
  }

  // Bytes mean the same to these as floats.
  static bool moves_bytes(std::string_view op_type) {
    constexpr std::string_view movers[] = {
        "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice",
        "Gather",   "Concat",  "Split",   "Expand",  "Tile",      "Shape",     "Size"};
    return std::find(std::begin(movers), std::end(movers), op_type) != std::end(movers);
  }

  static bool picks_classes(std::string_view op_type) {
    return op_type == "ArgMax" || op_type == "ArgMin" || op_type == "TopK" || op_type == "Hardmax";
  }

  void apply(size_t index, const OperatorChoice& choice, std::vector<Value> inputs) {
    const NodeProto& node = model_.graph.nodes[index];
    const auto count = static_cast<int>(inputs.size());
    bool complete = count >= choice.row->least_inputs && count <= choice.row->most_inputs;
    for (int i = 0; complete && i < choice.row->least_inputs; ++i) {
      complete = !inputs[static_cast<size_t>(i)].is_absent();
    }
    if (!complete) {
      refuse(index, concat("it has ", count, " inputs, expected at least ",
                           choice.row->least_inputs, " and at most ", choice.row->most_inputs));
      return;
    }
    const bool moves = choice.row->stored == StoredInputs::moved;
    if (choice.row->stored != StoredInputs::read) {
      if (const std::string why = wrongly_read(inputs, moves); !why.empty()) {
        refuse(index, why);
        return;
      }
    }
    const bool reads_bytes =
        std::any_of(inputs.begin(), inputs.end(), [](const Value& input) { return input.bytes; });
    if (reads_bytes && node.op_type != "Cast" && !moves_bytes(node.op_type)) {
      refuse(index, "it computes on the input's bytes, uint8; export with a Cast to float first");
      return;
    }
    const auto quantized = inputs.empty() || !moves ? nullptr : inputs[0].quantized;
    const DataType stored = inputs.empty() || !moves || !inputs[0].is_constant()
                                ? DataType::undefined
                                : inputs[0].constant.stored;
    const size_t tensors_before = builder_.graph.tensors.size();
    NodeContext context(builder_, node, rows_[index].name, choice.version, std::move(inputs));
    Outputs outputs = choice.row->function(context);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (i < outputs.size() && !outputs[i].is_absent()) continue;
      if (context.reads_output(i)) context.fail(concat("its output ", i, " is not known"));
    }
    if (const auto unread = context.unread_attribute()) {
      context.fail(concat("its attribute ", quoted(*unread), " is not known"));
    }
    if (context.failed()) {
      refuse(index, context.reason());
      return;
    }
    for (Value& output : outputs) {
      output.bytes = reads_bytes && output.is_tensor() && node.op_type != "Cast";
      if (output.is_tensor() && quantized) output.quantized = quantized;
      if (output.is_constant() && stored != DataType::undefined) output.constant.stored = stored;
    }
    rows_[index].becomes = context.becomes();
    keep_outputs(node, std::move(outputs), tensors_before);
  }

  // Stored values may only be moved, and only together with values that are stored alike. "" or
  // why they may not.
  static std::string wrongly_read(const std::vector<Value>& inputs, bool moves) {
    const bool reads = std::any_of(inputs.begin(), inputs.end(),
                                   [](const Value& input) { return input.quantized != nullptr; });
    if (!reads) return "";
    if (!moves) return "it reads what a QuantizeLinear gives; only a DequantizeLinear may";
    for (const Value& input : inputs) {
      if (!input.is_tensor()) continue;
      if (!input.quantized || !inputs[0].quantized || *input.quantized != *inputs[0].quantized) {
        return "it joins values that are stored with different scales";
      }
      if (input.quantized->by_axis()) return "it moves values that have a scale a channel";
    }
    return "";
  }

  // Tensors that this node made get the file's names.
  void keep_outputs(const NodeProto& node, Outputs outputs, size_t tensors_before) {
    for (size_t i = 0; i < node.outputs.size() && i < outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      if (outputs[i].is_tensor() && outputs[i].tensor >= tensors_before) {
        builder_.graph.tensors[outputs[i].tensor].name = node.outputs[i];
      }
      if (builder_.readers.contains(node.outputs[i]))
        values_[node.outputs[i]] = std::move(outputs[i]);
    }
  }

  void mark_failed(const NodeProto& node) {
    for (const std::string_view output : node.outputs) {
      if (!output.empty()) failed_.insert(output);
    }
  }

  void refuse(size_t index, const std::string& why) {
    rows_[index].becomes = concat("unsupported: ", why);
    unsupported_.push_back(index);
    mark_failed(model_.graph.nodes[index]);
  }

  Error unsupported_nodes() const {
    std::string list;
    for (size_t i = 0; i < unsupported_.size() && i < most_named; ++i) {
      const ImportRow& row = rows_[unsupported_[i]];
      list += concat(i == 0 ? "" : "; ", quoted(row.name), " (", operator_text(row.op_type),
                     "): ", row.becomes.substr(std::string_view("unsupported: ").size()));
    }
    const size_t count = unsupported_.size();
    if (count > most_named) list += concat("; and ", count - most_named, " more");
    return rejected(concat(count, count == 1 ? " node" : " nodes", " cannot be imported: ", list));
  }

  // A stale output shape harms nobody, but is worth a word.
  void compare_output() {
    const Shape& found = builder_.graph.tensors[builder_.graph.output].shape;
    if (!output_->shape || frames_ > 1) return;
    bool agrees = output_->shape->size() == found.size();
    for (size_t i = 0; agrees && i < found.size(); ++i) {
      const std::optional<int64_t>& stated = (*output_->shape)[i].value;
      agrees = !stated || *stated == found[i];
    }
    if (!agrees) {
      notes_.push_back(concat("the file states another shape for its output ",
                              quoted(output_->name), " than ", list_text(found)));
    }
  }

  const ModelProto& model_;
  const ImportOptions& options_;
  Builder builder_;
  int64_t opset_ = 0;
  int64_t frames_ = 1;  // of a fixed batch
  bool byte_input_ = false;
  const ValueInfoProto* input_ = nullptr;
  const ValueInfoProto* output_ = nullptr;
  ValueInfoProto chosen_output_;  // where the caller named a node
  std::unordered_map<std::string_view, size_t> initializers_;
  std::unordered_map<std::string_view, Value> values_;
  std::set<std::string_view> failed_;  // values that unsupported nodes make
  struct Branch {
    size_t first, count;  // which inputs of an If are its outputs
  };
  std::unordered_map<size_t, Branch> branches_;  // by the If's index
  std::set<DataType> widened_;
  std::vector<ImportRow> rows_;
  std::vector<size_t> unsupported_;
  std::vector<std::string> notes_;
};

}  // namespace

}  // namespace onnx

Result<ImportCheck> check_onnx(std::span<const std::byte> bytes, const std::string& folder,
                               const ImportOptions& options) {
  Result<onnx::ModelProto> model = onnx::parse_model(bytes);
  if (!model) return model.error();
  if (const Status flat = onnx::inline_calls(*model); !flat) return flat.error();
  onnx::Importer importer(*model, folder, options);
  const Status status = importer.run();
  if (!status) return status.error();
  Result<Import> import = importer.finish();
  return ImportCheck{importer.take_rows(), std::move(import)};
}

Result<Import> import_onnx(std::span<const std::byte> bytes, const std::string& folder,
                           const ImportOptions& options) {
  Result<ImportCheck> checked = check_onnx(bytes, folder, options);
  if (!checked) return checked.error();
  return std::move(checked->import);
}

Result<Import> import_onnx(const std::string& path, const ImportOptions& options) {
  const Result<std::vector<std::byte>> bytes = read_file(path, onnx::most_file_bytes);
  if (!bytes) return bytes.error();
  const std::string folder = std::filesystem::path(path).parent_path().string();
  Result<Import> import = import_onnx(*bytes, folder.empty() ? "." : folder, options);
  if (!import) return Error{import.error().kind, concat(path, ": ", import.error().message)};
  return import;
}

}  // namespace octavo
