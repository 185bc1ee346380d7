#include "search/search.h"

#include <algorithm>

#include "base/fixed.h"
#include "base/text.h"
#include "quantize/fold_wider.h"

namespace octavo {

namespace {

class Search {
 public:
  Search(const Quantizer& quantizer, const Bounds& bounds, const Judge& judge,
         const SearchMemory& memory)
      : quantizer_(quantizer), bounds_(bounds), judge_(judge), memory_(memory) {}

  Result<Found> run() {
    if (const Status tried = begin(); !tried) return tried.error();
    const Status found = bounds_.of_accuracy() ? least_accurate() : most_in_time();
    if (!found) return found.error();
    if (const Status made = fold_best(); !made) return made.error();
    std::sort(out_.frontier.begin(), out_.frontier.end(),
              [](const FrontierPoint& a, const FrontierPoint& b) { return a.taken < b.taken; });
    for (size_t i = 0; i < out_.frontier.size(); ++i) {
      if (out_.frontier[i].taken == best_.taken) out_.chosen = i;
    }
    out_.missed = what_is_missed();
    return std::move(out_);
  }

 private:
  bool is_accurate(const FrontierPoint& p) const {
    if (bounds_.min_agreement && p.judged.agreement < *bounds_.min_agreement) return false;
    return !bounds_.max_drop || (p.judged.drop && *p.judged.drop <= *bounds_.max_drop);
  }
  bool is_in_time(const FrontierPoint& p) const {
    if (bounds_.max_slowdown && p.slowdown > *bounds_.max_slowdown) return false;
    return !bounds_.max_ms || p.judged.ms <= *bounds_.max_ms;
  }

  // Bounds of time go first: who gives one cannot wait longer.
  bool is_better(const FrontierPoint& a, const FrontierPoint& b) const {
    if (is_in_time(a) != is_in_time(b)) return is_in_time(a);
    if (!is_in_time(a)) return a.taken < b.taken;
    if (!bounds_.of_accuracy()) return a.taken > b.taken;
    if (is_accurate(a) != is_accurate(b)) return is_accurate(a);
    if (is_accurate(a)) return a.taken < b.taken;
    return a.judged.agreement > b.judged.agreement;
  }

  // Bytes alone, and whatever more there is to take.
  Status begin() {
    auto folded = quantizer_.fold();
    if (!folded) return folded.error();
    const Status tried = judge_and_add({}, *std::move(folded), {});
    if (!tried || (bounds_.of_accuracy() && is_accurate(best_))) return tried;
    auto candidates = quantizer_.wide_candidates(out_.folded, true);
    if (!candidates) return candidates.error();
    candidates_ = *std::move(candidates);
    if (bounds_.of_time() || !gains_by_widening(quantizer_, out_.folded)) return {};
    auto usual = fold_wider(quantizer_, out_.folded, candidates_);
    if (!usual) return usual.error();
    usual_ = std::move(usual->widening);
    if (usual_.tensors.empty()) return {};
    return judge_and_add(point_of(1, usual_), std::move(usual->quantization), usual_.tensors);
  }

  // What step `count` takes.
  Widening widening(size_t count) const {
    if (count == 0) return {};
    return usual_.tensors.empty() ? first_to_widen(candidates_, count)
                                  : first_to_widen(candidates_, count - 1, usual_);
  }
  size_t last_step() const {
    if (usual_.tensors.empty()) return candidates_.ranked.size();
    const auto left = std::count(usual_.taken.begin(), usual_.taken.end(), false);
    return 1 + static_cast<size_t>(left);
  }

  FrontierPoint point_of(size_t count, const Widening& widening) const {
    FrontierPoint point;
    point.taken = count;
    point.tensors = widening.tensors.size();
    point.macs_share = widening.macs / std::max(1.0, candidates_.total_macs);
    return point;
  }

  // The plan of step `count`; 0 was the beginning.
  Result<FrontierPoint> attempt(size_t count) {
    for (const FrontierPoint& known : out_.frontier) {
      if (known.taken == count) return known;
    }
    const Widening wide = widening(count);
    FrontierPoint point = point_of(count, wide);
    if (const FrontierPoint* known = remembered(count)) {
      point.judged = known->judged;
      add(point, std::nullopt, wide.tensors);
      return out_.frontier.back();
    }
    auto folded = quantizer_.fold(wide.tensors, wide.copied);
    if (!folded) return folded.error();
    const Status added = judge_and_add(point, *std::move(folded), wide.tensors);
    if (!added) return added.error();
    return out_.frontier.back();
  }

  const FrontierPoint* remembered(size_t count) const {
    for (const FrontierPoint& known : memory_.known) {
      if (known.taken == count) return &known;
    }
    return nullptr;
  }

