#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "image/image.h"
#include "image/make_picture.h"

namespace octavo {
namespace {

using test::pick;
using test::random_bytes;

struct Standard {
  YuvMatrix matrix;
  YuvRange range;
  double red_weight, blue_weight;  // Kr and Kb of the standard
};
constexpr Standard standards[] = {{YuvMatrix::bt601, YuvRange::full, 0.299, 0.114},
                                  {YuvMatrix::bt601, YuvRange::video, 0.299, 0.114},
                                  {YuvMatrix::bt709, YuvRange::full, 0.2126, 0.0722},
                                  {YuvMatrix::bt709, YuvRange::video, 0.2126, 0.0722}};

using Color = std::array<uint8_t, 3>;

// What docs/pictures.md says: real coefficients rounded to multiples of 2^-16, sums
// rounded half up. `exact` keeps the real coefficients.
Color slow_rgb(const Standard& standard, int y, int u, int v, bool exact) {
  const bool video = standard.range == YuvRange::video;
  const double s = video ? 255.0 / 219 : 1, t = video ? 255.0 / 224 : 1;
  const double kr = standard.red_weight, kb = standard.blue_weight, kg = 1 - kr - kb;
  const auto coefficient = [&](double real) {
    return exact ? real : std::round(real * 65536) / 65536;
  };
  const double luma = coefficient(s) * (y - (video ? 16 : 0));
  const double sums[3] = {luma + coefficient(2 * (1 - kr) * t) * (v - 128),
                          luma + coefficient(-2 * (1 - kb) * kb / kg * t) * (u - 128) +
                              coefficient(-2 * (1 - kr) * kr / kg * t) * (v - 128),
                          luma + coefficient(2 * (1 - kb) * t) * (u - 128)};
  Color color{};
  for (size_t c = 0; c < 3; ++c) {
    color[c] = static_cast<uint8_t>(std::clamp(std::floor(sums[c] + 0.5), 0.0, 255.0));
  }
  return color;
}

// A frame in planes of its own, with strides that are wider than the rows.
struct OwnedFrame {
  Frame frame;
  std::array<std::vector<uint8_t>, 3> bytes;
};
OwnedFrame random_frame(FrameFormat format, int32_t width, int32_t height, std::mt19937& random) {
  OwnedFrame owned;
  owned.frame.format = format;
  owned.frame.width = width;
  owned.frame.height = height;
  std::array<std::array<int32_t, 2>, 3> planes{};  // row bytes, rows
  switch (format) {
    case FrameFormat::nv12:
      planes = {{{width, height}, {width, height / 2}, {}}};
      break;
    case FrameFormat::i420:
      planes = {{{width, height}, {width / 2, height / 2}, {width / 2, height / 2}}};
      break;
    case FrameFormat::yuyv:
      planes = {{{2 * width, height}, {}, {}}};
      break;
    case FrameFormat::rgb24:
    case FrameFormat::bgr24:
      planes = {{{3 * width, height}, {}, {}}};
      break;
    case FrameFormat::gray8:
      planes = {{{width, height}, {}, {}}};
      break;
  }
  for (size_t i = 0; i < 3; ++i) {
    if (planes[i][1] == 0) continue;
    owned.frame.strides[i] = planes[i][0] + pick(random, 0, 9);
    // The last row ends its plane: nothing may be read behind it.
    const int64_t size = owned.frame.strides[i] * (planes[i][1] - 1) + planes[i][0];
    owned.bytes[i] = random_bytes(random, static_cast<size_t>(size));
    owned.frame.planes[i] = owned.bytes[i];
  }
  return owned;
}

// One pixel, by the layout of the format alone.
Color slow_pixel(const OwnedFrame& owned, const Standard& standard, int64_t x, int64_t y) {
  const auto at = [&](size_t plane, int64_t row, int64_t column) {
    return owned.bytes[plane][static_cast<size_t>(row * owned.frame.strides[plane] + column)];
  };
  switch (owned.frame.format) {
    case FrameFormat::nv12:
      return slow_rgb(standard, at(0, y, x), at(1, y / 2, x / 2 * 2), at(1, y / 2, x / 2 * 2 + 1),
                      false);
    case FrameFormat::i420:
      return slow_rgb(standard, at(0, y, x), at(1, y / 2, x / 2), at(2, y / 2, x / 2), false);
    case FrameFormat::yuyv:
      return slow_rgb(standard, at(0, y, 2 * x), at(0, y, x / 2 * 4 + 1), at(0, y, x / 2 * 4 + 3),
                      false);
    case FrameFormat::rgb24:
      return {at(0, y, 3 * x), at(0, y, 3 * x + 1), at(0, y, 3 * x + 2)};
    case FrameFormat::bgr24:
      return {at(0, y, 3 * x + 2), at(0, y, 3 * x + 1), at(0, y, 3 * x)};
    case FrameFormat::gray8:
      break;
  }
  return {at(0, y, x), at(0, y, x), at(0, y, x)};
}

constexpr FrameFormat formats[] = {FrameFormat::nv12,  FrameFormat::i420,  FrameFormat::yuyv,
                                   FrameFormat::rgb24, FrameFormat::bgr24, FrameFormat::gray8};

TEST(Frame, ConvertsEveryFormatAsTheSlowFormula) {
  constexpr uint32_t seed = 1;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (const FrameFormat format : formats) {
    for (const Standard& standard : standards) {
      OwnedFrame owned =
          random_frame(format, 2 * pick(random, 1, 20), 2 * pick(random, 1, 12), random);
      owned.frame.range = standard.range;
      owned.frame.matrix = standard.matrix;
      const Result<Picture> picture = convert_frame(owned.frame);
      ASSERT_TRUE(picture) << picture.error().message;
      const bool gray = format == FrameFormat::gray8;
      ASSERT_EQ(picture->channels, gray ? 1 : 3);
      const uint8_t* pixel = picture->pixels.data();
      for (int64_t y = 0; y < picture->height; ++y) {
        for (int64_t x = 0; x < picture->width; ++x, pixel += picture->channels) {
          const Color expected = slow_pixel(owned, standard, x, y);
          for (int c = 0; c < picture->channels; ++c) {
            ASSERT_EQ(pixel[c], expected[static_cast<size_t>(c)])
                << "format " << int(format) << " x " << x << " y " << y << " channel " << c;
          }
        }
      }
    }
  }
}

TEST(Frame, StaysWithinOneOfTheStandardsRealCoefficients) {
  for (const Standard& standard : standards) {
    for (int y = 0; y < 256; y += 3) {
      for (int u = 0; u < 256; u += 15) {
        for (int v = 0; v < 256; v += 15) {
          const Color fixed = slow_rgb(standard, y, u, v, false);
          const Color exact = slow_rgb(standard, y, u, v, true);
          for (size_t c = 0; c < 3; ++c) ASSERT_LE(std::abs(fixed[c] - exact[c]), 1);
        }
      }
    }
  }
}

TEST(Frame, BlackWhiteAndGrayAreExact) {
  struct Case {
    YuvRange range;
    uint8_t luma, expected;
  };
  for (const Case& c :
       {Case{YuvRange::full, 0, 0}, Case{YuvRange::full, 255, 255}, Case{YuvRange::full, 77, 77},
        Case{YuvRange::video, 16, 0}, Case{YuvRange::video, 235, 255}, Case{YuvRange::video, 3, 0},
        Case{YuvRange::video, 250, 255}}) {
    const std::vector<uint8_t> luma(4, c.luma), chroma(2, 128);
    for (const YuvMatrix matrix : {YuvMatrix::bt601, YuvMatrix::bt709}) {
      const Frame frame{FrameFormat::nv12, 2, 2, {luma, chroma, {}}, {2, 2, 0}, c.range, matrix};
      const Result<Picture> picture = convert_frame(frame);
      ASSERT_TRUE(picture);
      EXPECT_EQ(picture->pixels, std::vector<uint8_t>(12, c.expected));
    }
  }
}

TEST(Frame, GivesTheExampleOfThePage) {
  const std::vector<uint8_t> luma(4, 81), chroma{90, 240};
  const Frame frame{FrameFormat::nv12, 2, 2, {luma, chroma, {}}, {2, 2, 0}, YuvRange::video,
                    YuvMatrix::bt601};
  const Result<Picture> picture = convert_frame(frame);
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->pixels, (std::vector<uint8_t>{254, 0, 0, 254, 0, 0, 254, 0, 0, 254, 0, 0}));
}

TEST(Frame, ThatContradictsItsPlanesIsRejected) {
  std::mt19937 random(3);
  for (const FrameFormat format : formats) {
    const OwnedFrame good = random_frame(format, 8, 6, random);
    ASSERT_TRUE(convert_frame(good.frame));
    for (size_t plane = 0; plane < 3; ++plane) {
      if (good.bytes[plane].empty()) continue;
      Frame shorter = good.frame;
      shorter.planes[plane] = shorter.planes[plane].first(shorter.planes[plane].size() - 1);
      EXPECT_FALSE(convert_frame(shorter));
      for (const int64_t stride : {int64_t{0}, int64_t{-8}, int64_t{3}, INT64_MAX, INT64_MIN}) {
        Frame strided = good.frame;
        strided.strides[plane] = stride;
        EXPECT_FALSE(convert_frame(strided)) << stride;
      }
    }
    for (const auto& [width, height] :
         {std::pair{0, 6}, {8, 0}, {-8, 6}, {8, -6}, {INT32_MAX, INT32_MAX}, {INT32_MIN, 2}}) {
      Frame sized = good.frame;
      sized.width = width;
      sized.height = height;
      EXPECT_FALSE(convert_frame(sized)) << width << "x" << height;
    }
  }
}

TEST(Frame, WithSharedChromaNeedsEvenSizes) {
  std::mt19937 random(4);
  for (const FrameFormat format : {FrameFormat::nv12, FrameFormat::i420, FrameFormat::yuyv}) {
    OwnedFrame owned = random_frame(format, 8, 6, random);
    owned.frame.width = 7;
    const Result<Picture> picture = convert_frame(owned.frame);
    ASSERT_FALSE(picture);
    EXPECT_EQ(picture.error().kind, ErrorKind::rejected);
    EXPECT_NE(picture.error().message.find("even"), std::string::npos);
  }
}

// RGB to NV12 by the formula of docs/pictures.md, one sample at a time, kept as a frame.
OwnedFrame slow_nv12(const Picture& rgb) {
  OwnedFrame owned;
  const int32_t width = rgb.width / 2 * 2, height = rgb.height / 2 * 2;
  const auto at = [&](int32_t x, int32_t y, int c) {
    return int{rgb.pixels[static_cast<size_t>((y * rgb.width + x) * 3 + c)]};
  };
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      const int sum = 19595 * at(x, y, 0) + 38470 * at(x, y, 1) + 7471 * at(x, y, 2);
      owned.bytes[0].push_back(static_cast<uint8_t>(std::floor(sum / 65536.0 + 0.5)));
    }
  }
  for (int32_t y = 0; y < height; y += 2) {
    for (int32_t x = 0; x < width; x += 2) {
      double mean[3];
      for (int c = 0; c < 3; ++c) {
        mean[c] = (at(x, y, c) + at(x + 1, y, c) + at(x, y + 1, c) + at(x + 1, y + 1, c)) / 4.0;
      }
      const double u = (-11058 * mean[0] - 21710 * mean[1] + 32768 * mean[2]) / 65536 + 128;
      const double v = (32768 * mean[0] - 27439 * mean[1] - 5329 * mean[2]) / 65536 + 128;
      owned.bytes[1].push_back(static_cast<uint8_t>(std::clamp(std::floor(u + 0.5), 0.0, 255.0)));
      owned.bytes[1].push_back(static_cast<uint8_t>(std::clamp(std::floor(v + 0.5), 0.0, 255.0)));
    }
  }
  owned.frame = {
      FrameFormat::nv12, width, height, {owned.bytes[0], owned.bytes[1], {}}, {width, width, 0}};
  return owned;
}

