// Inside the room: how every tensor of a plan is stored in the ONNX file.
//
// A plan's scales and zero points may differ from channel to channel; a pair of QuantizeLinear and
// DequantizeLinear that every runtime reads has one of each. What the file calculates with need not
// be the network's own numbers, though: a channel times a factor is the same network where its
// producer's weights are multiplied and its readers' divided by it (cross-layer equalization, Nagel
// et al. 2019). So a channel's value in the file is the number of its stored steps times `unit`,
// one for all channels, and the integers on both sides are the plan's own. Zero points: readers
// take the differences as a constant, which a convolution's bias holds. Where one cannot, because
// its padding is zero, the channels get one zero point and steps as much coarser as that takes, or,
// where that is much, the reader a constant in front of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/grid.h"
#include "plan/element_type.h"
#include "plan/plan.h"

namespace octavo {

// Plan's values: q stored, z its zero point. The file's value of channel c:
//   v = unit[c] * (q - z[c] - offset[c])
// and the pair that it goes through, as the file states it, signed where the type is:
//   min(max(rint(v / scale) + zero_point, lowest), highest)
struct Storage {
  std::vector<double> unit{1};    // one entry, or one a channel
  std::vector<double> offset{0};  // likewise; fractions in a picture only
  float scale = 1;
  int32_t zero_point = 0;
  ElementType type = ElementType::u8;  // u8, i8, i16; f32 goes through no pair
  double coarser = 1;                  // steps of the pair in steps of the plan

  // Whether zero is every channel's own zero, but for the fraction of a picture's mean: what
  // padding holds.
  bool is_centred() const;
  double unit_of(size_t c) const { return unit.size() == 1 ? unit[0] : unit[c]; }
  double offset_of(size_t c) const { return offset.size() == 1 ? offset[0] : offset[c]; }
  // What the pair rounds to: codes count from the type's lowest value.
  Grid grid() const;
};

// One entry a tensor. symmetric: 8-bit tensors are signed with zero point 0, wider ones go through
// no pair.
std::vector<Storage> choose_storage(const Plan& plan, bool symmetric);

// Stored values move, by whatever step: the output's scale and zero point are the input's.
bool moves_values(const StepOperator& op);

// Whether integer kernels can take a step of this end as one: its pair follows, or ReLU.
bool ends_in_pair(const Epilogue& epilogue);

// Whether padding or a step's own zero is among what the windows count.
bool counts_padding(const StepOperator& op);

template <class Value>
Value of_channel(const std::vector<Value>& values, size_t c) {
  return values.size() == 1 ? values[0] : values[c];
}

}  // namespace octavo
