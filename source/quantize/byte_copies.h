// Tensors of 16 bits of which convolutions read a copy in bytes. What a residual stream rounds
// stays in it to the end of the network, by way of every addition to come; what a convolution reads
// is rounded for that convolution alone. So a stream of 16 bits with such copies is nearly as good
// as one whose readers multiply words, which takes them twice as long.
#pragma once

#include <span>
#include <vector>

#include "quantize/calibrate.h"
#include "quantize/network.h"

namespace octavo {

// Tensors of bytes that a step rounds, that convolutions and others read, and that are not moved.
std::vector<TensorId> may_have_byte_copies(const StepNetwork& network);

// Puts a copy behind whatever makes `of`, which convolutions read in its place. Tensors that are
// there keep their ids; returns those of the copies, in the order of `of`.
std::vector<TensorId> put_byte_copies(Graph& graph, std::span<const TensorId> of);

// The name of a copy, as a tensor and as a step.
std::string byte_copy_name(const Graph& graph, TensorId of);

struct CopiedNetwork {
  StepNetwork network;
  std::vector<TensorId> originals, copies;  // pairs
};
Result<CopiedNetwork> with_byte_copies(const StepNetwork& network, std::vector<TensorId> of);
// What `calibration` of the network tells of one with copies.
Calibration with_byte_copies(Calibration calibration, const CopiedNetwork& copied);

}  // namespace octavo
