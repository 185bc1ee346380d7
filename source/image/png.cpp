// PNG by libspng, straight to 8-bit RGB: palette looked up, gray expanded to its full
// range, alpha and tRNS dropped, of 16-bit samples the high byte. Gamma and colour
// profiles are ignored, as Pillow does.
#include <spng.h>

#include <memory>

#include "base/memory_error.h"
#include "base/text.h"
#include "image/decode.h"

namespace octavo::image {

namespace {

// Text and profiles that a file may make libspng keep.
constexpr size_t most_chunk_bytes = size_t{64} << 20;
// Deflate gives at most 1032 bytes for one.
constexpr uint64_t deflate_ratio = 1032;

Error spng_says(int code) {
  if (code == SPNG_EOF || code == SPNG_IO_EOF || code == SPNG_EIDAT_TOO_SHORT) {
    return rejected("the file ends early (truncated)");
  }
  if (code == SPNG_EMEM) return out_of_memory();
  return rejected(concat("libspng says: ", spng_strerror(code)));
}

}  // namespace

Result<Picture> decode_png(Bytes bytes, int64_t most) {
  const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> context(spng_ctx_new(0), spng_ctx_free);
  if (!context) return out_of_memory();
  spng_set_chunk_limits(context.get(), most_chunk_bytes, most_chunk_bytes);
  if (const int code = spng_set_png_buffer(context.get(), bytes.data(), bytes.size())) {
    return spng_says(code);
  }
  spng_ihdr header{};
  if (const int code = spng_get_ihdr(context.get(), &header)) return spng_says(code);
  const uint64_t packed_bytes = (uint64_t{header.width} * header.bit_depth + 7) / 8 * header.height;
  if (packed_bytes > bytes.size() * deflate_ratio) {
    return rejected(concat("the file ends early (truncated): ", bytes.size(), " bytes cannot hold ",
                           header.width, "x", header.height, " pixels"));
  }
  Result<Picture> picture = new_picture(header.width, header.height, most);
  if (!picture) return picture;
  if (const int code = spng_decode_image(context.get(), picture->pixels.data(),
                                         picture->pixels.size(), SPNG_FMT_RGB8, 0)) {
    return spng_says(code);
  }
  return picture;
}

}  // namespace octavo::image
