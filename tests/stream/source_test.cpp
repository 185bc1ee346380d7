// Raw frames of files and pipes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>
#include <thread>

#include "evaluate/temporary_folder.h"
#include "stream/frame_source.h"

namespace octavo {
namespace {

SourceWish wish(const std::string& path, FrameFormat format = FrameFormat::gray8,
                std::array<int32_t, 2> size = {4, 2}) {
  SourceWish made;
  made.path = path;
  made.format = format;
  made.size = size;
  return made;
}

std::string pixels(const StreamFrame& frame) {
  const auto plane = std::get<Frame>(frame.content).planes[0];
  return {plane.begin(), plane.end()};
}

// The luma of each frame, and what ended the stream.
std::vector<std::string> all(FrameSource& source, Status* end) {
  const std::atomic<bool> stop{false};
  std::vector<std::string> frames;
  while (true) {
    auto frame = source.next(stop);
    *end = frame ? Status() : Status(frame.error());
    if (!frame || !*frame) return frames;
    EXPECT_EQ((*frame)->index, static_cast<int64_t>(frames.size()));
    frames.push_back(pixels(**frame));
    source.give_back(**frame);
  }
}

TEST(RawSource, GivesTheFramesOfAFile) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("a", "abcdefghABCDEFGH");
  const auto source = open_frame_source(wish(path));
  ASSERT_TRUE(source);
  EXPECT_FALSE((*source)->is_live());
  Status end;
  EXPECT_EQ(all(**source, &end), (std::vector<std::string>{"abcdefgh", "ABCDEFGH"}));
  EXPECT_TRUE(end);
}

TEST(RawSource, TakesTheFormatOfTheName) {
  const test::TemporaryFolder folder;
  SourceWish named = wish(folder.write("a.nv12", "abcdefghABCD"));
  named.format.reset();
  const auto source = open_frame_source(named);
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->description(), "4x2 nv12, full range, bt601");
  Status end;
  EXPECT_EQ(all(**source, &end), (std::vector<std::string>{"abcdefgh"}));
}

TEST(RawSource, WaitsForTheWriterOfAPipeAndPutsItsPiecesTogether) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto source = open_frame_source(wish(path));
  ASSERT_TRUE(source);
  std::thread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    const int fd = ::open(path.c_str(), O_WRONLY);
    for (const std::string_view piece : {"abc", "defgh", "ABCDEFG", "H"}) {
      EXPECT_EQ(::write(fd, piece.data(), piece.size()), static_cast<ssize_t>(piece.size()));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ::close(fd);
  });
  Status end;
  EXPECT_EQ(all(**source, &end), (std::vector<std::string>{"abcdefgh", "ABCDEFGH"}));
  EXPECT_TRUE(end);
  writer.join();
}

TEST(RawSource, StopsWaitingForAPipeThatNobodyWrites) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto source = open_frame_source(wish(path));
  ASSERT_TRUE(source);
  std::atomic<bool> stop{false};
  std::thread interrupt([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    stop = true;
  });
  const auto frame = (*source)->next(stop);
  interrupt.join();
  ASSERT_TRUE(frame);
  EXPECT_FALSE(frame->has_value());
}

TEST(RawSource, FramesWithARateAreDueOneAfterAnother) {
  const test::TemporaryFolder folder;
  SourceWish paced = wish(folder.write("a", std::string(6 * 8, 'x')));
  paced.frames_per_second = 50;
  const auto source = open_frame_source(paced);
  ASSERT_TRUE(source);
  EXPECT_TRUE((*source)->is_live());
  const auto start = StreamClock::now();
  Status end;
  EXPECT_EQ(all(**source, &end).size(), 6u);
  EXPECT_GE(StreamClock::now() - start, std::chrono::milliseconds(100));
}

TEST(RawSource, AFrameThatIsCutOffIsNamed) {
  const test::TemporaryFolder folder;
  for (const auto& [content, says] :
       {std::pair{"abcdefghABC", "frame 1 has 3 of its 8 bytes"}, std::pair{"abc", "frame 0 has 3"},
        std::pair{"", "no frame"}}) {
    const auto source = open_frame_source(wish(folder.write("a", content)));
    ASSERT_TRUE(source);
    Status end;
    all(**source, &end);
    ASSERT_FALSE(end) << content;
    EXPECT_EQ(end.error().kind, ErrorKind::rejected);
    EXPECT_NE(end.error().message.find(says), std::string::npos) << end.error().message;
  }
}

TEST(RawSource, FramesThatCannotBeAreRefused) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("a", "abc");
  using Size = std::array<int32_t, 2>;
  for (const Size size : {Size{0, 2}, Size{2, 0}, Size{-4, -4}, Size{3, 2}, Size{2, 3},
                          Size{INT32_MAX, INT32_MAX}, Size{1 << 30, 2}}) {
    const auto source = open_frame_source(wish(path, FrameFormat::i420, size));
    ASSERT_FALSE(source) << size[0] << "x" << size[1];
    EXPECT_EQ(source.error().kind, ErrorKind::rejected);
  }
  SourceWish without = wish(path);
  without.size.reset();
  EXPECT_EQ(open_frame_source(without).error().kind, ErrorKind::usage);
  EXPECT_EQ(open_frame_source(wish("/none")).error().kind, ErrorKind::rejected);
  EXPECT_EQ(open_frame_source(wish("/")).error().kind, ErrorKind::rejected);
}

}  // namespace
}  // namespace octavo
