// BMP: 1, 4 and 8 bits with a palette, 16, 24 and 32 bits, bit fields in the layouts
// that Pillow knows, bottom-up and top-down; run-length coding is refused.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "base/text.h"
#include "image/decode.h"

namespace octavo::image {

namespace {

constexpr size_t file_header_bytes = 14, core_info_bytes = 12, short_info_bytes = 40;
constexpr uint32_t uncompressed = 0, bit_fields = 3;

struct Layout {
  int64_t width = 0, height = 0;
  bool top_down = false;
  uint32_t bits = 0, compression = uncompressed;
  size_t colors = 0;                // entries of the palette in the file
  std::array<uint32_t, 3> masks{};  // red, green, blue of a 16, 24 or 32 bit pixel
  size_t pixels_at = 0;
  std::vector<std::array<uint8_t, 3>> palette;  // RGB
};

Error ends_early(const char* where) {
  return rejected(concat("the file ends early (truncated) in its ", where));
}

// Masks of whole bytes in any order, or 5-5-5 and 5-6-5 in 16 bits.
bool masks_are_known(const Layout& layout) {
  if (layout.bits == 16) {
    return layout.masks == std::array<uint32_t, 3>{0x7c00, 0x3e0, 0x1f} ||
           layout.masks == std::array<uint32_t, 3>{0xf800, 0x7e0, 0x1f};
  }
  return std::all_of(layout.masks.begin(), layout.masks.end(), [&](uint32_t mask) {
    return mask != 0 && mask == 0xffu << std::countr_zero(mask) &&
           std::countr_zero(mask) % 8 == 0 &&
           static_cast<uint32_t>(std::countr_zero(mask)) < layout.bits;
  });
}

// `at` is where the masks are: behind a header of 40 bytes or inside a longer one.
Status read_masks(Layout& layout, Bytes bytes, size_t at) {
  if (layout.bits != 16 && layout.bits != 24 && layout.bits != 32) {
    return rejected(concat("bit fields with ", layout.bits, " bits a pixel"));
  }
  if (bytes.size() < at + 12) return ends_early("header");
  for (size_t i = 0; i < 3; ++i) layout.masks[i] = little32(bytes, at + 4 * i);
  // Some writers leave all masks of 32 bits empty and mean the usual order.
  if (layout.bits == 32 && layout.masks == std::array<uint32_t, 3>{}) {
    layout.masks = {0xff0000, 0xff00, 0xff};
  }
  if (!masks_are_known(layout)) return rejected("an unusual layout of bit fields");
  return {};
}

// The file may hold fewer colours than its bits allow, or more; an index without a
// colour is black.
Status read_palette(Layout& layout, Bytes bytes, size_t at, size_t entry_bytes) {
  const size_t legal = size_t{1} << layout.bits;
  if (layout.colors == 0) layout.colors = legal;
  if (layout.colors > 65536) return rejected(concat("a palette of ", layout.colors, " colours"));
  if ((bytes.size() - at) / entry_bytes < layout.colors) return ends_early("palette");
  layout.palette.resize(legal);
  for (size_t i = 0; i < std::min(layout.colors, legal); ++i) {
    const size_t entry = at + i * entry_bytes;
    layout.palette[i] = {static_cast<uint8_t>(byte_at(bytes, entry + 2)),
                         static_cast<uint8_t>(byte_at(bytes, entry + 1)),
                         static_cast<uint8_t>(byte_at(bytes, entry))};
  }
  return {};
}

// The masks of the pixel, given by the file or meant by its number of bits.
Status read_pixel_layout(Layout& layout, Bytes bytes) {
  if (layout.compression == bit_fields) {
    return read_masks(layout, bytes, file_header_bytes + short_info_bytes);
  }
  if (layout.compression != uncompressed) {
    return rejected(concat("compression ", layout.compression, "; uncompressed files are read"));
  }
  if (layout.bits == 16) {
    layout.masks = {0x7c00, 0x3e0, 0x1f};
  } else if (layout.bits == 24 || layout.bits == 32) {
    layout.masks = {0xff0000, 0xff00, 0xff};
  } else if (layout.bits != 1 && layout.bits != 4 && layout.bits != 8) {
    return rejected(concat(layout.bits, " bits a pixel; 1, 4, 8, 16, 24 and 32 are read"));
  }
  return {};
}

// Width, height, bits, compression and colours. `info` is the header behind the file's,
// which in its oldest form (12 bytes) has 16-bit sizes and no more.
Layout read_info(Bytes info) {
  Layout layout;
  if (info.size() == core_info_bytes) {
    layout.width = little16(info, 4);
    layout.height = little16(info, 6);
    layout.bits = little16(info, 10);
    return layout;
  }
  layout.width = little32(info, 4);
  const int64_t height = static_cast<int32_t>(little32(info, 8));
  layout.top_down = height < 0;
  layout.height = std::abs(height);
  layout.bits = little16(info, 14);
  layout.compression = little32(info, 16);
  layout.colors = little32(info, 32);
  return layout;
}

Result<Layout> read_layout(Bytes bytes) {
  if (bytes.size() < file_header_bytes + 4) return ends_early("header");
  const size_t info_bytes = little32(bytes, file_header_bytes);
  constexpr std::array<size_t, 7> known{core_info_bytes, short_info_bytes, 52, 56, 64, 108, 124};
  if (std::find(known.begin(), known.end(), info_bytes) == known.end()) {
    return rejected(concat("a header of ", info_bytes, " bytes is not known"));
  }
  if (bytes.size() < file_header_bytes + info_bytes) return ends_early("header");
  Layout layout = read_info(bytes.subspan(file_header_bytes, info_bytes));
  if (Status known_pixels = read_pixel_layout(layout, bytes); !known_pixels) {
    return known_pixels.error();
  }
  size_t behind = file_header_bytes + info_bytes;  // the headers, then masks or a palette
  if (layout.compression == bit_fields && info_bytes == short_info_bytes) behind += 12;
  const size_t said = little32(bytes, 10);
  // Some writers forget the palette in the offset of the pixels, or the whole offset.
  const bool forgotten = said == 0 || (layout.bits <= 8 && said == behind);
  if (layout.bits <= 8) {
    const size_t entry_bytes = info_bytes == core_info_bytes ? 3 : 4;
    if (Status palette = read_palette(layout, bytes, behind, entry_bytes); !palette) {
      return palette.error();
    }
    behind += layout.colors * entry_bytes;
  }
  layout.pixels_at = forgotten ? behind : said;
  return layout;
}

// A field of 5, 6 or 8 bits to the full range of 8.
uint8_t field(uint32_t pixel, uint32_t mask) {
  const int shift = std::countr_zero(mask);
  return static_cast<uint8_t>(((pixel & mask) >> shift) * 255 / (mask >> shift));
}

void convert_row(const Layout& layout, Bytes row, uint8_t* rgb) {
  const auto width = static_cast<size_t>(layout.width);
  if (layout.bits <= 8) {
    const size_t a_byte = 8 / layout.bits;
    const uint32_t mask = (1u << layout.bits) - 1;
    for (size_t x = 0; x < width; ++x, rgb += 3) {
      const auto shift = static_cast<uint32_t>(8 - layout.bits * (x % a_byte + 1));
      const auto& color = layout.palette[byte_at(row, x / a_byte) >> shift & mask];
      std::copy(color.begin(), color.end(), rgb);
    }
    return;
  }
  const size_t step = layout.bits / 8;
  for (size_t x = 0; x < width; ++x, rgb += 3) {
    uint32_t pixel = little16(row, x * step);
    if (step > 2) pixel |= byte_at(row, x * step + 2) << 16;
    if (step > 3) pixel |= byte_at(row, x * step + 3) << 24;
    for (size_t c = 0; c < 3; ++c) rgb[c] = field(pixel, layout.masks[c]);
  }
}

}  // namespace

Result<Picture> decode_bmp(Bytes bytes, int64_t most) {
  Result<Layout> layout = read_layout(bytes);
  if (!layout) return layout.error();
  const int64_t width = layout->width, height = layout->height;
  if (width < 1 || height < 1 || width > most || height > most / width) {
    return new_picture(width, height, most).error();
  }
  const auto row_bytes = static_cast<size_t>((width * layout->bits + 7) / 8);
  const size_t stride = (row_bytes + 3) / 4 * 4, rows = static_cast<size_t>(height);
  // The last row may lack its padding.
  if (bytes.size() < layout->pixels_at ||
      bytes.size() - layout->pixels_at < stride * (rows - 1) + row_bytes) {
    return ends_early("pixels");
  }
  Result<Picture> picture = new_picture(width, height, most);
  if (!picture) return picture;
  for (size_t y = 0; y < rows; ++y) {
    const size_t stored = layout->top_down ? y : rows - 1 - y;
    convert_row(*layout, bytes.subspan(layout->pixels_at + stored * stride, row_bytes),
                picture->pixels.data() + y * static_cast<size_t>(width) * 3);
  }
  return picture;
}

}  // namespace octavo::image
