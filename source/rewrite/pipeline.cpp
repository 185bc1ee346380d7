#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.h"
#include "rewrite/rewrite.h"
#include "rewrite/table.h"
#include "rewrite/value_bounds.h"
#include "rewrite/written_out.h"

namespace octavo {

namespace {

int drop_dead(Graph& graph) {
  const size_t before = graph.nodes.size();
  remove_dead(graph);
  return static_cast<int>(before - graph.nodes.size());
}

// One after the other, and again until a round changes nothing. Patterns are recognised
// before affines merge, since merging would take their constants apart.
constexpr Rewrite table[] = {
    {"input-layout", "the picture enters as NHWC", input_layout, Rewrite::When::first},
    {"dead", "nodes that do not reach the output", drop_dead},
    {"constants", "nodes that only move or combine constants", fold_constants},
    {"identity", "nodes that change nothing", remove_identity},
    {"expand", "binary operators broadcast by themselves", drop_expand},
    {"clip", "min, max, clip and ReLU in one form", recognise_clip},
    {"hard-sigmoid", "clip(x + 3, 0, 6) / 6 and its kin", recognise_hard_sigmoid},
    {"self-gate", "x f(x): SiLU, HardSwish, Mish", recognise_self_gate},
    {"gelu", "by erf and by tanh, factors in any order", recognise_gelu},
    {"layer-norm", "seven nodes of exporters below opset 17", recognise_layer_norm},
    {"power", "small whole powers and roots are products, others functions of one number",
     power_to_product},
    {"channel-shuffle", "reshape, transpose, reshape that reorders one axis",
     recognise_channel_shuffle},
    {"operand-order", "constants and gates second", order_operands},
    {"affine", "constants along one axis: scale and shift", make_affine},
    {"merge-affine", "two scales and shifts in a row are one", merge_affine},
    {"affine-below-pool", "fewer elements, nearer to the next convolution", affine_below_pool},
    {"parallel", "branches that are added or subtracted are one convolution", merge_parallel},
    {"affine-into-previous", "batch normalization, bias, layer scale", affine_into_previous},
    {"affine-into-next", "batch normalization in front of a convolution", affine_into_next},
    {"gather-conv", "channels picked from a convolution are convolutions of their rows",
     gather_into_conv},
    {"pad", "zeros around a map are the next operator's padding", fold_pad},
    {"transpose", "transposes move down and cancel", transpose_below},
    {"transpose-join", "the same transpose on all operands moves below", transpose_below_join},
    {"transpose-reshape", "a reshape of neighbouring axes comes first", transpose_below_reshape},
    {"transpose-above", "two transposes around a reshape are one", transpose_above_reshape},
    {"transpose-product", "(a v)^T instead of v^T a^T", transpose_product},
    {"transpose-matmul", "into the right matrix, or its rows", transpose_into_matmul},
    {"transpose-ones", "a transpose that moves no data is a reshape", transpose_to_reshape},
    {"reshape", "reshapes move down and merge", reshape_below},
    {"merge-reshape", "of two reshapes only the second counts", merge_reshapes},
    {"global-pool", "the mean or maximum of a map is a pool of its size", pool_whole_map},
    {"constant-products", "constant matrices on the right, one a head as groups",
     constant_products},
    {"linear", "matrix products on maps, tokens and rows are convolutions", linear_to_conv},
    {"reshape-conv", "a convolution of a whole map does not care how its pixels are arranged",
     reshape_into_conv},
    {"slice", "slices are gathers along each axis that they cut", slice_to_gather},
    {"gather-reshape", "channels are picked before they are split", gather_before_reshape},
    {"gather", "gathers merge and look through concat", merge_gathers},
    {"concat", "channels of one tensor joined again are a gather", merge_concat},
    {"softmax", "a final softmax or sigmoid does not change the order of classes", remove_softmax},
    {"weighted-sum", "a tensor that a sum adds more than once is added once, with factors",
     weighted_sum, Rewrite::When::last},
    {"pad-gather", "reflected and repeated borders are rows and columns picked again",
     pad_to_gather, Rewrite::When::last},
    {"pad-copy", "a border that nothing takes is that of a convolution which copies", pad_to_conv,
     Rewrite::When::last},
    {"cubic", "cubic interpolation is a product along each axis", cubic_resize,
     Rewrite::When::last},
    {"quotient", "a product with a reciprocal is a quotient", make_quotients, Rewrite::When::last},
    {"reduce", "means and maxima over any axes are pools and convolutions", reduce_by_pools,
     Rewrite::When::last},
    {"broadcast", "operands that no step broadcasts are written out", write_out_broadcasts,
     Rewrite::When::last},
    {"extremes", "the larger of two tensors is a maximum over two rows", extremes_by_pool,
     Rewrite::When::last},
    {"softmax-last", "a softmax along another axis than the last turns it there", softmax_over_last,
     Rewrite::When::last},
    {"concat-channels", "tensors joined along other axes are joined flat", concat_as_channels,
     Rewrite::When::last},
    {"gather-channels", "what is picked along other axes is picked flat", gather_as_channels,
     Rewrite::When::last},
    {"affine-products", "scales along another axis than the channels are products with constants",
     affine_to_products, Rewrite::When::last},
};

constexpr Rewrite picture_table[] = {
    {"input-affine", "a normalization in front of all else becomes part of mean and std",
     absorb_input_affine, Rewrite::When::first},
};

Status check_names(const std::vector<std::string>& disabled) {
  std::vector<std::string> names;
  std::string all;
  for (const std::span<const Rewrite> rows : {rewrites(), picture_rewrites()}) {
    for (const Rewrite& rewrite : rows) {
      names.emplace_back(rewrite.name);
      all += (all.empty() ? "" : ", ") + names.back();
    }
  }
  for (const std::string& name : disabled) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string near = nearest_name(name, names);
    return usage_error(concat(
        "no rewrite is called ", quoted(name),
        near.empty() ? concat("; known are ", all) : concat("; did you mean ", quoted(near), "?")));
  }
  return {};
}

// Nodes that rewrites put in get a name at the end: that of their operand's maker, and
// what they do.
void name_the_nameless(Graph& graph) {
  const std::vector<uint32_t> makers = producers(graph);
  for (Node& node : graph.nodes) {
    if (!node.name.empty()) continue;
    const uint32_t maker = makers[node.inputs[0]];
    const std::string& source =
        maker == no_node ? graph.tensors[node.inputs[0]].name : graph.nodes[maker].name;
    node.name = concat(source, "/", operator_name(node.op));
    std::string& output = graph.tensors[node.output].name;
    if (output.empty()) output = node.name;
  }
}

bool is_enabled(const Rewrite& rewrite, std::span<const std::string> disabled) {
  return std::find(disabled.begin(), disabled.end(), rewrite.name) == disabled.end();
}

// Applies one rewrite and verifies what it made.
Status apply(const Rewrite& rewrite, Graph& graph, RewriteCount& count, bool& changed_any) {
  const auto start = std::chrono::steady_clock::now();
  const int changed = rewrite.apply(graph);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  count.changed += changed;
  count.milliseconds += taken.count();
  if (changed == 0) return {};
  changed_any = true;
  const Status sound = verify(graph);
  if (!sound) {
    return failed(concat("the rewrite ", quoted(rewrite.name),
                         " broke the graph (--disable it): ", sound.error().message));
  }
  return {};
}

}  // namespace

