// What a step of a plan stores against what the float network has there, channel by channel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "graph/grid.h"
#include "plan/plan.h"

namespace octavo {

struct ErrorSums {
  double dot = 0, float_square = 0, plan_square = 0, error_square = 0;

  void add(double exact, double stored);
  void add(const ErrorSums& other);
  double cosine() const;
  double sqnr_db() const;  // 200 where there is no error at all
};

// Values of the float network in bins of the range that is stored: `beyond_bins` below it,
// `inside_bins` over it, `beyond_bins` above, all of one width, the outermost open.
inline constexpr int inside_bins = 32, beyond_bins = 4;
using RangeHistogram = std::array<uint32_t, inside_bins + 2 * beyond_bins>;

struct ChannelError {
  ErrorSums sums;
  RangeHistogram histogram{};  // stays empty where the tensor is float
};

// One tensor of a plan over any number of pictures. merge() in the order of the pictures gives the
// same sums at any number of threads.
class StepError {
 public:
  StepError() = default;
  // `stored`: as the plan keeps it, `exact`: the float network's, both pixels of all channels.
  StepError(const PlanTensor& tensor, std::span<const std::byte> stored,
            std::span<const float> exact);
  void merge(const StepError& other);

  ErrorSums total() const;
  const std::vector<ChannelError>& channels() const { return channels_; }
  size_t worst_channel() const;  // that with the most of the error

 private:
  std::vector<ChannelError> channels_;
};

// Real values that channel c of a tensor can store; its type must not be f32.
struct StoredRange {
  double lo = 0, hi = 0;
};
StoredRange stored_range(const PlanTensor& tensor, size_t c);

// As the steps of a plan round to the tensor, without a clamp of their own; its type must not be
// f32.
RowRounding rounding_of(const PlanTensor& tensor);

}  // namespace octavo
