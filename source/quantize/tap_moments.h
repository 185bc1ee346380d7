// Second moments of what the taps of each convolution read: which errors of its weights
// cancel in its output and which add up.
//
// They are taken of the stored integers (less the zero point), so the sums are exact and do
// not depend on the order in which threads add to them.
#pragma once

#include <cstdint>
#include <vector>

#include "quantize/pass.h"

namespace octavo {

// Of one convolution. A group's taps are [kh, kw, channels of the group]; where there are
// very many, products between blocks of them are left out.
struct TapMoments {
  int64_t groups = 0, taps = 0, block = 0;
  std::vector<int32_t> products;  // [groups][blocks][block, block]; the last block may be smaller
  std::vector<int64_t> sums;      // [groups, taps]
  int64_t samples = 0;

  int64_t blocks() const { return (taps + block - 1) / block; }
  int64_t block_size(int64_t b) const { return b + 1 < blocks() ? block : taps - b * block; }
  size_t block_offset(int64_t group, int64_t b) const {
    const int64_t last = block_size(blocks() - 1);
    const int64_t a_group = (blocks() - 1) * block * block + last * last;
    return static_cast<size_t>(group * a_group + b * block * block);
  }
  void merge(const TapMoments& other);
};

// What errors of a row's weights in block b of a group cost its output: for errors e in units,
// e F e is the variance that they make, with F drawn to its diagonal as far as the number of
// samples asks for, and a little more on it. Means cost nothing: biases take them back.
// [size, size]; empty where nothing varies.
std::vector<double> error_form(const TapMoments& moments, int64_t group, int64_t b);

// By step, empty where it is not `wanted` and for other kinds than convolutions. Windows of the
// float network's values, rounded as `tensors` says, evenly spread over the pictures of
// calibration.repair and their pixels, but for pictures far
// beyond the others in what a step reads or gives.
Result<std::vector<TapMoments>> collect_tap_moments(const PassInputs& inputs,
                                                    const std::vector<StoredTensor>& tensors,
                                                    const std::vector<bool>& wanted,
                                                    const Sweep& sweep);

}  // namespace octavo
