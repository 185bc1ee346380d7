#include "quantize/calibration_file.h"

#include <gtest/gtest.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <random>

#include "plan/plan.h"
#include "quantize/build_graph.h"
#include "quantize/quantizer.h"
#include "quantize/small_pictures.h"

namespace octavo {
namespace {

using testing::GraphBuilder;
using testing::pictures;
using testing::small_preprocess;

Graph network(uint64_t seed, int64_t channels = 8) {
  GraphBuilder b({1, testing::side, testing::side, 3}, seed);
  const TensorId stem = b.conv("stem", b.graph.input, channels, {3, 2, 1});
  const TensorId smooth = b.unary("smooth", Unary::Kind::silu, stem);
  const TensorId deep = b.conv("deep", smooth, channels, {3, 1, static_cast<int>(channels)});
  const TensorId sum = b.binary("sum", Binary::Kind::add, deep, smooth);
  b.conv("head", b.global_pool("pool", sum), 5);
  return b.graph;
}

const CalibrationKey key{{"model", "abc"}, {"pictures", "def"}};

struct Cut {
  StepNetwork network;
  Calibration calibration;
  CalibrateOptions options{64, true};
};

Cut calibrated(const Graph& graph, const CalibrationFeed& feed) {
  const Preprocess how = small_preprocess();
  auto network = cut_into_steps(graph, &how, {});
  EXPECT_TRUE(network) << network.error().message;
  Cut out{*std::move(network), {}};
  auto calibration =
      calibrate(out.network.graph, out.network.formed, out.network.mapping, feed, {}, out.options);
  EXPECT_TRUE(calibration) << calibration.error().message;
  out.calibration = *std::move(calibration);
  return out;
}

Status check(const Cut& cut, const Calibration& calibration, size_t pictures) {
  return check_calibration(calibration, cut.network.graph, cut.network.formed, pictures,
                           cut.options);
}

void set_hash(std::vector<std::byte>& bytes) {
  const uint64_t hash = XXH3_64bits(bytes.data() + 24, bytes.size() - 24);
  std::memcpy(bytes.data() + 16, &hash, sizeof hash);
}

TEST(CalibrationFile, WhatIsReadIsWhatWasWritten) {
  const Cut cut = calibrated(network(3), pictures(12));
  const auto bytes = serialize_calibration(key, cut.calibration);
  const auto kept = deserialize_calibration(bytes);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->key, key);
  EXPECT_EQ(serialize_calibration(key, kept->calibration), bytes);
  const Status fits = check(cut, kept->calibration, 12);
  EXPECT_TRUE(fits) << fits.error().message;
  // Not by its own writer: the numbers themselves.
  for (size_t t = 0; t < cut.calibration.stored.size(); ++t) {
    const TensorStatistics &a = cut.calibration.stored[t], &b = kept->calibration.stored[t];
    EXPECT_EQ(a.moments.sum, b.moments.sum);
    EXPECT_EQ(a.moments.nonzero, b.moments.nonzero);
    EXPECT_EQ(a.pictures, b.pictures);
    ASSERT_EQ(a.histograms.channels(), b.histograms.channels());
    for (int64_t c = 0; c < a.histograms.channels(); ++c) {
      EXPECT_EQ(a.histograms.bin_width(c), b.histograms.bin_width(c));
      const auto ours = a.histograms.counts(c), theirs = b.histograms.counts(c);
      EXPECT_TRUE(std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end()));
    }
  }
}

TEST(CalibrationFile, PicturesFarBeyondTheOthersAreKept) {
  const Graph graph = network(5);
  CalibrationFeed feed = pictures(24);
  const auto usual = feed.pixels;
  feed.pixels = [usual](size_t i) -> Result<std::vector<uint8_t>> {
    auto pixels = usual(i);
    if (i != 7) {  // 7 alone is not nearly uniform
      for (uint8_t& pixel : *pixels) pixel = static_cast<uint8_t>(122 + pixel / 64);
    }
    return pixels;
  };
  const Cut cut = calibrated(graph, feed);
  ASSERT_FALSE(cut.calibration.far.empty());
  const auto kept = deserialize_calibration(serialize_calibration(key, cut.calibration));
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_TRUE(check(cut, kept->calibration, 24));
  const auto a = cut.calibration.far.summary(), b = kept->calibration.far.summary();
  EXPECT_EQ(a.picture, 7u);
  EXPECT_EQ(b.picture, 7u);
  EXPECT_EQ(a.times, b.times);
  for (size_t t = 0; t < cut.network.graph.tensors.size(); ++t) {
    EXPECT_EQ(cut.calibration.far.contains(t, 7), kept->calibration.far.contains(t, 7));
  }
}

