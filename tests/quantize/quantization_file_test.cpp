#include "quantize/quantization_file.h"

#include <gtest/gtest.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <random>

#include "quantize/every_step.h"
#include "quantize/passes.h"

namespace octavo {
namespace {

using testing::Calibrated;
using testing::every_step;
using testing::pictures;
using testing::small_preprocess;

const CalibrationKey key{{"model", "abc"}, {"set of options", "{}"}};

KeptQuantization made(const Calibrated& network) {
  auto q = run_passes(network.inputs(), {}, {});
  EXPECT_TRUE(q) << q.error().message;
  return {key, *std::move(q), {"a warning", "another"}};
}

TEST(QuantizationFile, EveryFieldIsReadAsItWasWritten) {
  const auto network = Calibrated::make(every_step(31), pictures(12));
  const KeptQuantization kept = made(network);
  const Quantization& a = kept.quantization;
  const auto read = deserialize_quantization(serialize_quantization(kept));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->key, key);
  EXPECT_EQ(read->warnings, kept.warnings);
  EXPECT_TRUE(check_quantization(read->quantization, network.network));
  const Quantization& b = read->quantization;
  ASSERT_EQ(b.tensors.size(), a.tensors.size());
  for (size_t t = 0; t < a.tensors.size(); ++t) {
    for (const auto field : {&Quantization::scales, &Quantization::tensors}) {
      EXPECT_EQ((b.*field)[t].type, (a.*field)[t].type);
      EXPECT_EQ((b.*field)[t].levels.hi, (a.*field)[t].levels.hi);
      EXPECT_EQ((b.*field)[t].scale, (a.*field)[t].scale);
      EXPECT_EQ((b.*field)[t].zero_point, (a.*field)[t].zero_point);
    }
  }
  ASSERT_EQ(b.convolutions.size(), a.convolutions.size());
  size_t tables = 0;
  for (size_t s = 0; s < a.convolutions.size(); ++s) {
    EXPECT_EQ(b.convolutions[s].weights.values, a.convolutions[s].weights.values);
    EXPECT_EQ(b.convolutions[s].weights.unit, a.convolutions[s].weights.unit);
    EXPECT_EQ(b.convolutions[s].real_bias, a.convolutions[s].real_bias);
    EXPECT_EQ(b.convolutions[s].offsets, a.convolutions[s].offsets);
    ASSERT_EQ(b.tables[s].has_value(), a.tables[s].has_value());
    if (!a.tables[s]) continue;
    ++tables;
    EXPECT_EQ(b.tables[s]->knots, a.tables[s]->knots);
    EXPECT_EQ(b.tables[s]->argument_unit, a.tables[s]->argument_unit);
  }
  EXPECT_GT(tables, 0u);
  EXPECT_EQ(b.compensated, a.compensated);
  EXPECT_EQ(b.learned, a.learned);
  EXPECT_EQ(b.bias_shifts, a.bias_shifts);
  EXPECT_EQ(b.shifts_in_order, a.shifts_in_order);
  EXPECT_EQ(b.report.steps, a.report.steps);
  EXPECT_EQ(b.report.logits_cosine, a.report.logits_cosine);
  EXPECT_EQ(serialize(b.plan), serialize(a.plan));
}

// Later passes run on what was read as on what was made.
TEST(QuantizationFile, PassesGoOnFromWhatIsRead) {
  const auto network = Calibrated::make(every_step(32), pictures(12));
  const KeptQuantization kept = made(network);
  auto read = deserialize_quantization(serialize_quantization(kept));
  ASSERT_TRUE(read) << read.error().message;
  Quantization& q = read->quantization;
  q.plan = {};
  q.report = {};
  for (const Pass& pass : passes()) {
    if (pass.name != "plan" && pass.name != "report") continue;
    const auto ran = pass.run(network.inputs(), q);
    ASSERT_TRUE(ran) << ran.error().message;
  }
  EXPECT_EQ(serialize(q.plan), serialize(kept.quantization.plan));
  EXPECT_EQ(q.report.steps, kept.quantization.report.steps);
}

TEST(QuantizationFile, PlansAreTheSameBytesWithAndWithoutIt) {
  const Graph graph = every_step(33);
  const Preprocess how = small_preprocess();
  std::vector<std::byte> file;
  int calibrated = 0;
  QuantizationStore store;
  store.load = [&]() -> Result<std::shared_ptr<const KeptQuantization>> {
    if (file.empty()) return std::shared_ptr<const KeptQuantization>();
    auto kept = deserialize_quantization(file);
    if (!kept) return kept.error();
    return std::make_shared<const KeptQuantization>(*std::move(kept));
  };
  store.save = [&](const Quantization& q, const std::vector<std::string>& warnings) -> Status {
    file = serialize_quantization({key, q, warnings});
    return {};
  };
  QuantizeOptions options;
  options.ran = [&](const PassRun& run) { calibrated += run.name == "calibration" ? 1 : 0; };
  const auto plain = quantize(graph, &how, pictures(12), options);
  const auto first = quantize(graph, &how, pictures(12), options, nullptr, &store);
  const auto second = quantize(graph, &how, pictures(12), options, nullptr, &store);
  ASSERT_TRUE(plain && first && second);
  EXPECT_EQ(calibrated, 2);
  EXPECT_EQ(serialize(first->plan), serialize(plain->plan));
  EXPECT_EQ(serialize(second->plan), serialize(plain->plan));
  EXPECT_EQ(second->warnings, plain->warnings);
}

TEST(QuantizationFile, AnotherNetworksIsNotTaken) {
  const auto network = Calibrated::make(every_step(31), pictures(4));
  const KeptQuantization kept = made(network);
  testing::GraphBuilder b({1, testing::side, testing::side, 3}, 4);
  b.conv("head", b.global_pool("pool", b.conv("stem", b.graph.input, 8)), 4);
  const auto other = Calibrated::make(b.graph, pictures(4));
  const Status refused = check_quantization(kept.quantization, other.network);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
  Quantization narrow = kept.quantization;
  narrow.tensors[network.network.graph.input].scale = {1, 1};
  EXPECT_FALSE(check_quantization(narrow, network.network));
}

TEST(QuantizationFile, WhateverIsCutOrChangedIsRefused) {
  const auto bytes = serialize_quantization(made(Calibrated::make(every_step(31), pictures(3))));
  EXPECT_TRUE(looks_like_quantization(bytes));
  EXPECT_FALSE(looks_like_calibration(bytes));
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 16) {
    const auto read = deserialize_quantization(std::span(bytes).first(size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().kind, ErrorKind::rejected);
  }
  for (size_t at = 0; at < bytes.size(); at += at < 64 ? 1 : 1 + at / 16) {
    auto changed = bytes;
    changed[at] ^= std::byte{16};
    EXPECT_FALSE(deserialize_quantization(changed)) << at;
  }
}

// Lengths of 2^60 and the like, with a hash that is right.
TEST(QuantizationFile, HostileBytesAreRefusedOrHarmless) {
  const auto network = Calibrated::make(every_step(31), pictures(3));
  const auto bytes = serialize_quantization(made(network));
  constexpr uint64_t seed = 20;
  std::mt19937_64 random(seed);
  const uint64_t values[] = {0, 1, 7, uint64_t{1} << 20, uint64_t{1} << 60, UINT64_MAX};
  size_t refused = 0;
  for (int trial = 0; trial < 400; ++trial) {
    auto changed = bytes;
    const size_t at = 24 + random() % (bytes.size() - 32);
    const uint64_t value = trial % 2 ? values[random() % std::size(values)] : random();
    std::memcpy(changed.data() + at, &value, sizeof value);
    const uint64_t hash = XXH3_64bits(changed.data() + 24, changed.size() - 24);
    std::memcpy(changed.data() + 16, &hash, sizeof hash);
    auto read = deserialize_quantization(changed);
    if (!read || !check_quantization(read->quantization, network.network)) {
      ++refused;
      continue;
    }
    EXPECT_TRUE(verify(read->quantization.plan)) << "seed " << seed;
  }
  EXPECT_GT(refused, 20u) << "seed " << seed;
}

}  // namespace
}  // namespace octavo
