// What the numbers that a network ends in mean, and so which scores are shown
// (docs/numerics.md, "Logits and scores"). One value, from the file to the graph, the plan
// and whoever shows scores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace octavo {

// One number alone is two classes whatever its kind: 1 - p and p.
enum class OutputKind : uint8_t {
  logits = 0,         // of classes that exclude each other; scores are their softmax
  probabilities = 1,  // they sum to 1 already: shown as they are
  sigmoids = 2,       // logits of labels on their own; the file's final Sigmoid was taken off
  independent = 3,    // each a probability of its own already: shown as they are
};
constexpr OutputKind last_output_kind = OutputKind::independent;

// How many scores so many numbers give.
constexpr size_t score_count(size_t outputs) {
  return outputs == 1 ? 2 : outputs;
}

// Whether several labels may hold at once.
constexpr bool is_multi_label(OutputKind kind, size_t outputs) {
  return outputs > 1 && (kind == OutputKind::sigmoids || kind == OutputKind::independent);
}

constexpr std::string_view output_kind_name(OutputKind kind) {
  switch (kind) {
    case OutputKind::logits:
      return "logits";
    case OutputKind::probabilities:
      return "probabilities";
    case OutputKind::sigmoids:
      return "sigmoids";
    case OutputKind::independent:
      return "independent";
  }
  return "unknown";
}

}  // namespace octavo
