// How a picture becomes the network's input: stored in a plan, read by source/image.
#pragma once

#include <array>
#include <cstdint>

namespace octavo {

enum class Interpolation : uint8_t { nearest = 0, bilinear = 1, bicubic = 2 };
enum class ColorOrder : uint8_t { rgb = 0, bgr = 1, gray = 2 };

// The short side goes to `resize_short` (0: no resize, the picture is taken as it
// is), or the picture to `resize_exact`, then height x width are cut from the centre. mean and std
// are in 0..255 units, in the order of the network's channels; the float network sees (pixel -
// mean) / std.
struct Preprocess {
  int32_t height = 224, width = 224;
  int32_t resize_short = 256;
  // Or height and width to which the whole picture goes, whatever its shape; 0: not so.
  std::array<int32_t, 2> resize_exact{0, 0};
  Interpolation interpolation = Interpolation::bilinear;
  ColorOrder color = ColorOrder::rgb;
  bool exif_rotate = false;
  bool via_nv12 = false;  // each picture passes through NV12 first, as from a camera
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> std{1, 1, 1};

  bool squashes() const { return resize_exact[0] != 0; }
  int32_t channels() const { return color == ColorOrder::gray ? 1 : 3; }
  bool operator==(const Preprocess&) const = default;
};

}  // namespace octavo
