#include "quantize/types.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "quantize/begin_step.h"
#include "quantize/roundings.h"

namespace octavo {

namespace {

class Typer {
 public:
  Typer(const Graph& graph, const FormedSteps& formed) : graph_(graph), formed_(formed) {
    types_.of.assign(graph.tensors.size(), ElementType::u8);
  }

  Result<StoredTypes> run(const std::vector<std::string>& int16_nodes) {
    find_multiplied();
    const std::vector<bool> computed_with = find_computed_with();
    for (const auto& step : formed_.steps) {
      if (step.is<form::Constant>() && computed_with[step.output]) {
        types_.of[step.output] = ElementType::i16;
      }
      if (step.is<form::Rescale>() && step.activation && stands_alone(*step.activation) &&
          !multiplied_[step.inputs[0]]) {
        types_.of[step.inputs[0]] = ElementType::i16;
      }
      if (step.is<form::Softmax>()) types_.of[step.inputs[0]] = ElementType::i16;
      if (normalizes(step) && !multiplied_[step.inputs[0]]) {
        types_.of[step.inputs[0]] = ElementType::i16;
      }
      if (step.is<form::Divide>()) widen_quotient(step);
      if (step.is<form::MatMul>() && !has_roundings(graph_)) {
        types_.of[step.inputs[1]] = ElementType::i8;
      }
      // Outputs that were only moved: nothing between them and the answer may round coarsely.
      const bool answers = step.output == formed_.stored_as[graph_.output];
      if (answers && is_copy(step) && step.inputs[0] != graph_.input) {
        types_.of[step.inputs[0]] = ElementType::i16;
      }
    }
    widen_one_pixel_tensors();
    spread();
    keep_given();
    widen_what_is_not_given();
    for (const auto& name : int16_nodes) {
      if (const Status status = widen_named(name); !status) return status.error();
      spread();
      for (size_t t = 0; t < given_.size(); ++t) {
        if (given_[t] && types_.of[t] != *given_[t]) return joined_with_given(name);
      }
    }
    types_.of[formed_.stored_as[graph_.output]] = ElementType::u8;
    for (size_t t = 0; t < named_.size(); ++t) {
      if (named_[t]) types_.named.push_back(static_cast<TensorId>(t));
    }
    return std::move(types_);
  }

 private:
  // Of a quotient the relative error of either operand counts, also where they are small.
  void widen_quotient(const FormedStep& step) {
    for (const TensorId input : step.inputs) {
      if (!multiplied_[input] && input != graph_.input) types_.of[input] = ElementType::i16;
    }
  }

  // Tensors that a step reads as they are. A constant that is only joined with others takes their
  // type.
  std::vector<bool> find_computed_with() const {
    std::vector<bool> out(graph_.tensors.size(), false);
    for (const auto& step : formed_.steps) {
      if (moves_only(step)) continue;
      for (const TensorId input : step.inputs) out[input] = true;
    }
    return out;
  }

  // Tensors whose values convolutions and products multiply, also after they were moved.
  void find_multiplied() {
    multiplied_.assign(graph_.tensors.size(), false);
    for (size_t s = formed_.steps.size(); s-- > 0;) {
      const FormedStep& step = formed_.steps[s];
      const bool multiplies = step.is<form::Convolution>() || step.is<form::MatMul>();
      const bool moved = moves_only(step) && multiplied_[step.output];
      for (size_t i = 0; i < step.inputs.size(); ++i) {
        const bool factor = multiplies && (i == 0 || (step.is<form::MatMul>() && i == 1));
        if (factor || moved) multiplied_[step.inputs[i]] = true;
      }
    }
  }

  // What a quantized file stores as 8 or 16 bits stays so, whoever reads it; what is moved together
  // with it follows.
  void keep_given() {
    given_.assign(graph_.tensors.size(), std::nullopt);
    if (formed_.input_rounding) given_[graph_.input] = type_of(*formed_.input_rounding);
    for (const auto& step : formed_.steps) {
      if (step.rounding) given_[step.output] = type_of(*step.rounding);
    }
    const auto spread_over = [&](const FormedStep& step) {
      if (!moves_only(step)) return;
      std::vector<TensorId> all = step.inputs;
      all.push_back(step.output);
      const auto any =
          std::find_if(all.begin(), all.end(), [&](TensorId t) { return given_[t].has_value(); });
      if (any == all.end()) return;
      for (const TensorId t : all) given_[t] = given_[t] ? given_[t] : given_[*any];
    };
    for (bool changed = true; changed;) {
      const auto before = given_;
      for (const auto& step : formed_.steps) spread_over(step);
      std::for_each(formed_.steps.rbegin(), formed_.steps.rend(), spread_over);
      changed = given_ != before;
    }
    for (size_t t = 0; t < given_.size(); ++t) {
      if (given_[t]) types_.of[t] = *given_[t];
    }
  }

