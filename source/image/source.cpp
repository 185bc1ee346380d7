// What an INPUT on the command line means, and reading it.
#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "image/decode.h"
#include "image/frame.h"

namespace octavo {

namespace {

constexpr uint64_t most_file_bytes = uint64_t{1} << 31;

struct FormatName {
  std::string_view name;
  FrameFormat format;
};
// In the order of FrameFormat.
constexpr std::array<FormatName, 6> format_names{{{"nv12", FrameFormat::nv12},
                                                  {"i420", FrameFormat::i420},
                                                  {"yuyv", FrameFormat::yuyv},
                                                  {"rgb24", FrameFormat::rgb24},
                                                  {"bgr24", FrameFormat::bgr24},
                                                  {"gray8", FrameFormat::gray8}}};

Error rejected_file(const PictureSource& source, const Error& why) {
  const bool memory = why.kind == ErrorKind::unsupported;  // says nothing of the file
  return {memory ? why.kind : ErrorKind::rejected, concat(quoted(source.path), ": ", why.message)};
}

Status load_frame(const PictureSource& source, std::span<const std::byte> bytes,
                  const Preprocess& how, std::span<uint8_t> out) {
  const Result<int64_t> needed = raw_frame_bytes(source);
  if (!needed) return needed.error();
  if (static_cast<int64_t>(bytes.size()) != *needed) {
    return rejected(concat("the file has ", bytes.size(), " bytes; a frame of ", source.width, "x",
                           source.height, " pixels has ", *needed));
  }
  return preprocess(raw_frame(source, bytes), how, out);
}

Status load_picture(std::span<const std::byte> bytes, const Preprocess& how, InputPixels& out) {
  Result<Picture> picture = decode_picture(bytes, how.exif_rotate);
  if (!picture) return picture.error();
  out.warning = std::move(picture->warning);
  return preprocess(*picture, how, out.pixels);
}

}  // namespace

std::optional<FrameFormat> frame_format_named(std::string_view name) {
  const auto* found = std::find_if(format_names.begin(), format_names.end(),
                                   [&](const FormatName& f) { return f.name == name; });
  if (found == format_names.end()) return std::nullopt;
  return found->format;
}

std::optional<FrameFormat> frame_format_of_path(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  return frame_format_named(path.substr(dot + 1));
}

std::string_view frame_format_name(FrameFormat format) {
  return format_names[static_cast<size_t>(format)].name;
}

std::optional<std::array<int32_t, 2>> parse_frame_size(std::string_view text) {
  const size_t cross = text.find('x');
  if (cross == std::string_view::npos) return std::nullopt;
  const std::array parts{text.substr(0, cross), text.substr(cross + 1)};
  std::array<int32_t, 2> size{};
  for (size_t i = 0; i < 2; ++i) {
    const auto read = parse_number<int32_t>(parts[i]);
    if (!read || *read < 1) return std::nullopt;
    size[i] = *read;
  }
  return size;
}

Result<PictureSource> parse_source(std::string_view text) {
  PictureSource source;
  source.path = std::string(text);
  const size_t colon = text.rfind(':');
  const std::string_view path = text.substr(0, colon);
  const auto format = frame_format_of_path(path);
  if (text.empty()) return usage_error("an empty path for a picture");
  if (!format) return source;
  const auto size =
      colon == std::string_view::npos ? std::nullopt : parse_frame_size(text.substr(colon + 1));
  if (!size) {
    return usage_error(concat(quoted(text), " is a raw frame and needs its size, as in ",
                              quoted(concat(path, ":1920x1080"))));
  }
  source.path = std::string(path);
  source.is_frame = true;
  source.format = *format;
  source.width = (*size)[0];
  source.height = (*size)[1];
  return source;
}

Result<int64_t> raw_frame_bytes(const PictureSource& source) {
  if (Status fits = image::check_frame_size(source.format, source.width, source.height); !fits) {
    return fits.error();
  }
  return image::packed_bytes(source.format, source.width, source.height);
}

Frame raw_frame(const PictureSource& source, std::span<const std::byte> bytes) {
  Frame frame = image::packed_frame(source.format, source.width, source.height,
                                    {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  frame.range = source.range;
  frame.matrix = source.matrix;
  return frame;
}

Result<InputPixels> load_input(const PictureSource& source, const Preprocess& how) {
  const Result<std::vector<std::byte>> bytes = read_file(source.path, most_file_bytes);
  if (!bytes) return rejected(bytes.error().message);  // names the file
  return decode_input(source, *bytes, how);
}

Result<InputPixels> decode_input(const PictureSource& source, std::span<const std::byte> bytes,
                                 const Preprocess& how) {
  constexpr int32_t largest = image::longest_input_side;
  if (how.height < 1 || how.width < 1 || how.height > largest || how.width > largest) {
    return rejected(concat("preprocessing to ", how.height, "x", how.width,
                           " pixels; sides are 1 to ", largest));
  }
  InputPixels out;
  out.pixels.resize(static_cast<size_t>(how.height) * static_cast<size_t>(how.width) *
                    static_cast<size_t>(how.channels()));
  const Status loaded =
      source.is_frame ? load_frame(source, bytes, how, out.pixels) : load_picture(bytes, how, out);
  if (!loaded) return rejected_file(source, loaded.error());
  return out;
}

}  // namespace octavo
