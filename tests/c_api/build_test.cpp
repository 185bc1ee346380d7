// What octavo/build.h promises: the same plan whatever form pictures come in, a sentence for every
// wrong call, and no file where there is no plan.
#include "octavo/build.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <random>
#include <thread>

#include "evaluate/temporary_folder.h"
#include "onnx/model_writer.h"

namespace octavo {
namespace {

constexpr int side = 16;
constexpr size_t pictures = 12;

// Convolution, Relu, pool, Gemm to four classes, with weights of a seed.
std::string small_network() {
  std::mt19937 random(3);
  const auto weights = [&](size_t count) {
    std::vector<float> out(count);
    for (float& w : out) w = std::uniform_real_distribution<float>(-0.5f, 0.5f)(random);
    return out;
  };
  test::ModelText model;
  model.input = {int64_t{1}, int64_t{3}, int64_t{side}, int64_t{side}};
  model.initializers = {test::float_tensor({8, 3, 3, 3}, weights(216), "w"),
                        test::float_tensor({4, 8}, weights(32), "head")};
  model.nodes = {{"Conv", {"x", "w"}, {"c"}, {}, "stem"},
                 {"Relu", {"c"}, {"r"}},
                 {"GlobalAveragePool", {"r"}, {"p"}},
                 {"Flatten", {"p"}, {"f"}},
                 {"Gemm", {"f", "head"}, {"y"}, {test::attribute("transB", 1)}, "answer"}};
  return test::serialize(model);
}

std::vector<uint8_t> picture(size_t index) {
  std::mt19937 random(static_cast<unsigned>(index) + 100);
  std::vector<uint8_t> out(side * side * 3);
  for (uint8_t& pixel : out) pixel = static_cast<uint8_t>(random());
  return out;
}

std::string ppm(size_t index) {
  std::string out = "P6\n16 16\n255\n";
  for (const uint8_t pixel : picture(index)) out += static_cast<char>(pixel);
  return out;
}

class OctavoBuild : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = folder_.write("model.onnx", small_network());
    for (size_t i = 0; i < pictures; ++i) {
      folder_.write("pictures/" + std::to_string(i + 10) + ".ppm", ppm(i));
    }
    calibration_ = folder_ / "pictures";
    output_ = folder_ / "out.octavo";
    options_ = {};
    options_.size = sizeof options_;
    options_.model = model_.c_str();
    options_.output = output_.c_str();
    options_.calibration = calibration_.c_str();
    options_.resize_short = -1;
    options_.threads = 2;
  }
  void TearDown() override { octavo_built_free(built_); }

  octavo_status build() {
    octavo_built_free(built_);
    built_ = nullptr;
    return octavo_build(&options_, &built_);
  }
  octavo_built_info info() const {
    octavo_built_info out = {};
    out.size = sizeof out;
    EXPECT_EQ(octavo_built_describe(built_, &out), OCTAVO_OK);
    return out;
  }
  std::string plan() const {
    const octavo_built_info made = info();
    return {static_cast<const char*>(made.plan), made.plan_bytes};
  }
  // Refused in one line with these words, and nothing was left behind.
  void refused(octavo_status expected, const std::string& words) {
    std::filesystem::remove(output_);
    EXPECT_EQ(build(), expected) << octavo_build_last_error();
    const std::string said = octavo_build_last_error();
    EXPECT_NE(said.find(words), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos);
    EXPECT_EQ(built_, nullptr);
    EXPECT_FALSE(std::filesystem::exists(output_));
  }
  // The caller's inputs in place of the folder.
  void feed(int32_t (*input)(void*, size_t, octavo_input*), void* context = nullptr) {
    options_.calibration = nullptr;
    options_.input = input;
    options_.input_count = pictures;
    options_.context = context;
  }

  test::TemporaryFolder folder_;
  std::string model_, calibration_, output_;
  octavo_build_options options_;
  octavo_built* built_ = nullptr;
};

thread_local std::vector<uint8_t> given_pixels;
thread_local std::string given_bytes;
thread_local octavo_frame given_frame;

int32_t give_pixels(void*, size_t index, octavo_input* input) {
  given_pixels = picture(index);
  input->pixels = given_pixels.data();
  input->count = given_pixels.size();
  return 0;
}

int32_t give_frame(void*, size_t index, octavo_input* input) {
  given_pixels = picture(index);
  given_frame = {};
  given_frame.format = OCTAVO_RGB24;
  given_frame.width = given_frame.height = side;
  given_frame.plane[0] = given_pixels.data();
  given_frame.stride[0] = side * 3;
  input->frame = &given_frame;
  return 0;
}

int32_t give_picture(void*, size_t index, octavo_input* input) {
  given_bytes = ppm(index);
  input->picture = given_bytes.data();
  input->count = given_bytes.size();
  return 0;
}

