// Graph to Graph: fewer nodes, canonical operators, NHWC. The pipeline is a table in
// pipeline.cpp: name, function, one line of why. Every rewrite keeps the float result
// and can be switched off by name (build --disable NAME). What the quantizer alone needs of
// a graph is a table like these of its own (quantize/prepare.h).
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
  std::string_view needed_by{};   // what cannot do without; "": it may be left out
};

// Of a network as it was read.
std::span<const Rewrite> rewrites();
// Of one that is fed pictures, once its `normalization` is known.
std::span<const Rewrite> picture_rewrites();

struct RewriteOptions {
  std::vector<std::string>
      disabled;  // names of both; an unknown one is a usage error with the nearest name
};
struct RewriteCount {
  std::string_view name;
  int changed = 0;
  double milliseconds = 0;
};

// Runs rewrites() to a fixed point (bounded), verifying the graph after each rewrite
// that changed it. The result's input is NHWC rank 4 where the file's was an image.
Result<std::vector<RewriteCount>> run_rewrites(Graph& graph, const RewriteOptions& options = {});
// Runs another table in the same way; what it leaves out has been checked.
Result<std::vector<RewriteCount>> run_rewrites(std::span<const Rewrite> table, Graph& graph,
                                               std::span<const std::string> disabled);

}  // namespace octavo
