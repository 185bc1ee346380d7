#include "quantize/prepare.h"

#include "quantize/step_rewrites.h"

namespace octavo {

namespace {

using When = Rewrite::When;

constexpr Rewrite table[] = {
    {"share-roundings", "a tensor that is rounded alike for each of its readers is rounded once",
     share_roundings, When::first},
    {"store-picture", "a picture that no convolution or multiply-add reads goes through one",
     store_picture, When::first, "the plan"},
    {"even-scales",
     "where a file gives channels different scales, who cannot take them reads a copy",
     even_out_scales, When::first, "the plan"},
    {"wide-weights", "a file's weights of more than a signed byte are sums of such",
     split_wide_weights, When::first},
    {"float-weights", "weights that a file leaves in float are words where there is one pixel",
     keep_float_weights, When::first},
    {"write-out",
     "constants that vary along more than the channels are as large as what reads them",
     write_out_constants, When::first},
    {"right-operand", "the right side of a product of two activations is stored for it alone",
     store_right_operands, When::first, "the plan"},
    {"output-row", "a plan ends in one row of numbers that a step computes", flatten_output,
     When::first, "the plan"},
};

}  // namespace

std::span<const Rewrite> step_rewrites() {
  return table;
}

Result<Graph> prepare_for_steps(Graph graph, std::span<const std::string> disabled,
                                const PassObserver& ran) {
  const auto counts = run_rewrites(table, graph, disabled);
  if (!counts) return counts.error();
  for (const RewriteCount& count : *counts) {
    if (ran && count.changed > 0) {
      ran({count.name, static_cast<size_t>(count.changed), "places", count.milliseconds});
    }
  }
  return graph;
}

}  // namespace octavo
