// WebP by libwebp with its defaults (fancy upsampling, no dithering), alpha dropped.
#include <webp/decode.h>

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
  if (WebPDecodeRGBInto(data, bytes.size(), picture->pixels.data(), picture->pixels.size(),
                        picture->width * 3) == nullptr) {
    return rejected("the file ends early (truncated) or is damaged");
  }
  return picture;
}

}  // namespace octavo::image
