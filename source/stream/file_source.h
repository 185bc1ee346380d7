// Frames of a file or a pipe, one behind the other; with a rate they come as a camera would give
// them. Which bytes a frame is says the Reader:
//   Result<bool> read(FileFrame& frame, int64_t index, const std::atomic<bool>& stop)
//       the bytes of frame `index`, or why they are none; false at the end in front of it, or where
//       `stop` is set
//   content_of(bytes)   what they are as the content of a StreamFrame
//   description()       as FrameSource's
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "stream/sources.h"

namespace octavo::stream {

struct FileFrame {
  std::vector<std::byte> bytes;
  std::string damage{};
};

template <class Reader>
class FileSource final : public FrameSource {
 public:
  FileSource(Reader reader, double rate) : reader_(std::move(reader)), rate_(rate) {}

  Result<std::optional<StreamFrame>> next(const std::atomic<bool>& stop) override {
    const auto nothing = std::optional<StreamFrame>();
    const auto free = free_buffer();
    if (!free) return failed("a frame is asked for while none was given back");
    Buffer& buffer = buffers_[*free];
    const auto filled = reader_.read(buffer.frame, count_, stop);
    if (!filled) return filled.error();
    if (!*filled) return nothing;
    if (count_ == 0) start_ = StreamClock::now();
    if (rate_ > 0) sleep_until(due(count_), stop);
    if (stop) return nothing;
    buffer.is_used.store(true, std::memory_order_relaxed);
    StreamFrame frame;
    frame.index = count_++;
    frame.arrived = StreamClock::now();
    frame.content = reader_.content_of(buffer.frame.bytes);
    frame.damage = buffer.frame.damage;
    frame.buffer = static_cast<int>(*free);
    return std::optional(std::move(frame));
  }
  void give_back(const StreamFrame& frame) override {
    buffers_[static_cast<size_t>(frame.buffer)].is_used.store(false, std::memory_order_release);
  }
  bool is_live() const override { return rate_ > 0; }
  std::string description() const override { return reader_.description(); }

 private:
  struct Buffer {
    FileFrame frame;
    std::atomic<bool> is_used{false};
  };

  std::optional<size_t> free_buffer() const {
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (!buffers_[i].is_used.load(std::memory_order_acquire)) return i;
    }
    return std::nullopt;
  }
  StreamClock::time_point due(int64_t index) const {
    return start_ + std::chrono::duration_cast<StreamClock::duration>(
                        std::chrono::duration<double>(static_cast<double>(index) / rate_));
  }

  Reader reader_;
  double rate_;
  std::array<Buffer, 3> buffers_;  // one is being read, one waits, one is being classified
  int64_t count_ = 0;
  StreamClock::time_point start_;  // when the first frame was there
};

}  // namespace octavo::stream
