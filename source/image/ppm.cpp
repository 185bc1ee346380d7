// Binary PPM (P6) and PGM (P5). Samples scale to 8 bits by round(value / maxval * 255)
// in double, half to even, as Pillow's reader does; 16-bit gray, of which Pillow makes
// 32-bit integers, gives the high byte of round(value / maxval * 65535).
#include <algorithm>
#include <cmath>

#include "base/float_mode.h"
#include "base/text.h"
#include "image/decode.h"

namespace octavo::image {

namespace {

bool is_space(uint32_t byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

// Reads the numbers of the header; a comment runs from '#' to the end of its line.
struct Header {
  Bytes bytes;
  size_t at = 2;

  // The next number and the one white space behind it, or -1.
  int64_t next_number() {
    int64_t number = -1;
    int digits = 0;
    for (; at < bytes.size(); ++at) {
      const uint32_t byte = byte_at(bytes, at);
      if (byte == '#') {
        while (at + 1 < bytes.size() && byte_at(bytes, at) != '\n' && byte_at(bytes, at) != '\r')
          ++at;
      } else if (is_space(byte)) {
        if (digits == 0) continue;
        ++at;
        return number;
      } else if (byte < '0' || byte > '9' || ++digits > 10) {
        return -1;
      } else {
        number = std::max<int64_t>(number, 0) * 10 + (byte - '0');
      }
    }
    return -1;  // pixels must follow
  }
};

// Scaled sample for each stored value 0..65535 or 0..255.
[[gnu::noinline]] std::vector<uint8_t> sample_table(int64_t maxval, bool gray) {
  const bool wide = maxval > 255;
  std::vector<uint8_t> table(wide ? 65536 : 256);
  for (size_t value = 0; value < table.size(); ++value) {
    const double fraction = static_cast<double>(value) / static_cast<double>(maxval);
    if (wide && gray) {
      const auto scaled = static_cast<int>(std::min(65535.0, std::nearbyint(fraction * 65535.0)));
      table[value] = static_cast<uint8_t>(scaled >> 8);
    } else {
      table[value] = static_cast<uint8_t>(std::min(255.0, std::nearbyint(fraction * 255.0)));
    }
  }
  return table;
}

}  // namespace

Result<Picture> decode_ppm(Bytes bytes, int64_t most) {
  if (bytes.size() < 3 || !is_space(byte_at(bytes, 2))) {
    return rejected("white space must follow P5 or P6");
  }
  const bool gray = byte_at(bytes, 1) == '5';
  Header header{bytes};
  const int64_t width = header.next_number(), height = header.next_number();
  const int64_t maxval = header.next_number();
  if (width < 0 || height < 0 || maxval < 0) {
    return rejected("the header does not hold width, height and largest value as decimal numbers");
  }
  if (maxval < 1 || maxval > 65535) {
    return rejected(concat("the largest value is ", maxval, "; 1 to 65535 is legal"));
  }
  if (width < 1 || height < 1 || width > most || height > most / width) {
    return new_picture(width, height, most).error();
  }
  const size_t sample_bytes = maxval > 255 ? 2 : 1, channels = gray ? 1 : 3;
  const size_t samples = static_cast<size_t>(width) * static_cast<size_t>(height) * channels;
  if (bytes.size() - header.at < samples * sample_bytes) {
    return rejected(concat("the file ends early (truncated): ", width, "x", height, " pixels need ",
                           samples * sample_bytes, " bytes, ", bytes.size() - header.at,
                           " are there"));
  }
  Result<Picture> picture = new_picture(width, height, most);
  if (!picture) return picture;
  const FloatMode to_nearest;
  const std::vector<uint8_t> table = sample_table(maxval, gray);
  uint8_t* out = picture->pixels.data();
  for (size_t i = 0; i < samples; ++i) {
    const size_t from = header.at + i * sample_bytes;
    const uint8_t sample = table[sample_bytes == 2 ? big16(bytes, from) : byte_at(bytes, from)];
    for (size_t copy = 0; copy < 3 / channels; ++copy) *out++ = sample;
  }
  return picture;
}

}  // namespace octavo::image
