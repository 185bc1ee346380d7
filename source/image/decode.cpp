// Which decoder, by the first bytes; and the bound on every picture.
#include "image/decode.h"

#include <algorithm>
#include <string_view>

#include "base/pages.h"
#include "base/text.h"
#include "image/orientation.h"

namespace octavo {

namespace image {

namespace {

bool starts_with(Bytes bytes, std::string_view text, size_t offset = 0) {
  if (bytes.size() < offset + text.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (byte_at(bytes, offset + i) != static_cast<unsigned char>(text[i])) return false;
  }
  return true;
}

struct Format {
  const char* name;
  bool (*recognises)(Bytes bytes);
  Result<Picture> (*decode)(Bytes bytes, int64_t most);
};

#ifndef OCTAVO_CODECS
Result<Picture> no_codec(Bytes, int64_t) {
  return rejected("this build reads no JPEG, PNG or WebP (built without codecs); PPM and BMP work");
}
constexpr auto decode_jpeg_here = no_codec, decode_png_here = no_codec, decode_webp_here = no_codec;
#else
constexpr auto decode_jpeg_here = decode_jpeg;
constexpr auto decode_png_here = decode_png;
constexpr auto decode_webp_here = decode_webp;
#endif

constexpr Format formats[] = {
    {"JPEG", [](Bytes b) { return starts_with(b, "\xff\xd8\xff"); }, decode_jpeg_here},
    {"PNG", [](Bytes b) { return starts_with(b, "\x89PNG\r\n\x1a\n"); }, decode_png_here},
    {"WebP", [](Bytes b) { return starts_with(b, "RIFF") && starts_with(b, "WEBP", 8); },
     decode_webp_here},
    {"BMP", [](Bytes b) { return starts_with(b, "BM"); }, decode_bmp},
    {"PPM", [](Bytes b) { return starts_with(b, "P5") || starts_with(b, "P6"); }, decode_ppm},
};

}  // namespace

Result<Picture> new_picture(int64_t width, int64_t height, int64_t most) {
  // Division, so that hostile sizes cannot overflow.
  if (width < 1 || height < 1 || width > most || height > most / width) {
    return rejected(
        concat("a picture of ", width, "x", height, " pixels; 1 to ", most, " pixels are read"));
  }
  Picture picture;
  picture.width = static_cast<int32_t>(width);
  picture.height = static_cast<int32_t>(height);
  picture.channels = 3;
  picture.pixels =
      vector_brought_in<uint8_t>(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
  return picture;
}

Result<Picture> decode_within(Bytes bytes, bool exif_rotate, int64_t most) {
  if (bytes.empty()) return rejected("the picture is empty (0 bytes)");
  const auto* format =
      std::find_if(std::begin(formats), std::end(formats),
                   [&](const Format& candidate) { return candidate.recognises(bytes); });
  if (format == std::end(formats)) {
    return rejected("the first bytes are not those of JPEG, PNG, WebP, BMP or binary PPM/PGM");
  }
  Result<Picture> picture = format->decode(bytes, std::min(most, most_pixels));
  if (!picture) {
    return Error{picture.error().kind, concat(format->name, ": ", picture.error().message)};
  }
  if (exif_rotate) return apply_orientation(*std::move(picture), exif_orientation(bytes));
  return picture;
}

}  // namespace image

bool looks_like_picture(std::span<const std::byte> bytes) {
  constexpr size_t unmistakable = 3;  // the first of the table; two letters may begin anything
  return std::any_of(std::begin(image::formats), std::begin(image::formats) + unmistakable,
                     [&](const image::Format& format) { return format.recognises(bytes); });
}

Result<Picture> decode_picture(std::span<const std::byte> bytes, bool exif_rotate) {
  return image::decode_within(bytes, exif_rotate, image::most_pixels);
}

}  // namespace octavo
