// One input file as a network is fed it: a picture or frame through the preprocessing,
// or a tensor past it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "evaluate/model.h"
#include "image/image.h"

namespace octavo {

// Exactly one of the two is filled, [h, w, c] both.
struct NetworkInput {
  std::vector<uint8_t> pixels;
  std::vector<float> values;
};

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

// `bytes` is the content of `path`, whose name decides between tensor and picture.
// The Error names the file.
Result<NetworkInput> decode_network_input(const Model& model, const std::string& path,
                                          std::span<const std::byte> bytes);
Result<NetworkInput> load_network_input(const Model& model, const PictureSource& source);

// Runs whichever of the two is filled.
Status classify(const Classifier& classifier, const NetworkInput& input, std::span<float> logits);

}  // namespace octavo
