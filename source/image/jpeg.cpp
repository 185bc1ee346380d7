// JPEG by libjpeg-turbo with its defaults: islow DCT, fancy upsampling. The source
// hands over all bytes at once and then suspends, so that libjpeg never invents data:
// a file that ends before its last row is truncated, a missing or late end marker and
// corrupt entropy data are tolerated, as Pillow does.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
// libjpeg's header needs size_t and FILE first.
#include <jpeglib.h>
//
#include <jerror.h>

#include "base/memory_error.h"
#include "base/text.h"
#include "image/decode.h"

namespace octavo::image {

namespace {

// Progressive files may repeat scans without end; real ones have about ten.
constexpr int most_scans = 500;
constexpr int64_t most_scanned_pixels = int64_t{1} << 32;
// Coefficients that a progressive file keeps in memory.
constexpr long most_working_bytes = 1L << 30;

struct Decoder {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  std::jmp_buf on_error;
  char message[JMSG_LENGTH_MAX] = "";
  char warning[JMSG_LENGTH_MAX] = "";  // the first

  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info); }
};

Decoder& decoder_of(j_common_ptr info) {
  return *static_cast<Decoder*>(info->client_data);
}

// libjpeg's only way out of an error is a jump. No C++ object lives between setjmp
// and the calls below, so the jump passes over no destructor.
[[noreturn]] void leave(j_common_ptr info) {
  Decoder& decoder = decoder_of(info);
  info->err->format_message(info, decoder.message);
  std::longjmp(decoder.on_error, 1);
}

void limit_scans(j_common_ptr common) {
  const auto* info = reinterpret_cast<j_decompress_ptr>(common);
  const int64_t pixels = int64_t{info->image_width} * info->image_height;
  if (info->input_scan_number > most_scans ||
      pixels * info->input_scan_number > most_scanned_pixels) {
    std::snprintf(decoder_of(common).message, JMSG_LENGTH_MAX, "more than %d scans",
                  info->input_scan_number - 1);
    std::longjmp(decoder_of(common).on_error, 1);
  }
}

// Warnings have level -1; what is above 0 is a trace.
void keep_warning(j_common_ptr info, int level) {
  if (level >= 0) return;
  if (info->err->num_warnings++ == 0) info->err->format_message(info, decoder_of(info).warning);
}

void skip(j_decompress_ptr info, long count) {
  const auto available = static_cast<long>(info->src->bytes_in_buffer);
  const long skipped = std::clamp(count, 0L, available);
  info->src->next_input_byte += skipped;
  info->src->bytes_in_buffer -= static_cast<size_t>(skipped);
}

void prepare(Decoder& decoder, Bytes bytes) {
  decoder.info.client_data = &decoder;
  decoder.info.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = leave;
  decoder.errors.output_message = [](j_common_ptr) {};
  decoder.errors.emit_message = keep_warning;
  decoder.source.init_source = [](j_decompress_ptr) {};
  decoder.source.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };
  decoder.source.skip_input_data = skip;
  decoder.source.resync_to_restart = jpeg_resync_to_restart;
  decoder.source.term_source = [](j_decompress_ptr) {};
  decoder.source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  decoder.source.bytes_in_buffer = bytes.size();
  decoder.progress.progress_monitor = limit_scans;
}

enum class Outcome { done, ended_early, error };

Outcome read_header(Decoder& decoder, Bytes bytes) {
  prepare(decoder, bytes);
  if (setjmp(decoder.on_error) != 0) return Outcome::error;
  jpeg_create_decompress(&decoder.info);  // clears all but err and client_data
  decoder.info.src = &decoder.source;
  decoder.info.progress = &decoder.progress;
  decoder.info.mem->max_memory_to_use = most_working_bytes;
  int found = JPEG_HEADER_TABLES_ONLY;
  while (found == JPEG_HEADER_TABLES_ONLY) found = jpeg_read_header(&decoder.info, FALSE);
  return found == JPEG_SUSPENDED ? Outcome::ended_early : Outcome::done;
}

