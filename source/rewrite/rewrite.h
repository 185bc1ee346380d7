// Graph to Graph: fewer nodes, canonical operators, NHWC. The pipeline is a table in
// pipeline.cpp: name, function, one line of why. Every rewrite keeps the float result
// and can be switched off by name (build --disable NAME).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"

namespace octavo {

struct Rewrite {
  enum class When { every_round, first, last };
  std::string_view name;
  std::string_view why;
  int (*apply)(Graph& graph);     // returns how many places it changed
  When when = When::every_round;  // or once before or after all others
};

std::span<const Rewrite> rewrites();

struct RewriteOptions {
  std::vector<std::string>
      disabled;  // names; an unknown one is a usage error with the nearest name
};
struct RewriteCount {
  std::string_view name;
  int changed = 0;
  double milliseconds = 0;
};

// Runs the table to a fixed point (bounded), verifying the graph after each rewrite
// that changed it. The result's input is NHWC rank 4 where the file's was an image.
Result<std::vector<RewriteCount>> run_rewrites(Graph& graph, const RewriteOptions& options = {});

// Takes affine nodes on the input (a normalization that the file itself performs)
// into mean and std, so that the network's first node reads pixels: with
// normalized = (pixel - mean) / std, both in the order of the channels. Lowering then
// folds mean and std into the first convolution (numerics.md, "Borders").
// Returns whether anything was taken.
bool absorb_input_affine(Graph& graph, std::span<float> mean, std::span<float> std);

}  // namespace octavo
