// Small graphs for tests, built node by node, and their comparison through the float engine.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "rewrite/rewrite.h"

namespace octavo::test {

// Every random constant and input of a test comes from this seed; a failure prints it.
constexpr uint32_t seed = 20240611;

class Build {
 public:
  explicit Build(Shape input);

  TensorId input() const { return graph_.input; }
  const Shape& shape(TensorId id) const { return graph_.tensors[id].shape; }

  TensorId constant(Shape shape, std::vector<float> values);
  TensorId number(float value) { return constant({}, {value}); }
  TensorId random(Shape shape, float low = -1, float high = 1);

  // A node, named "node0", "node1", ... in the order of the calls unless a name is given.
  TensorId add(Operator op, std::vector<TensorId> inputs, std::string name = "");
  TensorId binary(Binary::Kind kind, TensorId a, TensorId b) { return add(Binary{kind}, {a, b}); }
  TensorId unary(Unary::Kind kind, TensorId x, float alpha = 0, float beta = 0) {
    return add(Unary{kind, alpha, beta}, {x});
  }
  // As the importer writes a two-dimensional operator of an NCHW file.
  TensorId nchw(Operator op, std::vector<TensorId> inputs, std::string name = "");
  // 1 x 1, or k x k with padding that keeps the size.
  TensorId conv(TensorId x, int64_t outputs, int64_t kernel = 1, int groups = 1);
  TensorId nchw_conv(TensorId x, int64_t outputs, int64_t kernel = 1, int groups = 1);

  // The finished graph, verified.
  Graph finish(TensorId output);

 private:
  Operator make_conv(int64_t channels, int64_t outputs, int64_t kernel, int groups,
                     std::vector<TensorId>& parameters);

  Graph graph_;
  std::mt19937 random_{seed};
};

// Applies one rewrite of the table; returns how many places it changed.
int apply(std::string_view rewrite, Graph& graph);

// All rewrites.
void rewrite_all(Graph& graph, const std::vector<std::string>& disabled = {});

// Verifies both graphs and compares their results on one random input, which is put into
// NHWC for a graph whose input has been. Differences up to 1e-5 of the largest value.
void expect_same_result(const Graph& before, const Graph& after);

// Names of operators in order, "conv2d relu conv2d".
std::string operators(const Graph& graph);
int count(const Graph& graph, std::string_view operator_name);

}  // namespace octavo::test
