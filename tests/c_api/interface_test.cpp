// What the C interface tells of a plan, structs of other versions, batches and sessions in use.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "c_api/handles.h"
#include "octavo/octavo.h"
#include "plan/plan.h"
#include "runtime/selftest_plan.h"

namespace octavo {
namespace {

Plan labelled_plan() {
  Plan plan = *selftest_plan();
  const int32_t classes = plan.tensors[plan.output].shape[3];
  for (int32_t i = 0; i < classes; ++i) plan.labels.push_back(concat("class ", i));
  plan.provenance.model_sha256 = "abc";
  plan.provenance.calibration_pictures = 7;
  return plan;
}

class Interface : public ::testing::Test {
 protected:
  void SetUp() override {
    plan_data_ = labelled_plan();
    bytes_ = serialize(plan_data_);
    ASSERT_EQ(octavo_plan_open_memory(bytes_.data(), bytes_.size(), nullptr, &plan_), OCTAVO_OK)
        << octavo_last_error();
    for (octavo_session*& session : sessions_) {
      ASSERT_EQ(octavo_session_create(plan_, 1, &session), OCTAVO_OK) << octavo_last_error();
    }
    info_.size = sizeof info_;
    ASSERT_EQ(octavo_plan_describe(plan_, &info_), OCTAVO_OK) << octavo_last_error();
    classes_ = static_cast<size_t>(info_.classes);
  }
  void TearDown() override {
    for (octavo_session* session : sessions_) octavo_session_free(session);
    octavo_plan_free(plan_);
  }

  std::vector<uint8_t> picture(uint64_t seed) const {
    const std::vector<std::byte> noise = golden_input(plan_data_, seed);
    const auto* data = reinterpret_cast<const uint8_t*>(noise.data());
    return {data, data + noise.size()};
  }
  std::vector<float> logits_of(const std::vector<uint8_t>& pixels) {
    std::vector<float> logits(classes_);
    EXPECT_EQ(
        octavo_run_pixels(sessions_[0], pixels.data(), pixels.size(), logits.data(), classes_),
        OCTAVO_OK)
        << octavo_last_error();
    return logits;
  }
  static octavo_input input_of(const std::vector<uint8_t>& pixels) {
    octavo_input input{};
    input.size = sizeof input;
    input.pixels = pixels.data();
    input.count = pixels.size();
    return input;
  }

  Plan plan_data_;
  std::vector<std::byte> bytes_;
  octavo_plan* plan_ = nullptr;
  octavo_session* sessions_[3] = {};
  octavo_plan_info info_{};
  size_t classes_ = 0;
};

struct CallersThreads {
  int calls = 0, most_parts = 0;

