// A Graph evaluated in double precision, element by element from each operator's
// definition in graph/operator.h: slow, and written without a look at the engine.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "graph/graph.h"

namespace octavo::test {

struct Array {
  Shape shape;
  std::vector<double> values;

  double at(const Shape& index) const;
};

// All tensors of the graph, by id (empty where nothing makes them).
std::vector<Array> evaluate_slowly(const Graph& graph, const std::vector<float>& input);

// Calls visit(index) for every index of a tensor of this shape, in row-major order.
template <class Visit>
void for_each_index(const Shape& shape, Visit visit) {
  Shape index(shape.size(), 0);
  for (int64_t i = 0; i < element_count(shape); ++i) {
    visit(index);
    for (size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

// A graph of one operator on the graph's input; further operands are constants.
struct OneNode {
  Graph graph;
  OneNode(Shape input, Operator op);
  TensorId add_random(Shape shape, std::mt19937& random, float low = -1, float high = 1);
  void finish();  // infers the output's shape and verifies
};

std::vector<float> random_values(int64_t count, std::mt19937& random, float low = -1,
                                 float high = 1);

// Runs the graph by the engine and slowly and expects the outputs to agree within
// `tolerance` of the largest value.
void expect_engine_agrees(const Graph& graph, const std::vector<float>& input,
                          double tolerance = 1e-6);
std::vector<float> run_engine(const Graph& graph, const std::vector<float>& input);

}  // namespace octavo::test
