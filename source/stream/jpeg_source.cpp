// Motion JPEG in a file or a pipe: JPEGs, one behind the other.
#include "base/text.h"
#include "stream/file_source.h"
#include "stream/jpeg_splitter.h"

namespace octavo::stream {

namespace {

constexpr size_t piece_bytes = size_t{64} << 10;

class JpegReader {
 public:
  JpegReader(Descriptor file, std::string path)
      : file_(std::move(file)), path_(std::move(path)), piece_(piece_bytes) {}

  Result<bool> read(FileFrame& frame, int64_t index, const std::atomic<bool>& stop) {
    frame.bytes.clear();
    frame.damage.clear();
    while (true) {
      const auto taken = splitter_.take(unread_, frame.bytes);
      unread_ = unread_.subspan(taken.bytes);
      if (taken.found == JpegSplitter::Found::too_large) {
        frame.damage = concat("a JPEG of more than ", JpegSplitter::most_frame_bytes >> 20, " MiB");
      }
      if (taken.found != JpegSplitter::Found::nothing) return true;
      const auto got = read_some(file_.get(), path_, piece_, stop);
      if (!got) return got.error();
      if (stop) return false;
      if (*got == 0) break;
      unread_ = std::span(piece_).first(*got);
    }
    // What the file ends inside of: the decoder says that it is cut off.
    if (!frame.bytes.empty()) return true;
    if (index > 0) return false;
    return rejected(concat(quoted(path_), " holds no JPEG"));
  }
  std::span<const std::byte> content_of(std::span<const std::byte> bytes) const { return bytes; }
  std::string description() const { return "mjpeg"; }

 private:
  Descriptor file_;
  std::string path_;
  JpegSplitter splitter_;
  std::vector<std::byte> piece_;
  std::span<const std::byte> unread_;  // of the piece
};

}  // namespace

Result<std::unique_ptr<FrameSource>> open_jpeg_source(Descriptor file, const SourceWish& wish) {
  if (wish.size) {
    return usage_error(
        concat(quoted(wish.path), ": --size is of raw frames; each JPEG of mjpeg says its own"));
  }
  JpegReader reader(std::move(file), wish.path);
  return std::unique_ptr<FrameSource>(
      new FileSource<JpegReader>(std::move(reader), wish.frames_per_second));
}

}  // namespace octavo::stream