  Status judge_and_add(FrontierPoint point, Quantization folded, std::vector<TensorId> wide) {
    const FrontierPoint* known = remembered(point.taken);
    auto judged = known ? Result<Judgement>(known->judged) : judge_(folded.plan);
    if (!judged) return judged.error();
    point.judged = *judged;
    if (memory_.tried && !known) memory_.tried(point);
    add(point, std::move(folded), std::move(wide));
    return {};
  }

  // folded: none of a plan that is remembered.
  void add(FrontierPoint point, std::optional<Quantization> folded, std::vector<TensorId> wide) {
    const bool is_first = out_.frontier.empty();
    if (!is_first && out_.frontier.front().judged.ms > 0) {
      point.slowdown = point.judged.ms / out_.frontier.front().judged.ms;
    }
    out_.frontier.push_back(point);
    if (!is_first && !is_better(point, best_)) return;
    best_ = point;
    best_is_folded_ = folded.has_value();
    if (folded) out_.folded = *std::move(folded);
    out_.wide = std::move(wide);
  }

  Status fold_best() {
    if (best_is_folded_) return {};
    const Widening wide = widening(best_.taken);
    auto folded = quantizer_.fold(wide.tensors, wide.copied);
    if (!folded) return folded.error();
    out_.folded = *std::move(folded);
    return {};
  }

  // Few candidates mostly do: 1, 3, 7, ... until they do, then between.
  Status least_accurate() {
    size_t below = 0, most = last_step(), enough = 0;
    for (size_t count = 1; below < most && enough == 0; count = std::min(2 * count + 1, most)) {
      const auto point = attempt(count);
      if (!point) return point.error();
      if (is_accurate(*point)) {
        enough = count;
      } else {
        below = count;
        if (!is_in_time(*point)) return {};  // more takes longer still
      }
    }
    while (enough > below + 1) {
      const size_t middle = below + (enough - below) / 2;
      const auto point = attempt(middle);
      if (!point) return point.error();
      (is_accurate(*point) ? enough : below) = middle;
    }
    return {};
  }

  Status most_in_time() {
    if (!is_in_time(best_)) return {};
    size_t fits = 0, most = last_step() + 1;
    while (most > fits + 1) {
      const size_t count =
          most > last_step() && fits == 0 ? last_step() : fits + (most - fits) / 2;
      const auto point = attempt(count);
      if (!point) return point.error();
      (is_in_time(*point) ? fits : most) = count;
    }
    return {};
  }

  std::string asked() const {
    std::string out;
    const auto add = [&](const std::optional<double>& bound, const char* before,
                         const char* behind) {
      if (!bound) return;
      out += concat(out.empty() ? "" : " and ", before, fixed(*bound, 2), behind);
    };
    add(bounds_.min_agreement, "an agreement of at least ", " %");
    add(bounds_.max_drop, "a drop of at most ", " points");
    add(bounds_.max_slowdown, "at most ", " times the time of bytes alone");
    add(bounds_.max_ms, "at most ", " ms");
    return out;
  }

  static std::string figures(const FrontierPoint& p) {
    return concat("an agreement of ", fixed(p.judged.agreement, 2), " %",
                  p.judged.drop ? concat(", a drop of ", fixed(*p.judged.drop, 2), " points")
                                : std::string(),
                  " and ", fixed(p.judged.ms, 2), " ms (", fixed(p.slowdown, 2),
                  " times) with 16 bits for ", p.tensors, " more tensors");
  }

  std::string what_is_missed() const {
    if (is_accurate(best_) && is_in_time(best_)) return "";
    std::string text = concat(asked(), " cannot be kept on ", best_.judged.pictures,
                              " pictures; the nearest plan has ", figures(best_));
    if (!is_in_time(best_)) return text + ": bytes alone are too slow on this machine already";
    const FrontierPoint& widest = out_.frontier.back();
    if (is_accurate(widest)) return concat(text, "; it takes ", figures(widest));
    if (widest.taken == last_step()) {
      return text + ": nothing more can have 16 bits; what is left is the rounding of weights to 8";
    }
    return concat(text, "; more 16-bit tensors would take longer than was asked");
  }

  const Quantizer& quantizer_;
  const Bounds& bounds_;
  const Judge& judge_;
  const SearchMemory& memory_;
  WideCandidates candidates_;
  Widening usual_;  // of build's own; nothing where time is bounded
  FrontierPoint best_;
  bool best_is_folded_ = false;
  Found out_;
};

}  // namespace

Result<Found> search_bounds(const Quantizer& quantizer, const Bounds& bounds, const Judge& judge,
                            const SearchMemory& memory) {
  return Search(quantizer, bounds, judge, memory).run();
}

}  // namespace octavo
