// Pictures far beyond the others. In some networks single pictures make values hundreds of
// times as large as usual; whatever is a sum of squares (ranges by least error, second moments,
// means) then follows these few and fails all others. A tensor's statistics and repairs leave such
// a picture out, whose own values are clipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "quantize/statistics.h"

namespace octavo {

// How large one picture makes a tensor: the square of the sum, over channels, of the root mean
// squares. The sum of squares itself would tell of the loudest channels alone.
double loudness(const ChannelMoments& moments);

// A picture is far where its loudness is more than `far_beyond_median` times the tensor's median
// and `far_beyond_most` times what five in six pictures keep to. The first alone would cut off
// half of a tensor that is quiet on one kind of picture and loud on another. Well-trained
// networks keep below both (docs/accuracy.md).
inline constexpr double far_beyond_median = 8, far_beyond_most = 4;

class FarPictures {
 public:
  FarPictures() = default;
  // loudness: [tensor][picture], every tensor's list of the same length or empty; indices: of these
  // pictures in the calibration set, rising.
  FarPictures(const std::vector<std::vector<double>>& loudness, const std::vector<size_t>& indices);

  bool empty() const { return tensors_ == 0; }
  bool contains(size_t tensor, size_t picture) const;
  bool in(size_t tensor) const { return tensor < by_tensor_.size() && !by_tensor_[tensor].empty(); }
  // A tensor beyond the others that holds what `source` does.
  void follow(size_t tensor, size_t source);

  // For the warning: how many tensors and pictures, and the farthest of all.
  struct Summary {
    size_t tensors = 0, pictures = 0;
    size_t tensor = 0, picture = 0;  // of the farthest
    double times = 0;                // its loudness over the tensor's median
  };
  Summary summary() const;

  // Its fields, for who keeps them in a file (calibration_file.h).
  static void visit(auto& self, auto& visit) {
    visit(self.by_tensor_, self.tensors_, self.farthest_);
  }
  // Of what was kept: whether it speaks of these tensors and pictures, in order.
  bool is_sound(size_t tensors, size_t pictures) const;

 private:
  std::vector<std::vector<size_t>> by_tensor_;  // rising
  size_t tensors_ = 0;                          // that have any
  Summary farthest_;
};

}  // namespace octavo
