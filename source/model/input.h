// One input file as a network is fed it: a picture or frame through the preprocessing,
// or a tensor past it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/image.h"
#include "model/model.h"

namespace octavo {

// Exactly one of the two is filled, [h, w, c] both.
struct NetworkInput {
  std::vector<uint8_t> pixels;
  std::vector<float> values;
  std::string warning{};  // one sentence, naming the file; "" where all was well
};

// What a picture could not have given: of values past the preprocessing, those that are more
// than half a level below 0 or above 255 as pixels.
struct BeyondPixels {
  size_t count = 0, all = 0;
  float least = 0, most = 0;  // of all values, as pixels
};
BeyondPixels beyond_pixels(const Preprocess& how, std::span<const float> values);
std::string beyond_pixels_text(const BeyondPixels& found);

enum class DumpType : uint8_t { by_size, float32, uint8 };
// Of files without a header: [c, h, w] or, not channels_first, [h, w, c].
struct DumpFormat {
  DumpType type = DumpType::by_size;
  bool channels_first = true;
};
// The values as [h, w, c], finite. The Error names the file and both sizes.
Result<std::vector<float>> decode_dump(const std::string& path, std::span<const std::byte> bytes,
                                       const std::array<int, 3>& hwc, const DumpFormat& format);

// .npy, and raw dumps (.bin, .raw, .rgb, .rgbchw) of float32 or uint8 in NCHW order.
bool is_tensor_file(const std::string& path);

// How many inputs a file holds: an .npy [n, ...] of the network's inputs holds n, all others one.
size_t frames_in(const Model& model, const std::string& path, std::span<const std::byte> bytes);

// `bytes` is the content of `path`, whose name decides between tensor and picture; `frame` which
// of several inputs of an .npy is meant. Refused beside what cannot be read: values that pixels
// do not hold, where the network is a plan that is fed pictures (unless model.clip, which makes
// it a warning), and with model.strict what a decoder warns about. The Error names the file.
Result<NetworkInput> decode_network_input(const Model& model, const std::string& path,
                                          std::span<const std::byte> bytes,
                                          std::optional<size_t> frame = std::nullopt);
Result<NetworkInput> load_network_input(const Model& model, const PictureSource& source);
// All of a file's inputs: one, or as many as frames_in says.
Result<std::vector<NetworkInput>> load_network_inputs(const Model& model,
                                                      const PictureSource& source);

// Runs whichever of the two is filled.
Status classify(const Classifier& classifier, const NetworkInput& input, std::span<float> logits);

}  // namespace octavo