  // Each part on a thread of its own, the last first.
  static void parallel(void* context, int32_t parts, void (*part)(void* work, int32_t index),
                       void* work) {
    auto& self = *static_cast<CallersThreads*>(context);
    ++self.calls;
    self.most_parts = std::max(self.most_parts, static_cast<int>(parts));
    std::vector<std::thread> threads;
    for (int32_t i = parts; i-- > 0;) threads.emplace_back(part, work, i);
    for (std::thread& thread : threads) thread.join();
  }
};

TEST_F(Interface, ASessionRunsInTheCallersMemoryOnTheCallersThreads) {
  const std::vector<uint8_t> pixels = picture(3);
  const std::vector<float> expected = logits_of(pixels);
  for (const int32_t threads : {1, 4}) {
    const size_t needed = octavo_session_memory(plan_, threads);
    ASSERT_GT(needed, 0u);
    constexpr std::byte untouched{0x5a};
    std::vector<std::byte> room(needed + 128, untouched);
    void* memory = room.data();
    size_t left = room.size();
    memory = std::align(64, needed, memory, left);
    CallersThreads pool;
    octavo_session_options options{};
    options.size = sizeof options;
    options.threads = threads;
    options.memory = memory;
    options.memory_bytes = needed;
    options.parallel = CallersThreads::parallel;
    options.parallel_context = &pool;
    octavo_session* session = nullptr;
    ASSERT_EQ(octavo_session_open(plan_, &options, &session), OCTAVO_OK) << octavo_last_error();
    for (int again = 0; again < 2; ++again) {
      std::vector<float> logits(classes_);
      ASSERT_EQ(octavo_run_pixels(session, pixels.data(), pixels.size(), logits.data(), classes_),
                OCTAVO_OK);
      EXPECT_EQ(logits, expected) << threads << " threads";
    }
    octavo_session_free(session);
    EXPECT_EQ(pool.calls > 0, threads > 1);
    EXPECT_LE(pool.most_parts, threads);
    const std::byte* end = static_cast<std::byte*>(memory) + needed;
    for (const std::byte* p = room.data(); p < room.data() + room.size(); ++p)
      ASSERT_TRUE((p >= memory && p < end) || *p == untouched) << p - end;
  }
}

TEST_F(Interface, WaitingPassivelyChangesNoBit) {
  const std::vector<uint8_t> pixels = picture(4);
  octavo_session_options options{};
  options.size = sizeof options;
  options.threads = 2;
  options.wait = OCTAVO_WAIT_PASSIVE;
  octavo_session* session = nullptr;
  ASSERT_EQ(octavo_session_open(plan_, &options, &session), OCTAVO_OK) << octavo_last_error();
  std::vector<float> logits(classes_);
  EXPECT_EQ(octavo_run_pixels(session, pixels.data(), pixels.size(), logits.data(), classes_),
            OCTAVO_OK);
  EXPECT_EQ(logits, logits_of(pixels));
  octavo_session_free(session);
}

TEST_F(Interface, OptionsOfASessionThatCannotBeAreRefused) {
  octavo_session* session = nullptr;
  octavo_session_options options{};
  const auto open = [&] { return octavo_session_open(plan_, &options, &session); };
  EXPECT_EQ(open(), OCTAVO_USAGE);  // size is not set
  options.size = sizeof options;
  ASSERT_EQ(open(), OCTAVO_OK) << octavo_last_error();  // all else has defaults
  octavo_session_free(session);
  ASSERT_EQ(octavo_session_open(plan_, nullptr, &session), OCTAVO_OK);
  octavo_session_free(session);
  options.wait = 2;
  EXPECT_EQ(open(), OCTAVO_USAGE);
  options.wait = OCTAVO_WAIT_SPIN;
  options.threads = 2000;
  EXPECT_EQ(open(), OCTAVO_USAGE);
  options.threads = 1;
  const size_t needed = octavo_session_memory(plan_, 1);
  std::vector<std::byte> room(needed + 128);
  size_t left = room.size();
  void* memory = room.data();
  auto* aligned = static_cast<std::byte*>(std::align(64, needed, memory, left));
  options.memory = aligned;
  EXPECT_EQ(open(), OCTAVO_USAGE);  // of no bytes
  options.memory_bytes = needed - 1;
  EXPECT_EQ(open(), OCTAVO_USAGE);
  EXPECT_NE(std::string(octavo_last_error()).find(std::to_string(needed)), std::string::npos);
  options.memory = aligned + 8;
  options.memory_bytes = needed;
  EXPECT_EQ(open(), OCTAVO_USAGE);
  EXPECT_EQ(session, nullptr);
  EXPECT_EQ(octavo_session_memory(nullptr, 1), 0u);
  EXPECT_EQ(octavo_session_memory(plan_, 0), 0u);
}

TEST_F(Interface, WhatAPlanAndItsSessionsTakeIsBounded) {
  octavo_plan_options options{};
  options.size = sizeof options;
  options.max_memory_bytes = info_.weight_bytes / 2;
  octavo_plan* plan = plan_;
  EXPECT_EQ(octavo_plan_open_memory(bytes_.data(), bytes_.size(), &options, &plan),
            OCTAVO_UNSUPPORTED);
  EXPECT_EQ(plan, nullptr);
  EXPECT_NE(std::string(octavo_last_error()).find("memory"), std::string::npos)
      << octavo_last_error();

  options.size = offsetof(octavo_plan_options, max_memory_bytes);  // a caller who knows it not yet
  ASSERT_EQ(octavo_plan_open_memory(bytes_.data(), bytes_.size(), &options, &plan), OCTAVO_OK)
      << octavo_last_error();
  octavo_plan_free(plan);

  options.size = sizeof options;
  options.max_memory_bytes = info_.weight_bytes + 3 * info_.arena_bytes + (size_t{2} << 20);
  ASSERT_EQ(octavo_plan_open_memory(bytes_.data(), bytes_.size(), &options, &plan), OCTAVO_OK)
      << octavo_last_error();
  std::vector<octavo_session*> sessions;
  octavo_status status = OCTAVO_OK;
  while (status == OCTAVO_OK && sessions.size() < 1000) {
    octavo_session* session = nullptr;
    status = octavo_session_create(plan, 1, &session);
    if (session != nullptr) sessions.push_back(session);
  }
  EXPECT_EQ(status, OCTAVO_UNSUPPORTED) << octavo_last_error();
  ASSERT_GE(sessions.size(), 1u);
  octavo_session_free(sessions.back());  // gives back what it took
  EXPECT_EQ(octavo_session_create(plan, 1, &sessions.back()), OCTAVO_OK) << octavo_last_error();
  for (octavo_session* session : sessions) octavo_session_free(session);
  octavo_plan_free(plan);
}

TEST_F(Interface, DescribesThePlanAsItIs) {
  const auto& input = plan_data_.tensors[plan_data_.input].shape;
  EXPECT_EQ(info_.input_kind, OCTAVO_INPUT_PICTURE);
  EXPECT_EQ(info_.input_height, input[1]);
  EXPECT_EQ(info_.input_width, input[2]);
  EXPECT_EQ(info_.input_channels, input[3]);
  EXPECT_EQ(info_.classes, octavo_plan_classes(plan_));
  EXPECT_EQ(info_.labels, info_.classes);
  EXPECT_STREQ(octavo_plan_label(plan_, 1), "class 1");
  EXPECT_EQ(info_.resize_short, plan_data_.preprocess.resize_short);
  EXPECT_STREQ(info_.color, "rgb");
  EXPECT_EQ(info_.mean[2], plan_data_.preprocess.mean[2]);
  EXPECT_STREQ(info_.model_sha256, "abc");
  EXPECT_EQ(info_.calibration_pictures, 7);
  EXPECT_GT(info_.weight_bytes, 0u);
  EXPECT_GT(info_.arena_bytes, 0u);
}

TEST_F(Interface, StepsAddUpToThePlan) {
  ASSERT_EQ(static_cast<size_t>(info_.steps), plan_data_.steps.size());
  int64_t macs = 0, parameters = 0;
  for (int32_t i = 0; i < info_.steps; ++i) {
    octavo_step_info step{};
    step.size = sizeof step;
    ASSERT_EQ(octavo_plan_step(plan_, i, &step), OCTAVO_OK) << octavo_last_error();
    const Step& expected = plan_data_.steps[static_cast<size_t>(i)];
    EXPECT_EQ(step.name, expected.name);
    EXPECT_EQ(step.op, step_operator_name(expected.op));
    EXPECT_NE(std::string(step.kernel), "");
    EXPECT_EQ(step.output[3], plan_data_.tensors[expected.output].shape[3]);
    macs += step.macs;
    parameters += step.parameters;
  }
  EXPECT_EQ(info_.macs, macs);
  EXPECT_EQ(info_.parameters, parameters);
  octavo_step_info step{};
  step.size = sizeof step;
  EXPECT_EQ(octavo_plan_step(plan_, info_.steps, &step), OCTAVO_USAGE);
  EXPECT_EQ(octavo_plan_step(plan_, -1, &step), OCTAVO_USAGE);
}

// For octavo_plan_write, of a vector of bytes.
void append(void* context, const void* bytes, size_t size) {
  auto& out = *static_cast<std::vector<std::byte>*>(context);
  const auto* begin = static_cast<const std::byte*>(bytes);
  out.insert(out.end(), begin, begin + size);
}

TEST_F(Interface, WritesTheBytesThatItWasReadFrom) {
  std::vector<std::byte> written;
  ASSERT_EQ(octavo_plan_write(plan_, append, &written), OCTAVO_OK) << octavo_last_error();
  EXPECT_EQ(written, bytes_);
  EXPECT_EQ(octavo_plan_write(plan_, nullptr, nullptr), OCTAVO_USAGE);
}

TEST_F(Interface, WritesTheBytesOfAFileThatIsRemovedButNotOfOneThatChanged) {
  const std::string path = ::testing::TempDir() + "octavo_written_again.octavo";
  for (const bool removed : {true, false}) {
    ASSERT_TRUE(write_file(path, bytes_, true));
    octavo_plan* plan = nullptr;
    ASSERT_EQ(octavo_plan_open(path.c_str(), nullptr, &plan), OCTAVO_OK) << octavo_last_error();
    if (removed) {
      std::remove(path.c_str());
    } else {
      std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(100).put('x');
    }
    std::vector<std::byte> written;
    const octavo_status status = octavo_plan_write(plan, append, &written);
    EXPECT_EQ(status, removed ? OCTAVO_OK : OCTAVO_FAILED) << octavo_last_error();
    EXPECT_EQ(written, removed ? bytes_ : std::vector<std::byte>());
    octavo_plan_free(plan);
  }
  std::remove(path.c_str());
}

TEST_F(Interface, TellsTheLogWhatIsLoadedAndNothingElseAnything) {
  std::vector<std::string> lines;
  octavo_plan_options options{};
  options.size = sizeof options;
  options.isa = "reference";
  options.log_context = &lines;
  options.log = [](void* context, const char* line) {
    static_cast<std::vector<std::string>*>(context)->emplace_back(line);
  };
  octavo_plan* plan = nullptr;
  ASSERT_EQ(octavo_plan_open_memory(bytes_.data(), bytes_.size(), &options, &plan), OCTAVO_OK);
  octavo_plan_free(plan);
  ASSERT_EQ(lines.size(), plan_data_.steps.size() + 1);
  EXPECT_NE(lines[0].find("on reference"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find(plan_data_.steps[0].name), std::string::npos) << lines[1];
}

TEST_F(Interface, ACallerOfAnOlderVersionGetsItsFieldsAndNoMore) {
  octavo_plan_info older;
  std::memset(&older, 0x5a, sizeof older);
  older.size = offsetof(octavo_plan_info, macs);
  ASSERT_EQ(octavo_plan_describe(plan_, &older), OCTAVO_OK) << octavo_last_error();
  EXPECT_EQ(older.classes, info_.classes);
  EXPECT_EQ(older.size, offsetof(octavo_plan_info, macs));
  EXPECT_EQ(older.macs, 0x5a5a5a5a5a5a5a5a);
  octavo_plan_info unset{};
  EXPECT_EQ(octavo_plan_describe(plan_, &unset), OCTAVO_USAGE);
  EXPECT_NE(std::string(octavo_last_error()).find("size is not set"), std::string::npos);

  octavo_plan_options options{};  // isa lies beyond what an oldest caller says it has
  options.isa = "no such";
  options.size = sizeof options.size;
  octavo_plan* plan = nullptr;
  EXPECT_EQ(octavo_plan_open_memory(bytes_.data(), bytes_.size(), &options, &plan), OCTAVO_OK);
  octavo_plan_free(plan);
  options.size = sizeof options;
  EXPECT_EQ(octavo_plan_open_memory(bytes_.data(), bytes_.size(), &options, &plan), OCTAVO_USAGE);
  EXPECT_EQ(plan, nullptr);
}

TEST_F(Interface, ABatchGivesTheLogitsOfEachInputAlone) {
  std::vector<std::vector<uint8_t>> pictures;
  std::vector<float> expected;
  for (uint64_t seed = 1; seed <= 17; ++seed) {
    pictures.push_back(picture(seed));
    const std::vector<float> logits = logits_of(pictures.back());
    expected.insert(expected.end(), logits.begin(), logits.end());
  }
  std::vector<octavo_input> inputs;
  for (const auto& pixels : pictures) inputs.push_back(input_of(pixels));
  for (size_t count = 1; count <= 3; ++count) {
    std::vector<float> logits(expected.size(), -1);
    ASSERT_EQ(octavo_run_batch(sessions_, count, inputs.data(), inputs.size(), logits.data(),
                               classes_, nullptr),
              OCTAVO_OK)
        << octavo_last_error();
    EXPECT_EQ(logits, expected) << count << " sessions";
  }
}

TEST_F(Interface, AnInputThatFailsDoesNotKeepTheOthersFromRunning) {
  const std::vector<uint8_t> good = picture(3);
  octavo_input inputs[4] = {input_of(good), input_of(good), input_of(good), input_of(good)};
  inputs[1].count -= 1;
  inputs[2].pixels = nullptr;
  std::vector<float> logits(4 * classes_, -1);
  octavo_status statuses[4];
  EXPECT_EQ(octavo_run_batch(sessions_, 2, inputs, 4, logits.data(), classes_, statuses),
            OCTAVO_USAGE);
  EXPECT_EQ(std::string(octavo_last_error()).find("input 1: "), 0u) << octavo_last_error();
  EXPECT_EQ(statuses[0], OCTAVO_OK);
  EXPECT_EQ(statuses[1], OCTAVO_USAGE);
  EXPECT_EQ(statuses[2], OCTAVO_USAGE);
  EXPECT_EQ(statuses[3], OCTAVO_OK);
  const std::vector<float> expected = logits_of(good);
  EXPECT_EQ(std::vector<float>(logits.end() - static_cast<ptrdiff_t>(classes_), logits.end()),
            expected);
}

TEST_F(Interface, ABatchRefusesWhatCannotBe) {
  const std::vector<uint8_t> good = picture(3);
  octavo_input input = input_of(good);
  std::vector<float> logits(classes_);
  const auto run = [&](octavo_session* const* sessions, size_t count, octavo_input* inputs) {
    return octavo_run_batch(sessions, count, inputs, 1, logits.data(), classes_, nullptr);
  };
  EXPECT_EQ(run(sessions_, 0, &input), OCTAVO_USAGE);
  octavo_session* twice[2] = {sessions_[0], sessions_[0]};
  EXPECT_EQ(run(twice, 2, &input), OCTAVO_USAGE);
  octavo_session* none[1] = {nullptr};
  EXPECT_EQ(run(none, 1, &input), OCTAVO_USAGE);
  EXPECT_EQ(run(sessions_, 1, nullptr), OCTAVO_USAGE);
  input.size = 0;
  EXPECT_EQ(run(sessions_, 1, &input), OCTAVO_USAGE);
  EXPECT_EQ(octavo_run_batch(sessions_, 1, nullptr, 0, nullptr, classes_, nullptr), OCTAVO_OK);
}

TEST_F(Interface, ASessionInUseIsRefused) {
  const std::vector<uint8_t> good = picture(3);
  std::vector<float> logits(classes_);
  sessions_[0]->is_used = true;  // as another thread's call leaves it while it runs
  EXPECT_EQ(octavo_run_pixels(sessions_[0], good.data(), good.size(), logits.data(), classes_),
            OCTAVO_USAGE);
  EXPECT_NE(std::string(octavo_last_error()).find("another thread"), std::string::npos);
  EXPECT_EQ(octavo_run_values(sessions_[0], logits.data(), 1, logits.data(), classes_),
            OCTAVO_USAGE);
  sessions_[0]->is_used = false;
  EXPECT_EQ(octavo_run_pixels(sessions_[0], good.data(), good.size(), logits.data(), classes_),
            OCTAVO_OK);
}

}  // namespace
}  // namespace octavo
