// What every pass of the quantizer may read beside the fields of those before it.
#pragma once

#include "quantize/calibrate.h"
#include "quantize/network.h"
#include "quantize/quantization.h"

namespace octavo {

struct EarlierFold;
struct TapMoments;

struct PassInputs {
  const StepNetwork& network;
  const Calibration& calibration;
  const Preprocess* how = nullptr;        // null where the network is not fed pictures
  const CalibrationFeed* feed = nullptr;  // null where a file says how everything is stored
  std::vector<ElementType> types;         // by tensor: the network's, wider where that is tried
  RangeMethod method = RangeMethod::automatic;
  double percentile = 99.999;
  bool per_channel_weights = true;
  Sweep sweep{};
  // Of all pictures' values that a pass keeps from one run over them to the next.
  uint64_t most_kept_bytes = uint64_t{64} << 20;
  const EarlierFold* earlier = nullptr;  // earlier_fold.h; null: there is none
  // Collected once for all passes that read them (tap_moments.h); null: each collects its own.
  const std::vector<TapMoments>* taps = nullptr;

  Sweep sweep_for(const char* what) const {
    Sweep out = sweep;
    out.what = what;
    return out;
  }
};

}  // namespace octavo
