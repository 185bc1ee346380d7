#include "image/encode.h"

#include "base/text.h"

#ifdef OCTAVO_CODECS
#include <spng.h>

#include <cstdlib>
#include <memory>

#include "base/memory_error.h"
#endif

namespace octavo {

#ifdef OCTAVO_CODECS

Result<std::string> encode_png(const Picture& picture) {
  const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> context(spng_ctx_new(SPNG_CTX_ENCODER),
                                                               spng_ctx_free);
  if (!context) return out_of_memory();
  const auto says = [](int code) {
    return code == SPNG_EMEM ? out_of_memory()
                             : failed(concat("libspng says: ", spng_strerror(code)));
  };
  spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header{};
  header.width = static_cast<uint32_t>(picture.width);
  header.height = static_cast<uint32_t>(picture.height);
  header.bit_depth = 8;
  header.color_type =
      picture.channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR;
  if (const int code = spng_set_ihdr(context.get(), &header)) return says(code);
  if (const int code = spng_encode_image(context.get(), picture.pixels.data(),
                                         picture.pixels.size(), SPNG_FMT_PNG,
                                         SPNG_ENCODE_FINALIZE)) {
    return says(code);
  }
  size_t size = 0;
  int code = 0;
  const std::unique_ptr<void, void (*)(void*)> bytes(
      spng_get_png_buffer(context.get(), &size, &code), std::free);
  if (!bytes) return says(code);
  return std::string(static_cast<const char*>(bytes.get()), size);
}

#else

Result<std::string> encode_png(const Picture&) {
  return unsupported("this build has no codecs, and PNG is one");
}

#endif

}  // namespace octavo
