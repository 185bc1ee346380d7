#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "image/image.h"
#include "image/make_picture.h"

namespace octavo {
namespace {

TEST(ParseSource, TakesAPlainPath) {
  for (const char* text : {"cat.jpg", "a/b.png", "odd:name.jpg", "cat.jpg:640x480", "x:12x34",
                           "nv12:640x480", "noext", "C:", "dir.nv12/cat.jpg"}) {
    const Result<PictureSource> source = parse_source(text);
    ASSERT_TRUE(source) << text;
    EXPECT_EQ(source->path, text);
    EXPECT_FALSE(source->is_frame) << text;
  }
}

TEST(ParseSource, TakesARawFrameWithItsSize) {
  struct Case {
    const char* extension;
    FrameFormat format;
  };
  for (const Case& c : {Case{"nv12", FrameFormat::nv12}, Case{"i420", FrameFormat::i420},
                        Case{"yuyv", FrameFormat::yuyv}, Case{"rgb24", FrameFormat::rgb24},
                        Case{"bgr24", FrameFormat::bgr24}, Case{"gray8", FrameFormat::gray8}}) {
    const std::string path = std::string("a:b/frame.") + c.extension;
    const Result<PictureSource> source = parse_source(path + ":1920x1080");
    ASSERT_TRUE(source);
    EXPECT_EQ(source->path, path);
    EXPECT_TRUE(source->is_frame);
    EXPECT_EQ(source->format, c.format);
    EXPECT_EQ(source->width, 1920);
    EXPECT_EQ(source->height, 1080);
    EXPECT_EQ(source->range, YuvRange::full);
    EXPECT_EQ(source->matrix, YuvMatrix::bt601);
  }
}

TEST(ParseSource, AsksForTheSizeOfARawFrame) {
  for (const char* text : {"f.nv12", "f.nv12:", "f.nv12:640", "f.nv12:640x", "f.nv12:x480",
                           "f.nv12:0x480", "f.nv12:640x-480", "f.nv12:640x480x3", "f.nv12:6 4x480",
                           "f.nv12:99999999999x2", "f.nv12:640x480 ", ""}) {
    const Result<PictureSource> source = parse_source(text);
    ASSERT_FALSE(source) << text;
    EXPECT_EQ(source.error().kind, ErrorKind::usage);
  }
}

class LoadInput : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "octavo.XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    how_.height = how_.width = 16;
    how_.resize_short = 20;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::vector<uint8_t>& bytes) {
    const std::string path = (folder_ / name).string();
    EXPECT_TRUE(write_file(path, std::as_bytes(std::span(bytes)), true));
    return path;
  }
  void expect_rejected(const std::string& text, const std::string& path) {
    const Result<PictureSource> source = parse_source(text);
    ASSERT_TRUE(source);
    const Result<InputPixels> input = load_input(*source, how_);
    ASSERT_FALSE(input) << text;
    EXPECT_EQ(input.error().kind, ErrorKind::rejected);
    EXPECT_NE(input.error().message.find(path), std::string::npos) << input.error().message;
    EXPECT_EQ(input.error().message.find('\n'), std::string::npos);
  }

  std::filesystem::path folder_;
  Preprocess how_;
};

TEST_F(LoadInput, ReadsRawFramesOfExactlyTheirSize) {
  std::mt19937 random(21);
  struct Case {
    const char* extension;
    size_t bytes;
  };
  for (const Case& c :
       {Case{"nv12", 24 * 18 * 3 / 2}, Case{"i420", 24 * 18 * 3 / 2}, Case{"yuyv", 24 * 18 * 2},
        Case{"rgb24", 24 * 18 * 3}, Case{"bgr24", 24 * 18 * 3}, Case{"gray8", 24 * 18}}) {
    const std::vector<uint8_t> bytes = test::random_bytes(random, c.bytes);
    const std::string path = write(std::string("frame.") + c.extension, bytes);
    const Result<PictureSource> source = parse_source(path + ":24x18");
    ASSERT_TRUE(source);
    const Result<InputPixels> input = load_input(*source, how_);
    ASSERT_TRUE(input) << input.error().message;
    // Planes follow each other without gaps.
    Frame frame{source->format, 24, 18, {}, {}};
    const std::span<const uint8_t> all(bytes);
    frame.planes[0] = all;
    frame.strides[0] = static_cast<int64_t>(c.bytes) / 18;
    if (source->format == FrameFormat::nv12 || source->format == FrameFormat::i420) {
      const bool planar = source->format == FrameFormat::i420;
      frame.planes = {all.first(24 * 18), all.subspan(24 * 18),
                      all.subspan(planar ? 24 * 18 * 5 / 4 : 0)};
      frame.strides = {24, planar ? 12 : 24, 12};
    }
    std::vector<uint8_t> expected(16 * 16 * 3);
    ASSERT_TRUE(preprocess(frame, how_, expected));
    EXPECT_EQ(input->pixels, expected) << c.extension;

    std::vector<uint8_t> longer = bytes;
    longer.push_back(0);
    const std::string wrong = write(std::string("longer.") + c.extension, longer);
    expect_rejected(wrong + ":24x18", wrong);
  }
}

TEST_F(LoadInput, ReadsAPicture) {
  const Picture picture = test::generated_picture(30, 25, 3, 4);
  const std::string header = "P6\n30 25\n255\n";
  std::vector<uint8_t> ppm(header.begin(), header.end());
  ppm.insert(ppm.end(), picture.pixels.begin(), picture.pixels.end());
  const Result<InputPixels> input = load_input({write("a.jpg", ppm)}, how_);
  ASSERT_TRUE(input) << input.error().message;  // by content, whatever the name says
  std::vector<uint8_t> expected(16 * 16 * 3);
  ASSERT_TRUE(preprocess(picture, how_, expected));
  EXPECT_EQ(input->pixels, expected);
}

TEST_F(LoadInput, NamesTheFileThatItCannotRead) {
  expect_rejected((folder_ / "absent.jpg").string(), "absent.jpg");
  expect_rejected(write("empty.jpg", {}), "empty.jpg");
  expect_rejected(write("text.jpg", {'h', 'e', 'l', 'l', 'o'}), "text.jpg");
  expect_rejected(folder_.string(), folder_.string());
  expect_rejected(write("odd.nv12", std::vector<uint8_t>(3 * 2 * 3 / 2)) + ":3x2", "odd.nv12");
  expect_rejected(write("huge.gray8", {1}) + ":2000000000x2000000000", "huge.gray8");
}

}  // namespace
}  // namespace octavo
