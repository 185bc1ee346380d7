// Calibrations of a small tensor or two for fuzz_calibration to begin with.
#include <random>

#include "base/file.h"
#include "base/text.h"
#include "quantize/calibration_file.h"

int main(int argument_count, char** arguments) {
  if (argument_count != 2) return 2;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    octavo::Calibration calibration;
    calibration.stored.resize(1 + seed % 3);
    calibration.accumulated.resize(calibration.stored.size());
    for (auto& seen : calibration.stored) {
      std::vector<float> values(8);
      for (float& value : values) value = normal(random);
      const std::vector<float> largest{4, 4};
      seen.moments = octavo::ChannelMoments::of(values, 2);
      seen.histograms = octavo::ChannelHistograms(2, octavo::ChannelHistograms::compact_half);
      seen.histograms.add(values, largest);
      seen.pictures = 1;
    }
    calibration.accumulated[0] = calibration.stored[0].moments;
    calibration.repair = calibration.readable = {0, 2};
    calibration.unreadable = {"why"};
    if (seed % 2 == 1) {
      calibration.far = octavo::FarPictures({{1, 1, 1, 1, 1, 1, 100}}, {0, 1, 2, 3, 4, 5, 6});
    }
    const auto bytes = octavo::serialize_calibration({{"model", "abc"}}, calibration);
    const std::string path = octavo::concat(arguments[1], "/seed", seed, ".cal");
    if (!octavo::write_file(path, bytes, true)) return 1;
  }
  return 0;
}
