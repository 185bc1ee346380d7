// Raw frames, one behind the other, in a file or a pipe.
#include "base/text.h"
#include "stream/file_source.h"

namespace octavo::stream {

namespace {

class RawReader {
 public:
  RawReader(Descriptor file, PictureSource layout, size_t frame_bytes)
      : file_(std::move(file)), layout_(std::move(layout)), frame_bytes_(frame_bytes) {}

  Result<bool> read(FileFrame& frame, int64_t index, const std::atomic<bool>& stop) {
    frame.bytes.resize(frame_bytes_);
    size_t filled = 0;
    while (filled < frame_bytes_) {
      const auto got =
          read_some(file_.get(), layout_.path, std::span(frame.bytes).subspan(filled), stop);
      if (!got) return got.error();
      if (stop) return false;
      if (*got == 0) break;
      filled += *got;
    }
    if (filled == frame_bytes_) return true;
    if (filled == 0 && index > 0) return false;
    if (filled == 0) return rejected(concat(quoted(layout_.path), " holds no frame"));
    return rejected(concat(quoted(layout_.path), " ends inside a frame: frame ", index, " has ",
                           filled, " of its ", frame_bytes_, " bytes"));
  }
  Frame content_of(std::span<const std::byte> bytes) const { return raw_frame(layout_, bytes); }
  std::string description() const {
    return concat(layout_.width, "x", layout_.height, " ", frame_format_name(layout_.format), ", ",
                  colors_text(layout_.range, layout_.matrix));
  }

 private:
  Descriptor file_;
  PictureSource layout_;
  size_t frame_bytes_;
};

}  // namespace

Result<std::unique_ptr<FrameSource>> open_raw_source(Descriptor file, FrameFormat format,
                                                     const SourceWish& wish) {
  if (!wish.size) {
    return usage_error(concat(quoted(wish.path), ": raw frames need their size: --size 1920x1080"));
  }
  PictureSource layout{.path = wish.path,
                       .is_frame = true,
                       .format = format,
                       .width = (*wish.size)[0],
                       .height = (*wish.size)[1],
                       .range = wish.range.value_or(YuvRange::full),
                       .matrix = wish.matrix.value_or(YuvMatrix::bt601)};
  const auto bytes = raw_frame_bytes(layout);
  if (!bytes) return bytes.error();
  RawReader reader(std::move(file), layout, static_cast<size_t>(*bytes));
  return std::unique_ptr<FrameSource>(
      new FileSource<RawReader>(std::move(reader), wish.frames_per_second));
}

}  // namespace octavo::stream