TEST_F(OctavoBuild, RewritesAndPassesAreLeftOutByOneList) {
  ASSERT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
  const std::string whole = plan();
  const char* left_out[] = {"gather", "bias-correction"};
  options_.disable = left_out;
  options_.disable_count = 2;
  options_.overwrite = 1;
  ASSERT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
  EXPECT_NE(plan(), whole);
  left_out[0] = "weights";
  refused(OCTAVO_USAGE, "'weights' cannot be left out");
  left_out[0] = "gatter";
  refused(OCTAVO_USAGE, "did you mean 'gather'");
}

TEST_F(OctavoBuild, WritesThePlanThatItGives) {
  ASSERT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
  const octavo_built_info made = info();
  EXPECT_STREQ(octavo_build_last_error(), "");
  EXPECT_EQ(made.pictures, static_cast<int32_t>(pictures));
  EXPECT_EQ(made.unreadable_count, 0u);
  EXPECT_EQ(std::string(made.sha256).size(), 64u);
  EXPECT_STREQ(made.missed, "");
  EXPECT_EQ(made.note_count, 1u) << "torchvision's preprocessing is assumed";
  std::ifstream file(output_, std::ios::binary);
  const std::string written((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(written, plan());
  octavo_plan* loaded = nullptr;
  ASSERT_EQ(octavo_plan_open_memory(made.plan, made.plan_bytes, nullptr, &loaded), OCTAVO_OK);
  EXPECT_EQ(octavo_plan_classes(loaded), 4);
  octavo_plan_free(loaded);
}

TEST_F(OctavoBuild, AThreadMoreChangesNothing) {
  options_.output = nullptr;
  ASSERT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
  const std::string two = plan();
  options_.threads = 3;
  ASSERT_EQ(build(), OCTAVO_OK);
  EXPECT_EQ(plan(), two);
}

// As pixels, as frames and as files in memory: the same pictures, the same plan.
TEST_F(OctavoBuild, TheCallersPicturesComeInAnyForm) {
  options_.output = nullptr;
  std::vector<std::string> plans;
  for (const auto give : {give_pixels, give_frame, give_picture}) {
    feed(give);
    ASSERT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
    EXPECT_EQ(info().pictures, static_cast<int32_t>(pictures));
    plans.push_back(plan());
  }
  EXPECT_EQ(plans[0], plans[1]);
  EXPECT_EQ(plans[0], plans[2]);
}

TEST_F(OctavoBuild, OneCallOfTheCallersFunctionsRunsAtATime) {
  struct Watch {
    std::atomic<int> inside{0};
    std::atomic<bool> overlapped{false};
    void enter() {
      if (++inside > 1) overlapped = true;
      std::this_thread::yield();
      --inside;
    }
  } watch;
  options_.threads = 4;
  feed(
      [](void* context, size_t index, octavo_input* input) {
        static_cast<Watch*>(context)->enter();
        return give_pixels(nullptr, index, input);
      },
      &watch);
  options_.progress = [](void* context, size_t, size_t, const char*) {
    static_cast<Watch*>(context)->enter();
    return 0;
  };
  ASSERT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
  EXPECT_FALSE(watch.overlapped);
}

TEST_F(OctavoBuild, ProgressCanEndItAtAnyMoment) {
  struct Steps {
    int left = 0;
    bool asked = false;
  };
  const auto count_down = [](void* context, size_t done, size_t total, const char* what) {
    auto& steps = *static_cast<Steps*>(context);
    EXPECT_LE(done, total);
    EXPECT_GT(std::string(what).size(), 0u);
    EXPECT_FALSE(steps.asked) << "it was told to end";
    steps.asked = steps.left-- == 0;
    return static_cast<int32_t>(steps.asked);
  };
  options_.progress = count_down;
  int at = 0;
  for (; at < 1000; at = at * 3 / 2 + 1) {
    Steps steps{at};
    options_.context = &steps;
    if (build() == OCTAVO_OK) {
      EXPECT_FALSE(steps.asked);
      break;
    }
    EXPECT_EQ(std::string(octavo_build_last_error()).find("interrupted"), 0u);
    EXPECT_TRUE(steps.asked);
    EXPECT_FALSE(std::filesystem::exists(output_));
  }
  EXPECT_TRUE(at > 20 && at < 1000) << at;
}

TEST_F(OctavoBuild, AnInputFunctionThatGivesUpEndsIt) {
  feed([](void*, size_t index, octavo_input* input) {
    return index == 3 ? 7 : give_pixels(nullptr, index, input);
  });
  refused(OCTAVO_FAILED, "calibration input 3: the caller's function returned 7");
  feed([](void*, size_t, octavo_input*) { return -1; });
  refused(OCTAVO_FAILED, "calibration input 0: the caller's function returned -1");
}

TEST_F(OctavoBuild, InputsThatCannotBeReadAreLeftOutAndNamed) {
  feed([](void*, size_t index, octavo_input* input) {
    give_pixels(nullptr, index, input);
    if (index == 0) input->count -= 1;
    if (index == 2) input->picture = "both";
    if (index == 4) input->pixels = nullptr;
    if (index == 6) {
      input->pixels = nullptr;
      input->picture = "no picture";
      input->count = 10;
    }
    return 0;
  });
  ASSERT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
  const octavo_built_info made = info();
  ASSERT_EQ(made.unreadable_count, 4u);
  EXPECT_EQ(made.pictures, static_cast<int32_t>(pictures) - 4);
  for (size_t i = 0; i < 4; ++i) {
    const std::string sentence = made.unreadable[i];
    EXPECT_NE(sentence.find("calibration input " + std::to_string(2 * i)), std::string::npos)
        << sentence;
  }
}

TEST_F(OctavoBuild, ValuesArePixelsPastThePreprocessing) {
  feed([](void*, size_t index, octavo_input* input) {
    static thread_local std::vector<float> values;
    values.clear();
    for (const uint8_t pixel : picture(index)) values.push_back((pixel - 100.0f) / 50.0f);
    if (index == 5) values[7] = NAN;
    input->values = values.data();
    input->count = values.size();
    return 0;
  });
  const float mean[3] = {100, 100, 100}, std[3] = {50, 50, 50};
  options_.mean = mean;
  options_.std = std;
  ASSERT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
  ASSERT_EQ(info().unreadable_count, 1u);
  EXPECT_NE(std::string(info().unreadable[0]).find("calibration input 5"), std::string::npos);
}

TEST_F(OctavoBuild, EveryWrongCallHasASentence) {
  EXPECT_EQ(octavo_build(nullptr, &built_), OCTAVO_USAGE);
  EXPECT_STREQ(octavo_build_last_error(), "options is a null pointer");
  EXPECT_EQ(octavo_build(&options_, nullptr), OCTAVO_USAGE);
  const octavo_build_options good = options_;
  const auto wrong = [&](auto change, octavo_status expected, const std::string& words) {
    SCOPED_TRACE(words);
    options_ = good;
    change(options_);
    refused(expected, words);
  };
  using Options = octavo_build_options;
  wrong([](Options& o) { o.size = 0; }, OCTAVO_USAGE, "octavo_build_options.size is not set");
  wrong([](Options& o) { o.model = nullptr; }, OCTAVO_USAGE, "model is needed");
  wrong([](Options& o) { o.model = "/nowhere.onnx"; }, OCTAVO_FAILED, "/nowhere.onnx");
  wrong([&](Options& o) { o.model = o.calibration; }, OCTAVO_REJECTED, "pictures");
  wrong([](Options& o) { o.calibration = nullptr; }, OCTAVO_USAGE, "--calib");
  wrong([](Options& o) { o.calibration = "/nowhere"; }, OCTAVO_FAILED, "/nowhere");
  wrong([](Options& o) { o.no_calibration = 1; }, OCTAVO_USAGE, "one is set at most");
  wrong([](Options& o) { o.input = give_pixels; }, OCTAVO_USAGE, "one is set at most");
  wrong([](Options& o) { o.calibration = nullptr, o.input = give_pixels; }, OCTAVO_USAGE,
        "input and input_count");
  wrong([](Options& o) { o.method = "kullback"; }, OCTAVO_USAGE, "octavo_build_options.method");
  wrong([](Options& o) { o.preset = "torch"; }, OCTAVO_USAGE, "torchvision");
  wrong([](Options& o) { o.interpolation = "lanczos"; }, OCTAVO_USAGE, "bicubic");
  wrong([](Options& o) { o.color = "gbr"; }, OCTAVO_USAGE, "bgr");
  wrong([](Options& o) { o.threads = -1; }, OCTAVO_USAGE, "threads is -1; 1 to 1024");
  wrong([](Options& o) { o.crop_pct = NAN; }, OCTAVO_USAGE, "crop_pct is nan");
  wrong([](Options& o) { o.height = 16; }, OCTAVO_USAGE, "one is set alone");
  wrong([](Options& o) { o.percentile = 12; }, OCTAVO_USAGE, "percentile is 12");
  wrong([](Options& o) { o.int16_count = 1; }, OCTAVO_USAGE, "int16 has 1 entries");
  wrong([](Options& o) { o.labels = "/nowhere.txt"; }, OCTAVO_FAILED, "/nowhere.txt");
  wrong([](Options& o) { o.config = "/nowhere.yaml"; }, OCTAVO_FAILED, "/nowhere.yaml");
  wrong([](Options& o) { o.min_agreement = 90, o.no_auto_int16 = 1; }, OCTAVO_USAGE, "16 bits");
  static const char* const unknown[] = {"stm"};
  wrong([](Options& o) { o.int16 = unknown, o.int16_count = 1; }, OCTAVO_USAGE, "stem");
}

TEST_F(OctavoBuild, NothingIsOverwrittenWithoutAsking) {
  options_.output = model_.c_str();
  options_.overwrite = 1;
  EXPECT_EQ(build(), OCTAVO_USAGE);
  EXPECT_NE(std::string(octavo_build_last_error()).find("would be lost"), std::string::npos);
  options_.overwrite = 0;
  const std::string there = folder_.write("there.octavo", "old");
  options_.output = there.c_str();
  EXPECT_NE(build(), OCTAVO_OK);
  EXPECT_NE(std::string(octavo_build_last_error()).find("there.octavo"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(there), 3u);
  options_.overwrite = 1;
  EXPECT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
  EXPECT_EQ(std::filesystem::file_size(there), info().plan_bytes);
  options_.output = "/nowhere/plan.octavo";
  EXPECT_EQ(build(), OCTAVO_FAILED);
  EXPECT_NE(std::string(octavo_build_last_error()).find("/nowhere"), std::string::npos);
}

TEST_F(OctavoBuild, WhatIsNoNetworkIsRejected) {
  const std::string bytes = small_network();
  for (const std::string& content :
       {std::string("no network"), std::string(), bytes.substr(0, bytes.size() / 2)}) {
    folder_.write("model.onnx", content);
    refused(OCTAVO_REJECTED, "model.onnx");
  }
}

TEST_F(OctavoBuild, ABoundThatIsNotKeptIsAStatusBesideThePlan) {
  // One pixel decides which of the pictures is which class; no drop of minus 100 points is
  // possible.
  std::string list;
  for (size_t i = 0; i < 60; ++i) {
    folder_.write("judges/" + std::to_string(i) + ".ppm", ppm(i + 500));
    list += std::to_string(i) + ".ppm " + std::to_string(i % 4) + "\n";
  }
  folder_.write("judges/labels.txt", list);
  const std::string judges = folder_ / "judges";
  const double gain = -100;
  options_.evaluation = judges.c_str();
  options_.max_drop = &gain;
  ASSERT_EQ(build(), OCTAVO_GATE_MISSED) << octavo_build_last_error();
  const std::string said = octavo_build_last_error();
  ASSERT_NE(built_, nullptr);
  EXPECT_EQ(info().missed, said);
  EXPECT_NE(said.find("a drop of at most -100"), std::string::npos) << said;
  EXPECT_EQ(std::filesystem::file_size(output_), info().plan_bytes);
}

TEST_F(OctavoBuild, BuildsRunSideBySide) {
  options_.output = nullptr;
  ASSERT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
  const std::string alone = plan();
  std::array<std::string, 3> plans;
  std::vector<std::thread> builders;
  for (std::string& made : plans) {
    builders.emplace_back([&] {
      octavo_built* built = nullptr;
      if (octavo_build(&options_, &built) != OCTAVO_OK) return;
      octavo_built_info info = {};
      info.size = sizeof info;
      octavo_built_describe(built, &info);
      made.assign(static_cast<const char*>(info.plan), info.plan_bytes);
      octavo_built_free(built);
    });
  }
  for (std::thread& builder : builders) builder.join();
  for (const std::string& made : plans) EXPECT_EQ(made, alone);
}

TEST_F(OctavoBuild, AForkedChildMayBuildToo) {
  options_.output = nullptr;
  ASSERT_EQ(build(), OCTAVO_OK) << octavo_build_last_error();
  const std::string before = plan();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::_exit(build() == OCTAVO_OK && plan() == before ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// A caller that was compiled with a header of two fields, and one of a later version.
TEST_F(OctavoBuild, StructsOfOtherVersionsAreRead) {
  struct Later {
    octavo_build_options now;
    void* more;
  } later{options_, &later};
  later.now.size = sizeof later;
  octavo_built* built = nullptr;
  ASSERT_EQ(octavo_build(&later.now, &built), OCTAVO_OK) << octavo_build_last_error();
  struct Earlier {
    size_t size;
    const void* plan;
  } earlier{sizeof(Earlier), nullptr};
  EXPECT_EQ(octavo_built_describe(built, reinterpret_cast<octavo_built_info*>(&earlier)),
            OCTAVO_OK);
  EXPECT_NE(earlier.plan, nullptr);
  EXPECT_EQ(earlier.size, sizeof earlier);
  octavo_built_free(built);
  octavo_built_info none = {};
  EXPECT_EQ(octavo_built_describe(nullptr, &none), OCTAVO_USAGE);
}

}  // namespace
}  // namespace octavo
