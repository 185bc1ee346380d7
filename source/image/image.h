// A file or a camera frame to the uint8 tensor that a network is fed. Every step is
// defined to the bit (docs/pictures.md) and equal to what Pillow gives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/preprocess.h"

namespace octavo {

// Interleaved 8-bit pixels, rows without gaps.
struct Picture {
  int32_t width = 0, height = 0, channels = 3;  // 1 gray, 3 RGB
  std::vector<uint8_t> pixels;                  // [height, width, channels]
  std::string warning{};  // what the decoder met and went on from; "" where nothing
};

enum class FrameFormat : uint8_t { nv12, i420, yuyv, rgb24, bgr24, gray8 };
enum class YuvRange : uint8_t { full, video };
enum class YuvMatrix : uint8_t { bt601, bt709 };

// A camera frame in the caller's memory: at most three planes with strides in bytes.
struct Frame {
  FrameFormat format = FrameFormat::nv12;
  int32_t width = 0, height = 0;  // nv12 and i420 need even ones, yuyv an even width
  std::array<std::span<const uint8_t>, 3> planes;
  std::array<int64_t, 3> strides{0, 0, 0};
  YuvRange range = YuvRange::full;
  YuvMatrix matrix = YuvMatrix::bt601;
};

// JPEG, PNG, WebP, BMP or PPM by content, to RGB as Pillow's convert('RGB') gives it
// (L, P, RGBA, CMYK; of 16-bit samples the high byte). At most 2^28 pixels.
// exif_rotate applies the EXIF orientation of JPEG. The Error says what is wrong with the bytes.
Result<Picture> decode_picture(std::span<const std::byte> bytes, bool exif_rotate = false);

// Whether the bytes begin as a JPEG, PNG or WebP, which no file of another kind does.
bool looks_like_picture(std::span<const std::byte> bytes);

// Whole frame to RGB (gray8: to gray). Errors: sizes that contradict the planes.
Result<Picture> convert_frame(const Frame& frame);

// RGB to the NV12 that a camera would give (full range, BT.601, 2x2 mean chroma),
// for --via nv12. An odd last row or column is dropped.
Picture through_nv12(const Picture& rgb);

// Pillow's Image.resize of an L or RGB picture to width x height, to the bit.
Picture resize(const Picture& source, int32_t width, int32_t height, Interpolation interpolation);

// Resize of the short side, centre crop, colour order: the uint8 tensor [h, w, c].
// Deterministic; `out` has exactly height * width * channels bytes.
Status preprocess(const Picture& picture, const Preprocess& how, std::span<uint8_t> out);
Status preprocess(const Frame& frame, const Preprocess& how, std::span<uint8_t> out);

// "cat.jpg", or "frame.nv12:1920x1080": what INPUT on the command line means.
struct PictureSource {
  std::string path;
  bool is_frame = false;
  FrameFormat format = FrameFormat::nv12;
  int32_t width = 0, height = 0;
  YuvRange range = YuvRange::full;
  YuvMatrix matrix = YuvMatrix::bt601;
};
Result<PictureSource> parse_source(std::string_view text);

// The format that is called so ("nv12", "i420", ...), or that the path's extension names.
std::optional<FrameFormat> frame_format_named(std::string_view name);
std::optional<FrameFormat> frame_format_of_path(std::string_view path);
std::string_view frame_format_name(FrameFormat format);
// "1920x1080" as width and height, or nothing.
std::optional<std::array<int32_t, 2>> parse_frame_size(std::string_view text);

// Bytes of a raw frame as `source` describes it, planes one after another. Errors: no frame of this
// format has this size.
Result<int64_t> raw_frame_bytes(const PictureSource& source);
// The frame that so many bytes are.
Frame raw_frame(const PictureSource& source, std::span<const std::byte> bytes);

// One input as the network is fed it, and what its decoder met and went on from ("": nothing).
struct InputPixels {
  std::vector<uint8_t> pixels;  // [h, w, c]
  std::string warning{};
};
// The door for pictures and frames: decodes `bytes`, the content of `source`, and preprocesses.
// What cannot be read is `rejected`, naming the file.
Result<InputPixels> decode_input(const PictureSource& source, std::span<const std::byte> bytes,
                                 const Preprocess& how);
// The same of a file that is still to be read.
Result<InputPixels> load_input(const PictureSource& source, const Preprocess& how);

// A tensor from .npy: shape and values (C order; little-endian float32, '<f4', or bytes, '|u1').
struct NpyArray {
  std::vector<int64_t> shape;
  std::vector<float> values;
  bool bytes = false;  // the values were bytes
};
Result<NpyArray> decode_npy(std::span<const std::byte> bytes);
std::vector<std::byte> encode_npy(std::span<const int64_t> shape, std::span<const float> values);

}  // namespace octavo
