// What makes a calibration doubtful, in sentences.
#pragma once

#include <string>
#include <vector>

#include "quantize/pass.h"

namespace octavo {

// Too few pictures or classes, unreadable pictures, pictures far beyond the others, tensors of
// which much is clipped.
std::vector<std::string> calibration_warnings(const StepNetwork& network,
                                              const Calibration& calibration,
                                              const std::vector<StoredTensor>& tensors,
                                              const CalibrationFeed& feed);

// Weights of a quantized file whose integers a plan does not keep.
std::vector<std::string> weight_warnings(const Graph& graph, const FormedSteps& formed);

// Mean of the largest softmax score of the float network on at most `most` pictures, as they
// are and with their channels reversed: a network fed the wrong colour order is less sure.
struct ColorConfidence {
  double as_given = 0, reversed = 0;
  size_t pictures = 0;

  bool reversed_is_clearly_better() const {
    return reversed > as_given + 0.03 && reversed > 1.1 * as_given;
  }
};
Result<ColorConfidence> compare_color_orders(const Graph& graph, const Preprocess& how,
                                             const CalibrationFeed& feed, const Sweep& sweep,
                                             size_t most = 32);

}  // namespace octavo