std::span<const Rewrite> rewrites() {
  return table;
}

std::span<const Rewrite> picture_rewrites() {
  return picture_table;
}

Result<std::vector<RewriteCount>> run_rewrites(std::span<const Rewrite> rows, Graph& graph,
                                               std::span<const std::string> disabled) {
  constexpr int most_rounds = 24;  // real networks take 4 to 8
  std::vector<RewriteCount> counts;
  for (const Rewrite& rewrite : rows) counts.push_back({rewrite.name});
  bool changed = false;
  const auto apply_all = [&](Rewrite::When when) -> Status {
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].when != when || !is_enabled(rows[i], disabled)) continue;
      const Status applied = apply(rows[i], graph, counts[i], changed);
      if (!applied) return applied;
    }
    return {};
  };
  Status applied = apply_all(Rewrite::When::first);
  changed = true;
  for (int round = 0; applied && changed && round < most_rounds; ++round) {
    changed = false;
    applied = apply_all(Rewrite::When::every_round);
  }
  if (applied) applied = apply_all(Rewrite::When::last);
  if (!applied) return applied.error();
  name_the_nameless(graph);
  return counts;
}

Result<std::vector<RewriteCount>> run_rewrites(Graph& graph, const RewriteOptions& options) {
  const Status names = check_names(options.disabled);
  if (!names) return names.error();
  const Status sound = verify(graph);
  if (!sound) return sound.error();
  auto counts = run_rewrites(table, graph, options.disabled);
  if (counts) graph.output_kind = kind_of_output(graph);
  return counts;
}

}  // namespace octavo