TEST(ThroughNv12, IsNv12AndBack) {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    Picture rgb{pick(random, 2, 33), pick(random, 2, 33), 3, {}};
    rgb.pixels = random_bytes(random, static_cast<size_t>(rgb.width * rgb.height * 3));
    if (round % 2 == 0) {  // extremes
      for (uint8_t& byte : rgb.pixels) byte = byte < 128 ? 0 : 255;
    }
    const Result<Picture> expected = convert_frame(slow_nv12(rgb).frame);
    ASSERT_TRUE(expected) << expected.error().message;
    const Picture got = through_nv12(rgb);
    EXPECT_EQ(got.width, rgb.width / 2 * 2);
    EXPECT_EQ(got.height, rgb.height / 2 * 2);
    EXPECT_EQ(got.pixels, expected->pixels);
  }
}

TEST(ThroughNv12, KeepsGray) {
  for (int value = 0; value < 256; ++value) {
    const Picture gray{4, 2, 3, std::vector<uint8_t>(24, static_cast<uint8_t>(value))};
    EXPECT_EQ(through_nv12(gray).pixels, gray.pixels);
  }
}

TEST(ThroughNv12, ColorsStayWithinThreeWhereTheyAreUniform) {
  std::mt19937 random(6);
  for (int round = 0; round < 300; ++round) {
    const std::vector<uint8_t> color = random_bytes(random, 3);
    Picture rgb{2, 2, 3, {}};
    for (int i = 0; i < 12; ++i) rgb.pixels.push_back(color[static_cast<size_t>(i % 3)]);
    const Picture back = through_nv12(rgb);
    for (size_t i = 0; i < 12; ++i) ASSERT_LE(std::abs(back.pixels[i] - rgb.pixels[i]), 3);
  }
}

TEST(ThroughNv12, OfOneRowOrColumnIsEmpty) {
  EXPECT_TRUE(through_nv12(test::generated_picture(1, 9, 3, 1)).pixels.empty());
  EXPECT_TRUE(through_nv12(test::generated_picture(9, 1, 3, 1)).pixels.empty());
}

}  // namespace
}  // namespace octavo