  // What a quantized file leaves in float, and copies of what it gives several scales: so fine that
  // the file's own roundings stay all that shows.
  void widen_what_is_not_given() {
    const auto is_given = [](const auto& type) { return type.has_value(); };
    if (std::none_of(given_.begin(), given_.end(), is_given)) return;
    for (const auto& step : formed_.steps) {
      const bool ours = !moves_only(step) && !given_[step.output];
      if (ours && types_.of[step.output] == ElementType::u8) {
        types_.of[step.output] = ElementType::i16;
      }
    }
    spread();
  }

  void widen_one_pixel_tensors() {
    std::vector<bool> by_convolution(graph_.tensors.size(), false), otherwise = by_convolution;
    for (const auto& step : formed_.steps) {
      for (size_t i = 0; i < step.inputs.size(); ++i) {
        const bool convolved = step.is<form::Convolution>() && i == 0;
        (convolved ? by_convolution : otherwise)[step.inputs[i]] = true;
      }
    }
    for (const auto& step : formed_.steps) {
      const auto shape = *stored_shape(graph_.tensors[step.output].shape);
      const bool one_pixel = shape[0] == 1 && shape[1] == 1 && shape[2] == 1;
      if (one_pixel && !moves_only(step) && by_convolution[step.output] &&
          !otherwise[step.output]) {
        types_.of[step.output] = ElementType::i16;
      }
    }
  }

  Status widen_named(const std::string& name) {
    named_.resize(graph_.tensors.size(), false);
    bool found = false;
    for (const auto& step : formed_.steps) {
      const bool holds = std::any_of(step.nodes.begin(), step.nodes.end(), [&](uint32_t n) {
        const Node& node = graph_.nodes[n];
        return node.name == name ||
               std::find(node.merged.begin(), node.merged.end(), name) != node.merged.end();
      });
      if (!holds) continue;
      found = true;
      if (types_.of[step.output] == ElementType::i8) {
        return usage_error(concat("node ", quoted(name),
                                  " gives the right operand of a product, which is 8-bit always"));
      }
      if (step.rounding) {
        return usage_error(concat("node ", quoted(name),
                                  " is rounded by the file itself, to integers of its own scale"));
      }
      if (step.output == formed_.stored_as[graph_.output]) continue;
      types_.of[step.output] = ElementType::i16;
      named_[step.output] = true;
    }
    return found ? Status{} : unknown(name);
  }

  static Error joined_with_given(const std::string& name) {
    return usage_error(concat("node ", quoted(name),
                              " is joined with values that the file itself rounds, and "
                              "shares their scale; its type cannot be chosen"));
  }

  Status unknown(const std::string& name) const {
    std::vector<std::string> known;
    for (const auto& node : graph_.nodes) {
      known.push_back(node.name);
      known.insert(known.end(), node.merged.begin(), node.merged.end());
    }
    if (std::find(known.begin(), known.end(), name) != known.end()) {
      return usage_error(concat("node ", quoted(name), " stores nothing that could be 16-bit"));
    }
    const std::string nearest = nearest_name(name, known);
    return usage_error(concat("no node is named ", quoted(name),
                              nearest.empty() ? "" : concat("; the nearest is ", quoted(nearest))));
  }

  // Values that are only moved have one type on both sides.
  void spread() {
    named_.resize(graph_.tensors.size(), false);
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& step : formed_.steps) {
        if (!moves_only(step)) continue;
        std::vector<TensorId> all = step.inputs;
        all.push_back(step.output);
        for (const ElementType type : {ElementType::i8, ElementType::i16}) {
          const auto has_type = [&](TensorId t) { return types_.of[t] == type; };
          if (std::none_of(all.begin(), all.end(), has_type)) continue;
          const bool any_named =
              std::any_of(all.begin(), all.end(), [&](TensorId t) { return named_[t]; });
          for (const TensorId t : all) {
            changed = changed || !has_type(t) || named_[t] != any_named;
            types_.of[t] = type;
            named_[t] = any_named;
          }
          break;
        }
      }
    }
  }

  const Graph& graph_;
  const FormedSteps& formed_;
  StoredTypes types_;
  std::vector<bool> named_, multiplied_;           // by tensor
  std::vector<std::optional<ElementType>> given_;  // by tensor: what a quantized file says
};

}  // namespace

Result<StoredTypes> stored_types(const Graph& graph, const FormedSteps& formed,
                                 const std::vector<std::string>& int16_nodes) {
  return Typer(graph, formed).run(int16_nodes);
}

}  // namespace octavo
