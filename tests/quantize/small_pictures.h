// Small pictures, and the logits that a float network and its plan give for them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "quantize/pass.h"
#include "quantize/report.h"
#include "runtime/program.h"

namespace octavo::testing {

inline constexpr int32_t side = 16;

inline Preprocess small_preprocess() {
  Preprocess how;
  how.height = how.width = side;
  how.mean = {123.675f, 116.28f, 103.53f};
  how.std = {58.395f, 57.12f, 57.375f};
  return how;
}

// Pictures with structure: a gradient, a blob and noise, from a seed.
inline std::vector<uint8_t> picture(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform(0, 1);
  const float x0 = uniform(random) * side, y0 = uniform(random) * side,
              size = 2 + 4 * uniform(random);
  std::array<float, 3> base{}, blob{};
  for (size_t c = 0; c < 3; ++c) {
    base[c] = 255 * uniform(random);
    blob[c] = 255 * uniform(random);
  }
  std::vector<uint8_t> out;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float dx = static_cast<float>(x) - x0, dy = static_cast<float>(y) - y0;
      const float near = std::exp(-(dx * dx + dy * dy) / (size * size));
      for (size_t c = 0; c < 3; ++c) {
        const float value = base[c] * (1 - near) + blob[c] * near + 40 * (uniform(random) - 0.5f);
        out.push_back(static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f)));
      }
    }
  }
  return out;
}

inline CalibrationFeed pictures(size_t count, uint64_t first = 1000) {
  CalibrationFeed feed;
  feed.count = count;
  feed.pixels = [first](size_t i) -> Result<std::vector<uint8_t>> { return picture(first + i); };
  return feed;
}

// A network and what its pictures told: what passes are run on one by one.
struct Calibrated {
  StepNetwork network;
  Calibration calibration;
  CalibrationFeed feed;
  Preprocess how = small_preprocess();

  static Calibrated make(const Graph& graph, CalibrationFeed feed,
                         const std::vector<std::string>& int16 = {}) {
    const Preprocess how = small_preprocess();
    QuantizeOptions options;
    options.int16_nodes = int16;
    auto network = cut_into_steps(graph, &how, options);
    EXPECT_TRUE(network) << network.error().message;
    auto calibration = calibrate(network->graph, network->formed, network->mapping, feed, {}, {});
    EXPECT_TRUE(calibration) << calibration.error().message;
    return {*std::move(network), *std::move(calibration), std::move(feed), how};
  }
  PassInputs inputs() const { return {network, calibration, &how, &feed, network.types.of}; }
  const FormedSteps& formed() const { return network.formed; }
};

inline std::vector<float> float_logits(const Graph& graph, const Preprocess& how,
                                       const std::vector<uint8_t>& pixels) {
  auto session = create_float_session(graph);
  EXPECT_TRUE(session) << session.error().message;
  CalibrationFeed feed;
  feed.count = 1;
  feed.pixels = [&](size_t) -> Result<std::vector<uint8_t>> { return pixels; };
  std::vector<float> logits(static_cast<size_t>(element_count(graph.tensors[graph.output].shape)));
  const auto values = load_values(feed, 0, input_mapping(graph, &how), pixels.size());
  EXPECT_TRUE((*session)->run(*values, logits));
  return logits;
}

inline std::vector<float> integer_logits(Session& session, const std::vector<uint8_t>& pixels,
                                         size_t classes) {
  std::vector<float> logits(classes);
  EXPECT_TRUE(session.run(std::as_bytes(std::span(pixels)), logits));
  return logits;
}

inline std::unique_ptr<Session> session_of(const Plan& plan) {
  auto program = Program::prepare(plan, "reference");
  EXPECT_TRUE(program) << program.error().message;
  auto session = Session::create(*program);
  EXPECT_TRUE(session) << session.error().message;
  return std::move(*session);
}

// Cosine of float and integer logits over pictures that calibration did not see.
inline double logits_cosine(const Graph& graph, const Plan& plan, size_t count = 20) {
  auto session = session_of(plan);
  Agreement agreement;
  for (uint64_t i = 0; i < count; ++i) {
    const auto pixels = picture(500000 + i);
    const auto a = float_logits(graph, small_preprocess(), pixels);
    agreement.add(a, integer_logits(*session, pixels, a.size()));
  }
  return agreement.cosine();
}

}  // namespace octavo::testing
