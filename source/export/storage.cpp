#include "export/storage.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

namespace octavo {

namespace {

bool has_pads(const std::array<int32_t, 4>& pads) {
  return std::any_of(pads.begin(), pads.end(), [](int32_t pad) { return pad != 0; });
}

const Epilogue* epilogue_of(const StepOperator& op) {
  return std::visit(
      [](const auto& step) -> const Epilogue* {
        if constexpr (requires { step.epilogue; }) {
          return &step.epilogue;
        } else {
          return nullptr;
        }
      },
      op);
}

bool is_residual(const Step& step, size_t input) {
  const Epilogue* epilogue = epilogue_of(step.op);
  return epilogue != nullptr && epilogue->has_residual && input + 1 == step.inputs.size();
}

// Whether the reader can take a constant a channel off its input: in its bias or behind it, or in
// front of it where the reader is calculated in float anyway.
bool takes_offsets(const Step& step, size_t input) {
  if (is_residual(step, input)) return true;
  if (const auto* convolution = std::get_if<ConvolutionStep>(&step.op)) {
    return !counts_padding(step.op) || !ends_in_pair(convolution->epilogue);
  }
  return std::holds_alternative<PoolStep>(step.op) || std::holds_alternative<AddStep>(step.op) ||
         std::holds_alternative<MultiplyStep>(step.op) ||
         std::holds_alternative<DivideStep>(step.op) ||
         std::holds_alternative<RescaleStep>(step.op) ||
         std::holds_alternative<ResizeStep>(step.op);
}

// The same at the price of a float operator in front of what integers could do.
bool can_add_offsets(const Step& step, size_t input) {
  return takes_offsets(step, input) || std::holds_alternative<ConvolutionStep>(step.op);
}

// Beyond this that price is lower: two decibels of a tensor's rounding noise.
constexpr double most_coarser = 1.25;

// Whether the reader can take units that differ from channel to channel.
bool takes_units(const Plan& plan, const Step& step, size_t input) {
  if (is_residual(step, input)) return true;
  if (const auto* convolution = std::get_if<ConvolutionStep>(&step.op)) {
    return convolution->groups == plan.tensors[step.inputs[0]].shape[3];
  }
  const auto* pool = std::get_if<PoolStep>(&step.op);
  return (pool != nullptr && pool->kind == PoolStep::Kind::average) ||
         std::holds_alternative<AddStep>(step.op) ||
         std::holds_alternative<MultiplyStep>(step.op) ||
         std::holds_alternative<DivideStep>(step.op) ||
         std::holds_alternative<RescaleStep>(step.op) ||
         std::holds_alternative<ResizeStep>(step.op);
}

// Tensors that share scale and zero point because stored values move from one to the other.
class Groups {
 public:
  explicit Groups(const Plan& plan) : parent_(plan.tensors.size()) {
    std::iota(parent_.begin(), parent_.end(), 0u);
    for (const Step& step : plan.steps) {
      if (!moves_values(step.op)) continue;
      for (const uint32_t input : step.inputs) parent_[root(input)] = root(step.output);
    }
  }
  uint32_t root(uint32_t t) {
    while (parent_[t] != t) t = parent_[t] = parent_[parent_[t]];
    return t;
  }

 private:
  std::vector<uint32_t> parent_;
};

// What a channel stores, in steps from its zero point.
struct Span {
  double lo, hi;
};

class Chooser {
 public:
  Chooser(const Plan& plan, bool symmetric)
      : plan_(plan),
        symmetric_(symmetric),
        groups_(plan),
        makers_(plan.tensors.size()),
        readers_(plan.tensors.size()),
        out_(plan.tensors.size()) {
    for (const Step& step : plan.steps) {
      makers_[step.output] = &step;
      if (moves_values(step.op)) continue;
      for (size_t i = 0; i < step.inputs.size(); ++i)
        readers_[step.inputs[i]].push_back({&step, i});
    }
  }

  std::vector<Storage> run() {
    std::vector<std::vector<uint32_t>> members(plan_.tensors.size());
    for (uint32_t t = 0; t < plan_.tensors.size(); ++t) members[groups_.root(t)].push_back(t);
    for (const auto& group : members) {
      if (!group.empty()) choose(group);
    }
    return std::move(out_);
  }

