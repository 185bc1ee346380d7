// What octavo.h promises whatever a caller does: a status for every wrong call, and a last error
// that is the last call's.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "octavo/octavo.h"
#include "plan/plan.h"
#include "runtime/selftest_plan.h"

namespace octavo {
namespace {

class CInterface : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto plan = selftest_plan();
    ASSERT_TRUE(plan);
    bytes_ = serialize(*plan);
    ASSERT_EQ(octavo_plan_load_memory(bytes_.data(), bytes_.size(), nullptr, &plan_), OCTAVO_OK)
        << octavo_last_error();
    ASSERT_EQ(octavo_session_create(plan_, 1, &session_), OCTAVO_OK) << octavo_last_error();
    int32_t shape[3];
    octavo_plan_input_shape(plan_, shape);
    inputs_ = static_cast<size_t>(shape[0]) * static_cast<size_t>(shape[1]) *
              static_cast<size_t>(shape[2]);
    logits_.resize(static_cast<size_t>(octavo_plan_classes(plan_)));
  }
  void TearDown() override {
    octavo_session_free(session_);
    octavo_plan_free(plan_);
  }

  // A call that was refused, with a line that says these words.
  static void refused(octavo_status status, octavo_status expected, const std::string& words) {
    EXPECT_EQ(status, expected);
    EXPECT_NE(std::string(octavo_last_error()).find(words), std::string::npos)
        << octavo_last_error();
  }

  std::vector<std::byte> bytes_;
  octavo_plan* plan_ = nullptr;
  octavo_session* session_ = nullptr;
  size_t inputs_ = 0;
  std::vector<float> logits_;
};

TEST_F(CInterface, NullIsAStatusNeverACrash) {
  octavo_plan* plan = plan_;
  octavo_session* session = session_;
  const uint8_t byte = 0;
  const octavo_frame frame = {};
  float* logits = logits_.data();
  const size_t n = logits_.size();
  refused(octavo_plan_load(nullptr, nullptr, &plan), OCTAVO_USAGE, "path is a null");
  EXPECT_EQ(plan, nullptr);
  refused(octavo_plan_load("x", nullptr, nullptr), OCTAVO_USAGE, "plan is a null");
  refused(octavo_plan_load_memory(nullptr, 5, nullptr, &plan), OCTAVO_USAGE, "bytes is a null");
  refused(octavo_session_create(nullptr, 1, &session), OCTAVO_USAGE, "plan is a null");
  EXPECT_EQ(session, nullptr);
  refused(octavo_session_create(plan_, 1, nullptr), OCTAVO_USAGE, "session is a null");
  refused(octavo_run_pixels(nullptr, &byte, 1, logits, n), OCTAVO_USAGE, "session is a null");
  refused(octavo_run_pixels(session_, nullptr, 1, logits, n), OCTAVO_USAGE, "pixels is a null");
  refused(octavo_run_values(session_, nullptr, 1, logits, n), OCTAVO_USAGE, "values is a null");
  refused(octavo_run_frame(session_, nullptr, logits, n), OCTAVO_USAGE, "frame is a null");
  refused(octavo_run_frame(session_, &frame, nullptr, n), OCTAVO_USAGE, "logits is a null");
  refused(octavo_run_picture(session_, nullptr, 1, logits, n), OCTAVO_USAGE, "bytes is a null");
  EXPECT_EQ(octavo_plan_classes(nullptr), 0);
  EXPECT_EQ(octavo_plan_label(nullptr, 0), nullptr);
  int32_t shape[3] = {7, 7, 7};
  octavo_plan_input_shape(nullptr, shape);
  EXPECT_EQ(shape[0] + shape[1] + shape[2], 0);
  octavo_plan_input_shape(plan_, nullptr);
  octavo_score score;
  EXPECT_EQ(octavo_top_scores(nullptr, 3, 1, &score), 0);
  EXPECT_EQ(octavo_top_scores(logits, n, 1, nullptr), 0);
  octavo_session_free(nullptr);
  octavo_plan_free(nullptr);
}

