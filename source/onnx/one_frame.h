// A network of a fixed batch as the network of one frame of it.
#pragma once

#include "graph/graph.h"

namespace octavo::onnx {

// `graph` reads n frames, its input's first axis. Afterwards it reads one, and computes for it
// what it computed for each. An Error, `rejected`, names the node that mixes frames or treats
// them differently; the graph is then of no use. No rewrite: a graph of several frames is none that
// verify() takes, and what cannot be taken apart is the file's error.
Status take_one_frame(Graph& graph, int64_t n);

}  // namespace octavo::onnx