 private:
  const PlanTensor& tensor(uint32_t t) const { return plan_.tensors[t]; }
  size_t channels(uint32_t t) const { return static_cast<size_t>(tensor(t).shape[3]); }

  template <class Predicate>
  bool all_readers(const std::vector<uint32_t>& group, Predicate holds) const {
    return std::all_of(group.begin(), group.end(), [&](uint32_t t) {
      return std::all_of(readers_[t].begin(), readers_[t].end(),
                         [&](const Reader& reader) { return holds(*reader.step, reader.input); });
    });
  }

  // One real number that stands for all scales of the group: the scale itself where there is one.
  double typical_scale(const std::vector<uint32_t>& group) const {
    double sum = 0, count = 0;
    bool same = true;
    const float first = tensor(group[0]).scale[0];
    for (const uint32_t t : group) {
      for (const float scale : tensor(t).scale) {
        same = same && scale == first;
        sum += std::log2(std::clamp(static_cast<double>(scale), 1e-6, 1e6));
        count += 1;
      }
    }
    const bool usable = first >= 1e-9f && first <= 1e9f;
    // A power of two moves no bit of a multiplier, so that integer kernels round as the plan does.
    return same && usable ? first : std::exp2(std::rint(sum / count));
  }

  void choose(const std::vector<uint32_t>& group) {
    if (tensor(group[0]).type == ElementType::f32) {
      for (const uint32_t t : group) out_[t].type = ElementType::f32;
      return;
    }
    const double unit = typical_scale(group);
    std::set<int32_t> zeros;
    for (const uint32_t t : group)
      zeros.insert(tensor(t).zero_point.begin(), tensor(t).zero_point.end());
    if (symmetric_ && tensor(group[0]).type == ElementType::u8) return unite(group, unit);
    if (zeros.size() == 1 || all_readers(group, takes_offsets)) return keep(group, unit, zeros);
    const double most = is_picture(group) ? 1 : most_coarser;
    const bool dear = united(group).cost > most && all_readers(group, can_add_offsets);
    return dear ? keep(group, unit, zeros) : unite(group, unit);
  }

  bool is_picture(const std::vector<uint32_t>& group) const {
    return plan_.picture_input && std::find(group.begin(), group.end(), plan_.input) != group.end();
  }

  // The plan's own integers.
  void keep(const std::vector<uint32_t>& group, double unit, const std::set<int32_t>& zeros) {
    const int32_t zero = (*zeros.begin() + *zeros.rbegin()) / 2;
    for (const uint32_t t : group) {
      Storage& storage = out_[t];
      const ElementType type = tensor(t).type;
      storage.type = symmetric_ && type == ElementType::i16 ? ElementType::f32 : type;
      storage.scale = static_cast<float>(unit);
      storage.unit = {storage.scale};
      storage.zero_point = zero;
      storage.offset.clear();
      for (const int32_t z : tensor(t).zero_point) storage.offset.push_back(zero - z);
    }
  }

  Span span_of(uint32_t t, size_t c) const {
    const StoredLevels levels = levels_of(tensor(t).type);
    double lo = levels.lo, hi = levels.hi;
    const Epilogue* epilogue = makers_[t] == nullptr ? nullptr : epilogue_of(makers_[t]->op);
    if (epilogue != nullptr && !moves_values(makers_[t]->op)) {
      lo = of_channel(epilogue->lo, c);
      hi = of_channel(epilogue->hi, c);
    }
    const int32_t zero = of_channel(tensor(t).zero_point, c);
    return {std::min(lo - zero, 0.0), std::max(hi - zero, 0.0)};
  }

  // Spans whose steps one zero point and one scale store.
  struct Pair {
    int32_t zero_point;
    double lowest, highest;  // steps below and above the zero point
    double coarseness(const Span& span) const {
      const double below = span.lo < 0 ? (lowest > 0 ? -span.lo / lowest : INFINITY) : 0;
      const double above = span.hi > 0 ? (highest > 0 ? span.hi / highest : INFINITY) : 0;
      return std::max(below, above);
    }
  };
  Pair pair_at(int32_t zero) const {
    return symmetric_ ? Pair{0, 127, 127}
                      : Pair{zero, static_cast<double>(zero), static_cast<double>(255 - zero)};
  }

