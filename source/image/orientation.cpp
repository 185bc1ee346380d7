#include "image/orientation.h"

#include <cstring>

namespace octavo::image {

namespace {

// The orientation in a TIFF block: byte order, 42, offset of the first directory;
// there entries of 12 bytes (tag, type, count, value).
int tiff_orientation(Bytes tiff) {
  constexpr uint32_t orientation_tag = 0x0112, type_short = 3, type_long = 4;
  if (tiff.size() < 8) return 1;
  const bool little = byte_at(tiff, 0) == 'I';
  if (byte_at(tiff, 0) != byte_at(tiff, 1) || (!little && byte_at(tiff, 0) != 'M')) return 1;
  const auto read16 = [&](size_t at) { return little ? little16(tiff, at) : big16(tiff, at); };
  const auto read32 = [&](size_t at) { return little ? little32(tiff, at) : big32(tiff, at); };
  const size_t directory = read32(4);
  if (directory > tiff.size() - 2) return 1;
  const size_t entries = read16(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.size()) return 1;
    if (read16(entry) != orientation_tag) continue;
    const uint32_t type = read16(entry + 2);
    if (read32(entry + 4) != 1 || (type != type_short && type != type_long)) return 1;
    const uint32_t value = type == type_short ? read16(entry + 8) : read32(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace

int exif_orientation(Bytes bytes) {
  constexpr char signature[] = {'E', 'x', 'i', 'f', 0, 0};
  if (bytes.size() < 2 || big16(bytes, 0) != 0xffd8) return 1;
  size_t at = 2;
  while (at + 4 <= bytes.size()) {
    if (byte_at(bytes, at) != 0xff) {  // junk between segments
      ++at;
      continue;
    }
    const uint32_t marker = byte_at(bytes, at + 1);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) return 1;  // the scan, the end
    if (marker == 0x00 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;  // these have no length
      continue;
    }
    const size_t length = big16(bytes, at + 2);
    if (length < 2 || at + 2 + length > bytes.size()) return 1;
    const Bytes body = bytes.subspan(at + 4, length - 2);
    if (marker == 0xe1 && body.size() >= sizeof signature &&
        std::memcmp(body.data(), signature, sizeof signature) == 0) {
      return tiff_orientation(body.subspan(sizeof signature));
    }
    at += 2 + length;
  }
  return 1;
}

Picture apply_orientation(Picture picture, int orientation) {
  if (orientation < 2 || orientation > 8) return picture;
  const bool transposed = orientation >= 5;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Picture turned;
  turned.width = transposed ? picture.height : picture.width;
  turned.height = transposed ? picture.width : picture.height;
  turned.channels = picture.channels;
  turned.pixels.resize(picture.pixels.size());
  const auto channels = static_cast<size_t>(picture.channels);
  uint8_t* out = turned.pixels.data();
  for (int32_t y = 0; y < turned.height; ++y) {
    for (int32_t x = 0; x < turned.width; ++x) {
      const int32_t column = transposed ? y : x, row = transposed ? x : y;
      const int32_t from_x = from_right ? picture.width - 1 - column : column;
      const int32_t from_y = from_bottom ? picture.height - 1 - row : row;
      const size_t pixel = static_cast<size_t>(from_y) * static_cast<size_t>(picture.width) +
                           static_cast<size_t>(from_x);
      std::memcpy(out, picture.pixels.data() + pixel * channels, channels);
      out += channels;
    }
  }
  return turned;
}

}  // namespace octavo::image
