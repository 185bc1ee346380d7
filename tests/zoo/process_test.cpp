// Children: what they print, how they end, and that none is left behind.

#include "zoo/process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "zoo/lock.h"

namespace octavo::zoo {
namespace {

namespace fs = std::filesystem;

Result<Ended> shell(const std::string& script, const std::atomic<bool>* stop = nullptr) {
  return run_process({"sh", "-c", script}, stop);
}

struct Folder {
  Folder() : path(fs::path(testing::TempDir()) / ("zoo_process_" + std::to_string(::getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

// A process that has ended may stay a zombie until its new parent looks.
bool runs(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  return static_cast<bool>(file >> number >> name >> state) && state != "Z";
}

bool ends_soon(pid_t pid) {
  for (int i = 0; i < 100 && runs(pid); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return !runs(pid);
}

// The number that a script writes into a file, once it is there.
pid_t pid_in(const fs::path& path) {
  for (int i = 0; i < 100; ++i) {
    pid_t pid = 0;
    if (std::ifstream(path) >> pid) return pid;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return 0;
}

TEST(Process, GivesStdoutLastErrorLineAndExitCode) {
  const auto ended = shell("printf 'one\\ntwo'; printf 'a\\n\\nlast words\\n  \\n' >&2; exit 7");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->output, "one\ntwo");
  EXPECT_EQ(ended->last_error, "last words");
  EXPECT_EQ(ended->code, 7);
  EXPECT_FALSE(ended->well());
}

TEST(Process, KeepsTheLastLineThatHasNoNewlineAndForgetsProgressBars) {
  EXPECT_EQ(shell("printf '10 %%\\r20 %%\\r30 %%' >&2")->last_error, "30 %");
}

TEST(Process, ReadsMoreThanAPipeHoldsOnBothStreams) {
  const auto ended = shell(
      "i=0; while [ $i -lt 3000 ]; do printf '%0100d' $i; printf '%0100d\\n' $i >&2; i=$((i+1)); "
      "done");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->output.size(), 300000u);
  EXPECT_EQ(ended->last_error.substr(96), "2999");
}

TEST(Process, PassesArgumentsUntouched) {
  const auto ended = run_process({"printf", "%s|", "a b", "$HOME", "'", "*"}, nullptr);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->output, "a b|$HOME|'|*|");
}

TEST(Process, HasAnEmptyStdin) {
  EXPECT_EQ(run_process({"cat"}, nullptr)->output, "");
}

TEST(Process, SaysThatASignalEndedIt) {
  EXPECT_EQ(shell("kill -9 $$")->code, 128 + SIGKILL);
}

TEST(Process, WhatCannotBeStartedIsAnError) {
  const auto ended = run_process({"/no/such/program", "x"}, nullptr);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().message, "cannot start '/no/such/program': No such file or directory");
}

TEST(Process, EndlessOutputIsCutOff) {
  const auto ended = run_process({"yes"}, nullptr);
  ASSERT_FALSE(ended);
  EXPECT_NE(ended.error().message.find("printed more than"), std::string::npos);
}

TEST(Process, EndlessErrorOutputDoesNotGrow) {
  const auto ended = shell("head -c 100000000 /dev/zero >&2");
  ASSERT_TRUE(ended);
  EXPECT_LE(ended->last_error.size(), 4096u);
}

TEST(Process, StopEndsTheChildAndWhatItStarted) {
  const Folder folder;
  std::atomic<bool> stop{false};
  const fs::path child = folder.path / "child", grandchild = folder.path / "grandchild";
  std::thread interrupt([&] {
    EXPECT_GT(pid_in(grandchild), 0);
    stop = true;
  });
  const auto ended = shell(
      "echo $$ > " + child.string() + "; sleep 60 & echo $! > " + grandchild.string() + "; wait",
      &stop);
  interrupt.join();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind, ErrorKind::interrupted);
  EXPECT_TRUE(ends_soon(pid_in(child)));
  EXPECT_TRUE(ends_soon(pid_in(grandchild)));
}

TEST(Process, StopEndsAChildThatDoesNotListen) {
  std::atomic<bool> stop{true};
  const auto start = std::chrono::steady_clock::now();
  const auto ended = shell("trap '' TERM; while :; do sleep 1; done", &stop);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind, ErrorKind::interrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(Process, DoesNotWaitForWhatTheChildLeftRunning) {
  const Folder folder;
  const fs::path left = folder.path / "left";
  const auto start = std::chrono::steady_clock::now();
  const auto ended = shell("sleep 60 & echo $! > " + left.string() + "; echo done");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->output, "done\n");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_TRUE(ends_soon(pid_in(left)));
}

TEST(Process, ChildDiesWithAParentThatIsKilled) {
  const Folder folder;
  const fs::path child = folder.path / "child";
  const pid_t parent = ::fork();
  if (parent == 0) {
    const auto ended = shell("echo $$ > " + child.string() + "; exec sleep 60");
    ::_exit(ended ? 0 : 1);
  }
  const pid_t pid = pid_in(child);
  ASSERT_GT(pid, 0);
  ::kill(parent, SIGKILL);
  EXPECT_TRUE(ends_soon(pid));
  int status = 0;
  EXPECT_EQ(::waitpid(parent, &status, 0), parent);
}

TEST(FolderLock, OneHolderAtATimeAndNothingIsLeft) {
  const Folder folder;
  const std::string path = (folder.path / "below" / "it").string();
  {
    const auto first = FolderLock::take(path);
    ASSERT_TRUE(first);
    const auto second = FolderLock::take(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::usage);
    EXPECT_NE(second.error().message.find("another process works in"), std::string::npos);
    std::atomic<bool> stop{true};
    EXPECT_EQ(FolderLock::wait(path, &stop).error().kind, ErrorKind::interrupted);
  }
  EXPECT_TRUE(FolderLock::take(path));
  EXPECT_TRUE(fs::is_empty(path));
}

TEST(FolderLock, ChildrenDoNotInheritIt) {
  const Folder folder;
  std::optional<FolderLock> lock = std::move(*FolderLock::take(folder.path.string()));
  std::atomic<bool> stop{false};
  const fs::path started = folder.path / "started";
  std::thread other([&] { (void)shell("echo $$ > " + started.string() + "; sleep 60", &stop); });
  EXPECT_GT(pid_in(started), 0);
  lock.reset();
  EXPECT_TRUE(FolderLock::take(folder.path.string()));
  stop = true;
  other.join();
}

}  // namespace
}  // namespace octavo::zoo
