#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/new_file.h"
#include "base/text.h"

namespace octavo {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> bytes_of(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("octavo_files_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const char* name) const { return (folder_ / name).string(); }
  size_t count() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

// A full disk as far as a process can make one: writes beyond the limit fail.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST_F(Files, AreReadAsWritten) {
  const auto content = bytes_of(std::string(100'000, 'x') + "end");
  ASSERT_TRUE(write_file(path("a"), content, false));
  const auto read = read_file(path("a"), content.size());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, content);
  EXPECT_EQ(count(), 1u);
}

TEST_F(Files, MayBeEmpty) {
  ASSERT_TRUE(write_file(path("a"), {}, false));
  const auto read = read_file(path("a"), 0);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->empty());
}

TEST_F(Files, LargerThanTheBoundAreRejected) {
  ASSERT_TRUE(write_file(path("a"), bytes_of("12345"), false));
  EXPECT_TRUE(read_file(path("a"), 5));
  const auto read = read_file(path("a"), 4);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::rejected);
  EXPECT_NE(read.error().message.find("has 5 bytes"), std::string::npos) << read.error().message;
}

TEST_F(Files, ThatAreMissingOrNoFilesAreNamed) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  for (const std::string& name :
       {path("missing"), folder_.string(), path("pipe"), std::string("/dev/zero")}) {
    const auto read = read_file(name, 1000);
    ASSERT_FALSE(read) << name;
    const bool there = name != path("missing");
    EXPECT_EQ(read.error().kind, there ? ErrorKind::rejected : ErrorKind::failed);
    EXPECT_NE(read.error().message.find(name), std::string::npos) << read.error().message;
  }
}

TEST_F(Files, AreNotOverwrittenUnasked) {
  ASSERT_TRUE(write_file(path("a"), bytes_of("old"), false));
  const Status refused = write_file(path("a"), bytes_of("new"), false);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("--overwrite"), std::string::npos);
  EXPECT_EQ(*read_file(path("a"), 10), bytes_of("old"));
  ASSERT_TRUE(write_file(path("a"), bytes_of("new"), true));
  EXPECT_EQ(*read_file(path("a"), 10), bytes_of("new"));
  EXPECT_EQ(count(), 1u);
}

TEST_F(Files, AreAskedAboutBeforeTheyAreMade) {
  EXPECT_TRUE(check_writable(path("new"), false));
  ASSERT_TRUE(write_file(path("old"), bytes_of("old"), false));
  EXPECT_TRUE(check_writable(path("old"), true));
  EXPECT_EQ(check_writable(path("old"), false).error().kind, ErrorKind::usage);
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const std::string long_name(300, 'x');
  for (const std::string& name : {folder_.string(), path("pipe"), std::string("/dev/null"),
                                  path("missing/new"), path("old/new"), path(long_name.c_str())}) {
    const Status refused = check_writable(name, true);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().kind, ErrorKind::failed);
    EXPECT_NE(refused.error().message.find(quoted(name)), std::string::npos)
        << refused.error().message;
  }
}

TEST_F(Files, ThatAreDevicesOrPipesAreNotReplaced) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(write_file(path("pipe"), bytes_of("new"), true));
  EXPECT_TRUE(fs::is_fifo(path("pipe")));
  EXPECT_EQ(count(), 1u);
}

