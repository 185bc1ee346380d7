// What drivers may say of their buffers, honest and not.
#include "stream/video_format.h"

#include <gtest/gtest.h>

#include <random>

namespace octavo {
namespace {

using stream::video_frame;
using stream::VideoLayout;

VideoLayout layout_of(uint32_t width, uint32_t height, uint32_t row) {
  return {.width = width, .height = height, .row_bytes = {row}};
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
  VideoLayout format;
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
  const auto nv12 = video_frame(layout_of(20, 12, 24), FrameFormat::nv12, {bytes});
  ASSERT_TRUE(nv12);
  EXPECT_EQ(nv12->planes[1].data() - bytes.data(), 24 * 12);
  EXPECT_EQ(nv12->strides[0], 24);
  EXPECT_EQ(nv12->strides[1], 24);
  const auto i420 = video_frame(layout_of(20, 12, 24), FrameFormat::i420, {bytes});
  ASSERT_TRUE(i420);
  EXPECT_EQ(i420->planes[1].data() - bytes.data(), 24 * 12);
  EXPECT_EQ(i420->planes[2].data() - bytes.data(), 24 * 12 + 12 * 6);
  EXPECT_EQ(i420->strides[2], 12);
}

TEST(VideoFrame, PlanesInPartsOfTheirOwnBeginThem) {
  v4l2_format told{};
  told.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
  told.fmt.pix_mp.pixelformat = V4L2_PIX_FMT_YUV420M;
  told.fmt.pix_mp.width = 20;
  told.fmt.pix_mp.height = 12;
  told.fmt.pix_mp.num_planes = 3;
  told.fmt.pix_mp.plane_fmt[0].bytesperline = 24;
  told.fmt.pix_mp.plane_fmt[1].bytesperline = 16;  // not half of the luma's
  told.fmt.pix_mp.plane_fmt[2].bytesperline = 10;
  const VideoLayout layout = stream::video_layout(told);
  EXPECT_EQ(layout.parts, stream::video_parts(layout.code));
  const std::vector<uint8_t> luma(24 * 12), u(16 * 6), v(10 * 6);
  const auto frame = video_frame(layout, FrameFormat::i420, {luma, u, v});
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->planes[1].data(), u.data());
  EXPECT_EQ(frame->strides, (std::array<int64_t, 3>{24, 16, 10}));
  const auto cut_off = video_frame(layout, FrameFormat::i420, {luma, u, {}});
  ASSERT_FALSE(cut_off);
  EXPECT_EQ(cut_off.error().message, "plane 2: 0 bytes; 6 rows of 10 bytes are needed");
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
    // Each part of its own, for AddressSanitizer.
    const std::vector<uint8_t> first(below(10000)), second(below(5000)), third(below(2000));
    VideoLayout layout = layout_of(number(), number(), number());
    layout.row_bytes[1] = number();
    layout.row_bytes[2] = number();
    layout.parts = 1 + below(3);
    const auto format = static_cast<FrameFormat>(below(6));
    const auto frame = video_frame(layout, format, {first, second, third});
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