// Adobe writes CMYK inverted, and all CMYK files are taken for Adobe's. With 255 - c
// and 255 - k stored, R = (255 - k) - (255 - k)·c / 255, rounded as Pillow does.
void cmyk_to_rgb(const uint8_t* cmyk, int32_t width, uint8_t* rgb) {
  for (int32_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[c]) * white + 128;
      const int ink = ((product >> 8) + product) >> 8;
      rgb[c] = static_cast<uint8_t>(std::max(0, white - ink));
    }
  }
}

// cmyk_row is null for gray and colour files, else holds one row.
Outcome read_pixels(Decoder& decoder, int32_t width, uint8_t* pixels, uint8_t* cmyk_row) {
  if (setjmp(decoder.on_error) != 0) return Outcome::error;
  jpeg_decompress_struct& info = decoder.info;
  info.out_color_space = cmyk_row != nullptr ? JCS_CMYK : JCS_RGB;
  if (!jpeg_start_decompress(&info)) return Outcome::ended_early;
  while (info.output_scanline < info.output_height) {
    uint8_t* const out = pixels + size_t{info.output_scanline} * static_cast<size_t>(width) * 3;
    JSAMPROW row = cmyk_row != nullptr ? cmyk_row : out;
    if (jpeg_read_scanlines(&info, &row, 1) != 1) return Outcome::ended_early;
    if (cmyk_row != nullptr) cmyk_to_rgb(cmyk_row, width, out);
  }
  // What may follow the last row (an end marker, more scans) is not needed.
  return Outcome::done;
}

Status status(Outcome outcome, const Decoder& decoder) {
  if (outcome == Outcome::ended_early) return rejected("the file ends early (truncated)");
  if (outcome == Outcome::error && decoder.errors.msg_code == JERR_OUT_OF_MEMORY) {
    return out_of_memory();
  }
  if (outcome == Outcome::error) return rejected(concat("libjpeg says: ", decoder.message));
  return {};
}

// Each 8x8 block costs at least one Huffman-coded bit, so a short file cannot hold a
// large picture: it is refused before memory is taken for it.
bool too_short(const jpeg_decompress_struct& info, size_t file_bytes) {
  const uint64_t blocks =
      (uint64_t{info.image_width} + 7) / 8 * ((uint64_t{info.image_height} + 7) / 8);
  const auto largest_factor =
      static_cast<uint64_t>(info.max_h_samp_factor) * static_cast<uint64_t>(info.max_v_samp_factor);
  return !info.arith_code && uint64_t{file_bytes} * 8 < blocks / largest_factor;
}

}  // namespace

Result<Picture> decode_jpeg(Bytes bytes, int64_t most) {
  Decoder decoder;
  if (Status header = status(read_header(decoder, bytes), decoder); !header) return header.error();
  const jpeg_decompress_struct& info = decoder.info;
  if (info.num_components != 1 && info.num_components != 3 && info.num_components != 4) {
    return rejected(
        concat(info.num_components, " components; 1 (gray), 3 (colour) and 4 (CMYK) are read"));
  }
  if (too_short(info, bytes.size())) {
    return rejected(concat("the file ends early (truncated): ", bytes.size(), " bytes cannot hold ",
                           info.image_width, "x", info.image_height, " pixels"));
  }
  Result<Picture> picture = new_picture(info.image_width, info.image_height, most);
  if (!picture) return picture;
  std::vector<uint8_t> cmyk_row;
  if (info.num_components == 4) cmyk_row.resize(size_t{info.image_width} * 4);
  const Outcome outcome = read_pixels(decoder, picture->width, picture->pixels.data(),
                                      cmyk_row.empty() ? nullptr : cmyk_row.data());
  if (Status rows = status(outcome, decoder); !rows) return rows.error();
  if (decoder.errors.num_warnings > 0) {
    picture->warning = concat("libjpeg warns: ", decoder.warning);
  }
  return picture;
}

}  // namespace octavo::image