TEST_F(Files, StayWholeWhenTheDiskIsFull) {
  ASSERT_TRUE(write_file(path("a"), bytes_of("old"), false));
  {
    const SmallDisk disk(4096);
    const Status full = write_file(path("a"), bytes_of(std::string(100'000, 'x')), true);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().kind, ErrorKind::failed);
  }
  EXPECT_EQ(*read_file(path("a"), 10), bytes_of("old"));
  EXPECT_EQ(count(), 1u) << "a temporary file was left";
}

TEST_F(Files, AreNotBegunWhenTheDiskIsFull) {
  {
    const SmallDisk disk(4096);
    ASSERT_FALSE(write_file(path("a"), bytes_of(std::string(100'000, 'x')), false));
  }
  EXPECT_EQ(count(), 0u);
}

TEST_F(Files, InAFolderThatIsNotThereCannotBeWritten) {
  const Status missing = write_file(path("missing/a"), bytes_of("x"), false);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("missing/a"), std::string::npos);
}

TEST_F(Files, DoNotReplaceAFolder) {
  fs::create_directories(folder_ / "a" / "b");
  EXPECT_FALSE(write_file(path("a"), bytes_of("x"), true));
  EXPECT_EQ(count(), 1u) << "a temporary file was left";
}

TEST_F(Files, HaveThePermissionsOfTheUmask) {
  const mode_t before = ::umask(027);
  ASSERT_TRUE(write_file(path("a"), bytes_of("x"), false));
  ::umask(before);
  struct stat info {};
  ASSERT_EQ(::stat(path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST_F(Files, KeepTheirModeWhenTheyAreReplaced) {
  ASSERT_TRUE(write_file(path("a"), bytes_of("secret"), false));
  for (const mode_t mode : {0600u, 0644u, 0755u, 0666u}) {
    ASSERT_EQ(::chmod(path("a").c_str(), mode), 0);
    ASSERT_TRUE(write_file(path("a"), bytes_of("new"), true));
    struct stat info {};
    ASSERT_EQ(::stat(path("a").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, mode);
  }
}

TEST_F(Files, AreReplacedWhereALinkLeadsAndTheLinkStays) {
  fs::create_directory(folder_ / "far");
  ASSERT_TRUE(write_file(path("far/a"), bytes_of("old"), false));
  fs::create_symlink("far/a", folder_ / "link");
  ASSERT_TRUE(write_file(path("link"), bytes_of("new"), true));
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(*read_file(path("far/a"), 10), bytes_of("new"));
  fs::create_symlink("nowhere", folder_ / "dangling");
  const Status refused = check_writable(path("dangling"), true);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("link to nothing"), std::string::npos);
}

TEST_F(Files, MayHaveTheLongestName) {
  const std::string longest(255, 'n');
  ASSERT_TRUE(check_writable(path(longest.c_str()), false));
  ASSERT_TRUE(write_file(path(longest.c_str()), bytes_of("x"), false));
  ASSERT_TRUE(write_file(path(longest.c_str()), bytes_of("y"), true));
  EXPECT_EQ(*read_file(path(longest.c_str()), 10), bytes_of("y"));
  EXPECT_FALSE(check_writable(path(std::string(256, 'n').c_str()), false));
}

TEST_F(Files, LeaveNothingWhenTheirWriterIsKilled) {
  ASSERT_TRUE(write_file(path("a"), bytes_of("old"), false));
  for (const bool unnamed : {true, false}) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto made = NewFile::create(folder_.string(), 0666, unnamed);
      if (!made) ::_exit(1);
      ::raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) continue;  // no unnamed files here
    EXPECT_EQ(count(), unnamed ? 1u : 2u);
    ASSERT_TRUE(write_file(path("a"), bytes_of("new"), true));
    EXPECT_EQ(count(), 1u) << "what the killed one left goes with the next file written";
  }
}

TEST_F(Files, InTheMakingAreNotTakenForAbandonedOnes) {
  auto made = NewFile::create(folder_.string(), 0666, false);
  ASSERT_TRUE(made);
  remove_abandoned_files(folder_.string());
  EXPECT_EQ(made->give_name(path("a"), false), NewFile::Named::yes);
  EXPECT_TRUE(fs::exists(folder_ / "a"));
}

TEST_F(Files, ThatCameFirstAreNotReplacedUnasked) {
  for (const bool unnamed : {true, false}) {
    auto made = NewFile::create(folder_.string(), 0666, unnamed);
    if (!made) continue;
    ASSERT_TRUE(write_file(path("a"), bytes_of("first"), true));
    EXPECT_EQ(made->give_name(path("a"), false), NewFile::Named::exists);
    EXPECT_EQ(*read_file(path("a"), 10), bytes_of("first"));
  }
  EXPECT_EQ(count(), 1u);
}

TEST_F(Files, AreReadInParts) {
  ASSERT_TRUE(write_file(path("a"), bytes_of("0123456789"), false));
  EXPECT_EQ(*read_file_part(path("a"), 3, 4), bytes_of("3456"));
  EXPECT_EQ(*read_file_part(path("a"), 8, 4), bytes_of("89"));
  EXPECT_TRUE(read_file_part(path("a"), 80, 4)->empty());
}

TEST_F(Files, AreTheSameByWhateverLinks) {
  ASSERT_TRUE(write_file(path("a"), bytes_of("x"), false));
  ASSERT_TRUE(write_file(path("b"), bytes_of("x"), false));
  fs::create_symlink("a", folder_ / "soft");
  fs::create_hard_link(folder_ / "a", folder_ / "hard");
  EXPECT_TRUE(same_file(path("a"), path("soft")) && same_file(path("hard"), path("soft")));
  EXPECT_FALSE(same_file(path("a"), path("b")));
  EXPECT_FALSE(same_file(path("none"), path("none"))) << "there is none to lose";
}

}  // namespace
}  // namespace octavo
