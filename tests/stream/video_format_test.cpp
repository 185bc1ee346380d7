// What drivers may say of their buffers, honest and not.
#include "stream/video_format.h"

#include <gtest/gtest.h>

#include <random>

namespace octavo {
namespace {

using stream::video_frame;

v4l2_pix_format format_of(uint32_t width, uint32_t height, uint32_t row) {
  v4l2_pix_format format{};
  format.width = width;
  format.height = height;
  format.bytesperline = row;
  return format;
}

TEST(VideoFormat, EveryFormatHasACodeAndComesBack) {
  for (const StreamFormat format :
       {StreamFormat(FrameFormat::nv12), StreamFormat(FrameFormat::i420),
        StreamFormat(FrameFormat::yuyv), StreamFormat(FrameFormat::rgb24),
        StreamFormat(FrameFormat::bgr24), StreamFormat(FrameFormat::gray8),
        StreamFormat(JpegFrames{})}) {
    EXPECT_EQ(stream::stream_format(stream::video_code(format)), format);
  }
  EXPECT_EQ(stream::stream_format(V4L2_PIX_FMT_H264), std::nullopt);
  EXPECT_EQ(stream::video_code_text(V4L2_PIX_FMT_GREY), "GREY");
  EXPECT_EQ(stream::video_code_text(v4l2_fourcc('Y', '1', '6', ' ')), "Y16");
  EXPECT_EQ(stream::video_code_text(v4l2_fourcc('\n', 'a', 0x1b, 'b')), "\\x0aa\\x1bb");
}

TEST(VideoFormat, ColoursAreTheDriversOrItsStandards) {
  v4l2_pix_format format{};
  format.colorspace = V4L2_COLORSPACE_SRGB;
  EXPECT_EQ(stream::video_range(format), YuvRange::video);
  EXPECT_EQ(stream::video_matrix(format), YuvMatrix::bt601);
  format.colorspace = V4L2_COLORSPACE_REC709;
  EXPECT_EQ(stream::video_matrix(format), YuvMatrix::bt709);
  format.ycbcr_enc = V4L2_YCBCR_ENC_601;
  EXPECT_EQ(stream::video_matrix(format), YuvMatrix::bt601);
  format.colorspace = V4L2_COLORSPACE_JPEG;
  EXPECT_EQ(stream::video_range(format), YuvRange::full);
  format.quantization = V4L2_QUANTIZATION_LIM_RANGE;
  EXPECT_EQ(stream::video_range(format), YuvRange::video);
}

TEST(VideoFrame, PlanesFollowEachOtherWithTheirRows) {
  const std::vector<uint8_t> bytes(24 * 12 + 24 * 6);
  const auto nv12 = video_frame(format_of(20, 12, 24), FrameFormat::nv12, bytes);
  ASSERT_TRUE(nv12);
  EXPECT_EQ(nv12->planes[1].data() - bytes.data(), 24 * 12);
  EXPECT_EQ(nv12->strides[0], 24);
  EXPECT_EQ(nv12->strides[1], 24);
  const auto i420 = video_frame(format_of(20, 12, 24), FrameFormat::i420, bytes);
  ASSERT_TRUE(i420);
  EXPECT_EQ(i420->planes[1].data() - bytes.data(), 24 * 12);
  EXPECT_EQ(i420->planes[2].data() - bytes.data(), 24 * 12 + 12 * 6);
  EXPECT_EQ(i420->strides[2], 12);
}

// Whatever a driver says, a frame lies within its buffer.
TEST(VideoFrame, NoAnswerOfADriverReachesBeyondItsBuffer) {
  std::minstd_rand random(4711);
  const auto below = [&](uint32_t end) { return static_cast<uint32_t>(random() / 8 % end); };
  const auto number = [&]() -> uint32_t {
    switch (below(4)) {
      case 0:
        return below(70);
      case 1:
        return UINT32_MAX - below(3);
      case 2:
        return uint32_t{1} << below(32);
      default:
        return 2 * below(70);
    }
  };
  int read = 0;
  for (int i = 0; i < 200000; ++i) {
    const std::vector<uint8_t> bytes(below(10000));  // its own, for AddressSanitizer
    const auto format = static_cast<FrameFormat>(below(6));
    const auto frame = video_frame(format_of(number(), number(), number()), format, bytes);
    if (!frame) {
      EXPECT_EQ(frame.error().kind, ErrorKind::rejected);
      continue;
    }
    ++read;
    EXPECT_TRUE(convert_frame(*frame));  // reads all of it
  }
  EXPECT_GT(read, 1000);
}

}  // namespace
}  // namespace octavo
