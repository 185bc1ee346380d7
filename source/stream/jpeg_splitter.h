// Inside source/stream: where one JPEG of Motion JPEG ends and the next begins (docs/camera.md,
// "Motion JPEG").
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace octavo::stream {

class JpegSplitter {
 public:
  // A file without an end must not fill the memory.
  static constexpr size_t most_frame_bytes = size_t{64} << 20;

  enum class Found { nothing, frame, too_large };
  struct Taken {
    size_t bytes = 0;
    Found found = Found::nothing;
  };
  // Takes bytes from the front of `input`, all of them or those up to a frame's end, and appends
  // what belongs to the frame: an empty one at first and behind each that was found. One that is
  // too large is emptied; the search goes on behind it.
  Taken take(std::span<const std::byte> input, std::vector<std::byte>& frame);

 private:
  enum class State : uint8_t {
    outside,      // between frames
    outside_ff,   // behind FF
    begun,        // behind FF D8
    data,         // inside: anything up to FF
    marker,       // behind FF
    length_high,  // of a marker's segment
    length_low,
    segment
  };

  void skip_to_frame(uint8_t byte, std::vector<std::byte>& frame);
  // Whether the frame ends.
  bool read_marker(uint8_t byte, std::vector<std::byte>& frame);
  // How many bytes go to the frame unseen.
  size_t copied_at_once(std::span<const std::byte> input) const;

  State state_ = State::outside;
  size_t left_ = 0;  // of the segment
};

}  // namespace octavo::stream
