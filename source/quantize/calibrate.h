// The float network over the calibration pictures: statistics of every rounding point
// and of every activation's argument.
#pragma once

#include <string>
#include <vector>

#include "quantize/far_pictures.h"
#include "quantize/pictures.h"
#include "quantize/statistics.h"
#include "quantize/steps.h"

namespace octavo {

struct Calibration {
  // By tensor; empty where not needed. Every stored tensor has moments, those that a step
  // rounds (and the input) histograms too. What activations read has moments in `stored`
  // over all pictures and in `accumulated` over the pictures of `repair` alone.
  std::vector<TensorStatistics> stored;
  std::vector<ChannelMoments> accumulated;
  std::vector<size_t> repair;
  std::vector<size_t> readable;         // indices of the pictures that could be read
  std::vector<std::string> unreadable;  // why not, one a picture
  FarPictures far;                      // left out of their tensors' statistics
};

struct CalibrateOptions {
  size_t most_repair = 64;        // pictures that `accumulated` covers, evenly spread
  bool whole_histograms = false;  // also fine histograms of whole tensors
};

// Where some pictures are far beyond the others, the network goes over the pictures a second time,
// without them and for the tensors that they are far in. Pictures whose loading is `rejected` are
// left out and told in `unreadable`; the Error says so if none is left.
Result<Calibration> calibrate(const Graph& graph, const FormedSteps& formed,
                              const InputMapping& mapping, const CalibrationFeed& feed,
                              const Sweep& sweep, const CalibrateOptions& options);

// Of a calibration that was kept: that it could be this network's over so many pictures, with
// these options; else `rejected`. Everything that reads a Calibration may then rely on it.
Status check_calibration(const Calibration& calibration, const Graph& graph,
                         const FormedSteps& formed, size_t pictures,
                         const CalibrateOptions& options);

}  // namespace octavo
