// Plans beside their float network on the same inputs: agreement, drop and time, for the search of
// bounds. What the float network answers is computed once.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <vector>

#include "base/result.h"
#include "model/input.h"
#include "model/model.h"
#include "search/search.h"

namespace octavo {

struct JudgeInputs {
  size_t count = 0;
  std::function<Result<NetworkInput>(size_t)> load;  // from several threads
  std::vector<int> labels;                           // -1: not known
};

struct JudgeOptions {
  int threads = 1;
  std::function<void(size_t done, size_t total, const char* what)> progress;
  const std::atomic<bool>* stop = nullptr;
};

class PlanJudge {
 public:
  // Inputs that cannot be read are left out; the Error says so where none is left.
  static Result<PlanJudge> create(const Model& float_model, JudgeInputs inputs,
                                  const JudgeOptions& options);

  Result<Judgement> judge(const Plan& plan) const;
  size_t pictures() const { return picture_.size(); }

 private:
  PlanJudge(const Model& float_model, JudgeInputs inputs, const JudgeOptions& options)
      : float_model_(&float_model), inputs_(std::move(inputs)), options_(options) {}
  // The best class of each input that can be read; -1 of the others.
  Result<std::vector<int32_t>> answers(const Model& model, const char* what) const;

  const Model* float_model_;
  JudgeInputs inputs_;
  JudgeOptions options_;
  std::vector<size_t> picture_;  // those that can be read
  std::vector<int32_t> expected_;
};

}  // namespace octavo