  // The pair of one zero point with which the steps of a group's channels grow least.
  struct United {
    std::vector<Span> spans;
    bool apart = false;  // the channels' units may differ
    Pair pair{};
    double cost = 0;  // how much the steps grow: the root mean square, or the worst where all do
  };
  United united(const std::vector<uint32_t>& group) const {
    United out;
    for (const uint32_t t : group) {
      if (makers_[t] != nullptr && moves_values(makers_[t]->op)) continue;
      for (size_t c = 0; c < channels(t); ++c) out.spans.push_back(span_of(t, c));
    }
    out.apart = group.size() == 1 && all_readers(group, [&](const Step& step, size_t i) {
                  return takes_units(plan_, step, i);
                });
    out.cost = std::numeric_limits<double>::infinity();
    for (int32_t zero = 0; zero <= (symmetric_ ? 0 : 255); ++zero) {
      const Pair pair = pair_at(zero);
      double sum = 0, worst = 0;
      for (const Span& span : out.spans) {
        const double coarseness = pair.coarseness(span);
        sum += coarseness * coarseness;
        worst = std::max(worst, coarseness);
      }
      const double cost =
          out.apart ? std::sqrt(sum / static_cast<double>(out.spans.size())) : worst;
      if (cost < out.cost) {
        out.cost = cost;
        out.pair = pair;
      }
    }
    return out;
  }

  // One zero point for all channels, values counted from each channel's own zero.
  void unite(const std::vector<uint32_t>& group, double unit) {
    const auto [spans, apart, pair, cost] = united(group);
    const double factor = std::max(cost, 1e-3);
    for (const uint32_t t : group) {
      Storage& storage = out_[t];
      storage.type = symmetric_ ? ElementType::i8 : ElementType::u8;
      storage.zero_point = pair.zero_point;
      storage.coarser = factor;
      storage.scale = static_cast<float>(apart ? unit : unit * factor);
      storage.unit = {unit};
      if (apart) set_units(storage, pair, spans);
    }
    if (is_picture(group) && group.size() == 1) count_from_mean(out_[plan_.input]);
  }

  // Every channel fills the pair's range.
  static void set_units(Storage& storage, const Pair& pair, const std::vector<Span>& spans) {
    storage.unit.clear();
    for (const Span& span : spans) {
      storage.unit.push_back(double{storage.scale} / std::max(pair.coarseness(span), 1e-3));
    }
  }

  // A picture's zero is its mean, which its integer zero point only comes near.
  void count_from_mean(Storage& storage) const {
    storage.offset.clear();
    for (size_t c = 0; c < channels(plan_.input); ++c) {
      storage.offset.push_back(double{plan_.preprocess.mean[std::min<size_t>(c, 2)]} -
                               of_channel(tensor(plan_.input).zero_point, c));
    }
  }

  const Plan& plan_;
  bool symmetric_;
  Groups groups_;
  struct Reader {
    const Step* step;
    size_t input;
  };

  std::vector<const Step*> makers_;           // by tensor
  std::vector<std::vector<Reader>> readers_;  // likewise: those that calculate
  std::vector<Storage> out_;
};

}  // namespace

bool Storage::is_centred() const {
  return std::all_of(offset.begin(), offset.end(), [](double v) { return std::fabs(v) <= 0.5; });
}

Grid Storage::grid() const {
  const StoredLevels levels = levels_of(type);
  return {{scale}, {zero_point - levels.lo}, levels.hi - levels.lo};
}

bool moves_values(const StepOperator& op) {
  const auto* pool = std::get_if<PoolStep>(&op);
  return (pool != nullptr && pool->kind == PoolStep::Kind::maximum) ||
         std::holds_alternative<GatherStep>(op) || std::holds_alternative<ConcatStep>(op) ||
         std::holds_alternative<ReshapeStep>(op) || std::holds_alternative<PermuteStep>(op);
}

bool ends_in_pair(const Epilogue& epilogue) {
  return epilogue.activation == Activation::none && !epilogue.has_residual;
}

bool counts_padding(const StepOperator& op) {
  if (const auto* convolution = std::get_if<ConvolutionStep>(&op))
    return has_pads(convolution->pads);
  const auto* pool = std::get_if<PoolStep>(&op);
  return pool != nullptr && pool->kind == PoolStep::Kind::average && pool->count_include_pad &&
         has_pads(pool->pads);
}

std::vector<Storage> choose_storage(const Plan& plan, bool symmetric) {
  return Chooser(plan, symmetric).run();
}

}  // namespace octavo
