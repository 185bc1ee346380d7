#include "pipeline/judge.h"

#include <algorithm>

#include "base/parallel.h"
#include "base/text.h"
#include "evaluate/latency.h"
#include "evaluate/statistics.h"

namespace octavo {

Result<PlanJudge> PlanJudge::create(const Model& float_model, JudgeInputs inputs,
                                    const JudgeOptions& options) {
  PlanJudge out(float_model, std::move(inputs), options);
  for (size_t i = 0; i < out.inputs_.count; ++i) out.picture_.push_back(i);
  auto answers = out.answers(float_model, "asking the float network");
  if (!answers) return answers.error();
  out.picture_.clear();
  for (size_t i = 0; i < answers->size(); ++i) {
    if ((*answers)[i] < 0) continue;
    out.picture_.push_back(i);
    out.expected_.push_back((*answers)[i]);
  }
  if (out.picture_.empty()) return rejected("none of the pictures that are to judge can be read");
  return out;
}

Result<std::vector<int32_t>> PlanJudge::answers(const Model& model, const char* what) const {
  std::vector<Classifier> workers;
  const auto wanted = static_cast<size_t>(std::max(options_.threads, 1));
  for (size_t t = 0; t < std::min(wanted, picture_.size()); ++t) {
    auto classifier = make_classifier(model, 1);
    if (!classifier) return classifier.error();
    workers.push_back(*std::move(classifier));
  }
  std::vector<int32_t> best(picture_.size(), -1);
  Parallel how{static_cast<int>(workers.size()), options_.stop, {}};
  if (options_.progress) {
    how.progress = [&](size_t done) { options_.progress(done, picture_.size(), what); };
  }
  const Status ran = for_each_index(picture_.size(), how, [&](size_t i, size_t worker) -> Status {
    const auto input = inputs_.load(picture_[i]);
    if (!input && input.error().kind == ErrorKind::unsupported) return input.error();  // memory
    if (!input) return {};
    std::vector<float> logits(static_cast<size_t>(model.outputs));
    if (const Status done = classify(workers[worker], *input, logits); !done) return done;
    best[i] = top_scores(model.output_kind, logits, 1)[0].index;
    return {};
  });
  if (!ran) return ran.error();
  return best;
}

Result<Judgement> PlanJudge::judge(const Plan& plan) const {
  const auto integer = model_of(plan);
  if (!integer) return integer.error();
  const auto answered = answers(*integer, "judging the plan");
  if (!answered) return answered.error();
  const auto ms = median_frame_ms(*integer, 1);
  if (!ms) return ms.error();

  Judgement out;
  out.pictures = picture_.size();
  out.ms = *ms;
  size_t agree = 0;
  std::vector<uint8_t> first, second;
  for (size_t i = 0; i < picture_.size(); ++i) {
    agree += (*answered)[i] == expected_[i];
    const int label = inputs_.labels[picture_[i]];
    if (label < 0) continue;
    first.push_back(expected_[i] == label);
    second.push_back((*answered)[i] == label);
  }
  out.agreement = 100 * static_cast<double>(agree) / static_cast<double>(out.pictures);
  if (!first.empty()) out.drop = compare_paired(first, second).drop;
  return out;
}

}  // namespace octavo
