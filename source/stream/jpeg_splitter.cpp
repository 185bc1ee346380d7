#include "stream/jpeg_splitter.h"

#include <algorithm>
#include <cstring>

namespace octavo::stream {

namespace {

// ITU-T T.81, table B.1: markers without a segment.
constexpr uint8_t stuffed_zero = 0x00, temporary = 0x01, first_restart = 0xD0, last_restart = 0xD7;
constexpr uint8_t start_of_image = 0xD8, end_of_image = 0xD9, prefix = 0xFF;

bool has_segment(uint8_t marker) {
  return marker != stuffed_zero && marker != temporary &&
         (marker < first_restart || marker > last_restart);
}

}  // namespace

void JpegSplitter::skip_to_frame(uint8_t byte, std::vector<std::byte>& frame) {
  if (state_ == State::begun && byte == prefix) {
    frame = {std::byte{prefix}, std::byte{start_of_image}, std::byte{prefix}};
    state_ = State::marker;
  } else if (state_ == State::outside_ff && byte == start_of_image) {
    state_ = State::begun;
  } else {
    state_ = byte == prefix ? State::outside_ff : State::outside;
  }
}

bool JpegSplitter::read_marker(uint8_t byte, std::vector<std::byte>& frame) {
  if (byte == start_of_image) {  // the next frame's, while this one has no end
    while (!frame.empty() && frame.back() == std::byte{prefix}) frame.pop_back();  // fill bytes too
    state_ = State::begun;
    if (frame.size() > 2) return true;
    frame.clear();  // nothing had come of it
    return false;
  }
  frame.push_back(std::byte{byte});
  if (byte == end_of_image) {
    state_ = State::outside;
    return true;
  }
  if (byte != prefix) state_ = has_segment(byte) ? State::length_high : State::data;
  return false;
}

size_t JpegSplitter::copied_at_once(std::span<const std::byte> input) const {
  if (state_ == State::segment) return std::min(left_, input.size());
  if (state_ != State::data) return 0;
  const void* found = std::memchr(input.data(), prefix, input.size());
  return found == nullptr
             ? input.size()
             : static_cast<size_t>(static_cast<const std::byte*>(found) - input.data());
}

JpegSplitter::Taken JpegSplitter::take(std::span<const std::byte> input,
                                       std::vector<std::byte>& frame) {
  for (size_t at = 0; at < input.size();) {
    if (frame.size() > most_frame_bytes) {
      frame.clear();
      state_ = State::outside;
      return {at, Found::too_large};
    }
    if (const size_t whole = copied_at_once(input.subspan(at)); whole > 0) {
      frame.insert(frame.end(), input.begin() + at, input.begin() + at + whole);
      at += whole;
      if (state_ == State::segment && (left_ -= whole) == 0) state_ = State::data;
      continue;
    }
    const auto byte = std::to_integer<uint8_t>(input[at++]);
    switch (state_) {
      case State::outside:
      case State::outside_ff:
      case State::begun:
        skip_to_frame(byte, frame);
        break;
      case State::marker:
        if (read_marker(byte, frame)) return {at, Found::frame};
        break;
      case State::length_high:
        frame.push_back(std::byte{byte});
        left_ = size_t{byte} << 8;
        state_ = State::length_low;
        break;
      case State::length_low:
        frame.push_back(std::byte{byte});
        left_ = std::max(left_ + byte, size_t{2}) - 2;  // it counts its own two bytes
        state_ = left_ > 0 ? State::segment : State::data;
        break;
      case State::data:  // FF, up to which all was copied
      case State::segment:
        frame.push_back(std::byte{byte});
        state_ = State::marker;
        break;
    }
  }
  return {input.size(), Found::nothing};
}

}  // namespace octavo::stream
