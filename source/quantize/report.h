// Where the error is: each step's output in the simulation against the float network.
#pragma once

#include <span>

#include "quantize/pass.h"

namespace octavo {

// Inner products of a float tensor a and its quantized form b, over many pictures.
struct Agreement {
  double aa = 0, bb = 0, ab = 0, noise = 0;  // noise: (a - b)^2

  void add(std::span<const float> a, std::span<const float> b);
  double cosine() const;
  double sqnr_db() const;  // at most 200: equal
};

// Over some of the calibration pictures; those far beyond the others are left out of the steps in
// which they are.
Result<QuantizationReport> report_steps(const PassInputs& inputs, const Quantization& q);

}  // namespace octavo