// For every method, at one and two threads: one store, which the first build fills.
TEST(CalibrationFile, PlansAreTheSameBytesWithAndWithoutIt) {
  const Graph graph = network(9);
  const Preprocess how = small_preprocess();
  std::vector<std::byte> file;
  int saved = 0;
  CalibrationStore store;
  store.load = [&]() -> Result<std::shared_ptr<const Calibration>> {
    if (file.empty()) return std::shared_ptr<const Calibration>();
    auto kept = deserialize_calibration(file);
    if (!kept) return kept.error();
    return std::make_shared<const Calibration>(std::move(kept->calibration));
  };
  store.save = [&](const Calibration& calibration) -> Status {
    file = serialize_calibration(key, calibration);
    ++saved;
    return {};
  };
  for (const auto method : {RangeMethod::automatic, RangeMethod::maximum, RangeMethod::percentile,
                            RangeMethod::mse, RangeMethod::kl}) {
    for (const int threads : {1, 2}) {
      QuantizeOptions options;
      options.method = method;
      options.threads = threads;
      const auto plain = quantize(graph, &how, pictures(12), options);
      const auto stored = quantize(graph, &how, pictures(12), options, &store);
      ASSERT_TRUE(plain && stored);
      EXPECT_EQ(serialize(plain->plan), serialize(stored->plan)) << static_cast<int>(method);
      EXPECT_EQ(plain->warnings, stored->warnings);
    }
  }
  EXPECT_EQ(saved, 1);
}

TEST(CalibrationFile, WhateverIsCutOrChangedIsRefused) {
  const Cut cut = calibrated(network(3, 4), pictures(3));
  const auto bytes = serialize_calibration(key, cut.calibration);
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 64) {
    const auto read = deserialize_calibration(std::span(bytes).first(size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().kind, ErrorKind::rejected);
  }
  for (size_t at = 0; at < bytes.size(); at += at < 64 ? 1 : 1 + at / 64) {
    auto changed = bytes;
    changed[at] ^= std::byte{16};
    EXPECT_FALSE(deserialize_calibration(changed)) << at;
  }
  auto longer = bytes;
  longer.push_back({});
  set_hash(longer);
  EXPECT_FALSE(deserialize_calibration(longer));
}

// Lengths of 2^60 and the like, with a hash that is right: refused before room is made for them,
// or by the check, or harmless.
TEST(CalibrationFile, HostileBytesAreRefusedOrHarmless) {
  const Graph graph = network(3, 4);
  const Preprocess how = small_preprocess();
  const CalibrationFeed feed = pictures(3);
  const Cut cut = calibrated(graph, feed);
  const auto bytes = serialize_calibration(key, cut.calibration);
  constexpr uint64_t seed = 20;
  std::mt19937_64 random(seed);
  const uint64_t values[] = {0,
                             1,
                             7,
                             uint64_t{1} << 20,
                             uint64_t{1} << 60,
                             UINT64_MAX,
                             0x7ff8000000000000ull,
                             0x7f8000007f800000ull};
  size_t refused = 0, folded = 0;
  for (int trial = 0; trial < 400; ++trial) {
    auto changed = bytes;
    const size_t at = 24 + random() % (bytes.size() - 32);
    const uint64_t value = trial % 2 ? values[random() % std::size(values)] : random();
    std::memcpy(changed.data() + at, &value, sizeof value);
    set_hash(changed);
    auto read = deserialize_calibration(changed);
    if (!read || !check(cut, read->calibration, 3)) {
      ++refused;
      continue;
    }
    CalibrationStore store;
    store.load = [&]() -> Result<std::shared_ptr<const Calibration>> {
      return std::make_shared<const Calibration>(std::move(read->calibration));
    };
    if (quantize(graph, &how, feed, {}, &store)) ++folded;
  }
  EXPECT_GT(refused, 20u) << "seed " << seed;
  EXPECT_GT(folded, 20u) << "seed " << seed;
}

TEST(CalibrationFile, AnotherNetworksIsNotTaken) {
  const Cut cut = calibrated(network(3), pictures(6)),
            wider = calibrated(network(3, 16), pictures(6));
  EXPECT_TRUE(check(cut, cut.calibration, 6));
  EXPECT_FALSE(check(cut, wider.calibration, 6));
  EXPECT_FALSE(check(cut, cut.calibration, 7));
  Calibration without = cut.calibration;
  without.accumulated[cut.network.formed.steps.front().accumulated] = {};
  EXPECT_FALSE(check(cut, without, 6));
  without = cut.calibration;
  without.stored[cut.network.graph.input].whole = {};
  EXPECT_FALSE(check(cut, without, 6));
}

TEST(CalibrationFile, TheKeySaysWhatDiffers) {
  const CalibrationKey a{{"model", "1"}, {"preprocessing", "2"}, {"pictures", "3"}};
  EXPECT_EQ(differing_parts(a, a), "");
  EXPECT_EQ(differing_parts(a, {{"model", "1"}, {"preprocessing", "x"}, {"pictures", "3"}}),
            "preprocessing");
  EXPECT_EQ(differing_parts(a, {{"model", "y"}, {"preprocessing", "2"}, {"pictures", "x"}}),
            "model and pictures");
  EXPECT_EQ(differing_parts(a, {{"model", "1"}}), "preprocessing and pictures");
}

}  // namespace
}  // namespace octavo
