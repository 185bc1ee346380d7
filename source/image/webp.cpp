// WebP by libwebp with its defaults (fancy upsampling, no dithering), alpha dropped.
#include <webp/decode.h>

#include "base/memory_error.h"
#include "base/text.h"
#include "image/decode.h"

namespace octavo::image {

Result<Picture> decode_webp(Bytes bytes, int64_t most) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  const VP8StatusCode code = WebPGetFeatures(data, bytes.size(), &features);
  if (code == VP8_STATUS_NOT_ENOUGH_DATA) return rejected("the file ends early (truncated)");
  if (code != VP8_STATUS_OK) return rejected("the header is damaged");
  if (features.has_animation) {
    return rejected("an animation; still pictures are read, so save one of its frames");
  }
  Result<Picture> picture = new_picture(features.width, features.height, most);
  if (!picture) return picture;
  // The stride fits: a WebP side has at most 16383 pixels (16777216 in VP8X, where
  // the image inside must agree).
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return failed("libwebp is of another version");
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {picture->pixels.data(), picture->width * 3, picture->pixels.size()};
  const VP8StatusCode decoded = WebPDecode(data, bytes.size(), &config);
  if (decoded == VP8_STATUS_OUT_OF_MEMORY) return out_of_memory();
  if (decoded != VP8_STATUS_OK) {
    return rejected("the file ends early (truncated) or is damaged");
  }
  return picture;
}

}  // namespace octavo::image
