// Where JPEGs end and begin: docs/camera.md, "Motion JPEG".
#include "stream/jpeg_splitter.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

namespace octavo {
namespace {

using stream::JpegSplitter;
using namespace std::string_literals;

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto all = std::as_bytes(std::span(text));
  return {all.begin(), all.end()};
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Split {
  std::vector<std::string> frames;  // "too large" among them
  std::string rest;                 // that has begun
  bool operator==(const Split&) const = default;
};

// The input comes in pieces of at most so many bytes.
Split split(std::span<const std::byte> input, size_t most_piece) {
  JpegSplitter splitter;
  Split all;
  std::vector<std::byte> frame;
  while (!input.empty()) {
    auto piece = input.first(std::min(most_piece, input.size()));
    input = input.subspan(piece.size());
    while (!piece.empty()) {
      const auto taken = splitter.take(piece, frame);
      piece = piece.subspan(taken.bytes);
      if (taken.found == JpegSplitter::Found::nothing) {
        EXPECT_TRUE(piece.empty());
        continue;
      }
      const bool is_frame = taken.found == JpegSplitter::Found::frame;
      all.frames.push_back(is_frame ? text_of(frame) : "too large");
      frame.clear();
    }
  }
  all.rest = text_of(frame);
  return all;
}

Split split(std::string_view text) {
  return split(bytes_of(text), text.size());
}

// A segment whose content is another JPEG's beginning and end, as a thumbnail is; a scan with a
// stuffed zero and a restart; a second scan.
const std::string whole =
    "\xff\xd8\xff\xe1\x00\x07\xff\xd8\xff\xd9g\xff\xda\x00\x03xscan\xff\x00scan\xff\xd0more\xff\xff"
    "\xda\x00\x02"
    "again\xff\xd9"s;

TEST(JpegSplitter, AFrameGoesFromItsStartToItsEndWhateverItsSegmentsHold) {
  EXPECT_EQ(split(whole), (Split{{whole}, ""}));
  EXPECT_EQ(split(whole + whole + whole), (Split{{whole, whole, whole}, ""}));
}

TEST(JpegSplitter, BytesBetweenFramesAreNobodys) {
  EXPECT_EQ(split("--boundary\r\n\xff\xd8 \xff\xff" + whole + "\xff\r\n" + whole + "\xff\xd8"),
            (Split{{whole, whole}, ""}));
  EXPECT_EQ(split("no JPEG"), Split());
}

TEST(JpegSplitter, AFrameWithoutItsEndEndsWhereTheNextBegins) {
  const std::string cut = whole.substr(0, whole.size() - 4);
  EXPECT_EQ(split(cut + whole), (Split{{cut, whole}, ""}));
  EXPECT_EQ(split(whole + cut), (Split{{whole}, cut}));
}

// A start behind a start, with fill bytes between: nothing lies in the first.
TEST(JpegSplitter, FillBytesAreNoFrame) {
  EXPECT_EQ(split("\xff\xd8\xff\xff" + whole), (Split{{whole}, ""}));
}

TEST(JpegSplitter, ASegmentThatIsShorterThanItsLengthIsNone) {
  const std::string odd = "\xff\xd8\xff\xe0\x00\x00more\xff\xd9"s;
  EXPECT_EQ(split(odd + whole), (Split{{odd, whole}, ""}));
}

TEST(JpegSplitter, AFrameThatDoesNotEndIsGivenUp) {
  std::vector<std::byte> input = bytes_of("\xff\xd8\xff\xda\x00\x02"s);
  input.resize(JpegSplitter::most_frame_bytes + 1000);
  const auto next = bytes_of(whole);
  input.insert(input.end(), next.begin(), next.end());
  EXPECT_EQ(split(input, 1 << 16), (Split{{"too large", whole}, ""}));
}

// Bytes that are likely to mean something, in pieces of any size: the same frames, each of them a
// part of the input, one behind the other.
TEST(JpegSplitter, PiecesMakeNoDifference) {
  const unsigned seed = 4711;
  std::minstd_rand random(seed);
  const auto below = [&](uint32_t end) { return static_cast<uint32_t>(random() / 8 % end); };
  const std::string parts[] = {
      "\xff", "\xff\xd8\xff", "\xff\xd8", "\xff\xd9", "\xff\xda", "\xff\xe1\0\x05"s,
      "\0"s,  "\x02",         "\xff\xd0", "some"};
  size_t frames = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (uint32_t part = below(30); part > 0; --part) text += parts[below(std::size(parts))];
    const auto input = bytes_of(text);
    const Split once = split(input, input.size() + 1);
    EXPECT_EQ(split(input, 1), once) << "seed " << seed << ", input " << i;
    EXPECT_EQ(split(input, 2 + below(9)), once) << "seed " << seed << ", input " << i;
    size_t at = 0;
    for (const std::string& frame : once.frames) {
      at = text.find(frame, at);
      ASSERT_NE(at, std::string::npos);
      EXPECT_EQ(frame.substr(0, 3), "\xff\xd8\xff");
      at += frame.size();
    }
    frames += once.frames.size();
  }
  EXPECT_GT(frames, 5000u);
}

}  // namespace
}  // namespace octavo
