// Weights of a quantized file that signed bytes do not hold: unsigned bytes with a zero point far
// from 128.
#pragma once

#include "graph/graph.h"

namespace octavo {

// A convolution whose weights are whole numbers of up to 9 bits reads its input's channels two or
// three times, by weights that are parts of the file's and add up to them: sums stay the file's, in
// kernels of bytes. Needs roundings in the graph; convolutions of bytes stay as they are.
Graph split_wide_weights(const Graph& graph);

}  // namespace octavo
