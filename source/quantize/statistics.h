// What calibration remembers of a tensor, channel by channel. The memory does not
// grow with the number of pictures, and the result does not depend on the order in
// which threads finish: counts are integers, histograms have bins at multiples of a
// power of two (so that growing merges whole bins), and floating-point sums are
// merged by the caller in the order of the pictures.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace octavo {

// For each channel 2 * half bins of width w = 2^exponent: bin half + i counts the values
// of [i, i + 1) * w, bin half - 1 - i those of (-(i + 1), -i] * w but for zero. The exponent
// is the smallest that holds the largest magnitude seen, whatever the order of the values.
class ChannelHistograms {
 public:
  static constexpr int compact_half = 256;  // a channel: about a bin a step of 8 bits
  static constexpr int fine_half = 2048;    // a whole tensor, where its shape matters

  ChannelHistograms() = default;
  ChannelHistograms(int64_t channels, int half);  // half: a power of two

  int64_t channels() const { return static_cast<int64_t>(exponent_.size()); }
  int half() const { return half_; }
  bool empty() const { return exponent_.empty(); }
  double bin_width(int64_t channel) const;
  std::span<const uint32_t> counts(int64_t channel) const;

  // values: pixels of `channels()` values; largest: the largest magnitude of each channel in them.
  void add(std::span<const float> values, std::span<const float> largest);
  void merge(const ChannelHistograms& other);
  // Its fields, for who keeps them in a file (calibration_file.h).
  static void visit(auto& self, auto& visit) { visit(self.half_, self.exponent_, self.counts_); }
  // Of what was kept: whether it could have been made by add() and merge().
  bool is_sound() const;

  // Channels c, c + period, c + 2 period, ... counted as one. `period` divides channels().
  ChannelHistograms folded(int64_t period) const;

 private:
  void add_channel(int64_t channel, const ChannelHistograms& other, int64_t theirs);
  void grow(int64_t channel, int exponent);

  int half_ = 0;
  std::vector<int> exponent_;
  std::vector<uint32_t> counts_;
};

// Moments of one picture, or of all.
struct ChannelMoments {
  std::vector<float> minimum, maximum;
  std::vector<double> sum, square_sum;
  std::vector<uint64_t> nonzero;
  uint64_t count = 0;  // values a channel

  ChannelMoments() = default;
  explicit ChannelMoments(int64_t channels);
  int64_t channels() const { return static_cast<int64_t>(sum.size()); }

  // Of what was kept: lists of one length, numbers that are numbers, and none beyond another.
  bool is_sound() const;

  static ChannelMoments of(std::span<const float> values, int64_t channels);
  void merge(const ChannelMoments& next);  // sums: call in the order of the pictures

  ChannelMoments folded(int64_t period) const;  // as ChannelHistograms::folded

  double mean(int64_t channel) const;
  double variance(int64_t channel) const;
};

// Their means alone, at a fraction of the time. Sums are those of ChannelMoments.
struct ChannelMeans {
  std::vector<double> sum;
  uint64_t count = 0;  // values a channel

  static ChannelMeans of(std::span<const float> values, int64_t channels);
  void merge(const ChannelMeans& next);  // call in the order of the pictures
  double mean(int64_t channel) const;
};

struct TensorStatistics {
  ChannelMoments moments;
  ChannelHistograms histograms;  // a channel
  ChannelHistograms whole;       // of all channels together; only where asked for
  uint64_t pictures = 0;
};

}  // namespace octavo