TEST_F(CInterface, ScoresAreWhatThePlanSaysItsOutputsMean) {
  auto plan = selftest_plan();
  ASSERT_TRUE(plan);
  plan->output_kind = OutputKind::sigmoids;
  const std::vector<std::byte> bytes = serialize(*plan);
  octavo_plan* sigmoids = nullptr;
  ASSERT_EQ(octavo_plan_load_memory(bytes.data(), bytes.size(), nullptr, &sigmoids), OCTAVO_OK)
      << octavo_last_error();
  const auto classes = static_cast<size_t>(octavo_plan_classes(sigmoids));
  ASSERT_GT(classes, 1u);
  EXPECT_EQ(octavo_plan_score_count(sigmoids), octavo_plan_classes(sigmoids));
  std::vector<float> outputs(classes, -2.0f);
  outputs[1] = 2.0f;
  std::vector<octavo_score> scores(classes);
  EXPECT_EQ(octavo_plan_top_scores(sigmoids, outputs.data(), classes, 1, scores.data()), 1);
  EXPECT_EQ(scores[0].index, 1);
  EXPECT_NEAR(scores[0].score, 1 / (1 + std::exp(-2.0f)), 1e-6f);
  EXPECT_EQ(octavo_plan_top_scores(sigmoids, outputs.data(), classes - 1, 1, scores.data()), 0);
  EXPECT_EQ(octavo_plan_top_scores(nullptr, outputs.data(), classes, 1, scores.data()), 0);
  EXPECT_EQ(octavo_plan_score_count(nullptr), 0);
  octavo_plan_free(sigmoids);
}

TEST_F(CInterface, AFrameWithoutItsPlanesIsRefused) {
  octavo_frame frame = {};
  frame.format = OCTAVO_NV12;
  frame.width = frame.height = 64;
  const octavo_status status = octavo_run_frame(session_, &frame, logits_.data(), logits_.size());
  EXPECT_TRUE(status == OCTAVO_USAGE || status == OCTAVO_REJECTED) << status;
  EXPECT_NE(std::string(octavo_last_error()), "");
}

TEST_F(CInterface, TheLastErrorIsTheLastCallsAndTheThreadsOwn) {
  const std::vector<uint8_t> pixels(inputs_, 100);
  refused(octavo_run_pixels(session_, pixels.data(), 1, logits_.data(), logits_.size()),
          OCTAVO_USAGE, "entries");
  std::thread([] { EXPECT_STREQ(octavo_last_error(), ""); }).join();
  EXPECT_STRNE(octavo_last_error(), "");
  ASSERT_EQ(
      octavo_run_pixels(session_, pixels.data(), pixels.size(), logits_.data(), logits_.size()),
      OCTAVO_OK);
  EXPECT_STREQ(octavo_last_error(), "") << "of a call that succeeded";
}

TEST_F(CInterface, ALongMessageIsCutNotLost) {
  const std::string path(5000, 'x');
  octavo_plan* plan = nullptr;
  EXPECT_NE(octavo_plan_load(path.c_str(), nullptr, &plan), OCTAVO_OK);
  const std::string said = octavo_last_error();
  EXPECT_NE(said.find("xxx"), std::string::npos);
  EXPECT_LT(said.size(), 1024u);
}

TEST_F(CInterface, ValuesWithANanAreRejectedAndInfinityIsClamped) {
  std::vector<float> values(inputs_, 0.0f);
  values[7] = std::numeric_limits<float>::quiet_NaN();
  refused(octavo_run_values(session_, values.data(), values.size(), logits_.data(), logits_.size()),
          OCTAVO_REJECTED, "value 7 ");
  values[7] = std::numeric_limits<float>::infinity();
  ASSERT_EQ(
      octavo_run_values(session_, values.data(), values.size(), logits_.data(), logits_.size()),
      OCTAVO_OK);
  for (const float logit : logits_) EXPECT_TRUE(std::isfinite(logit));
}

}  // namespace
}  // namespace octavo
