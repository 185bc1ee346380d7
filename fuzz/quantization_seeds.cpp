// Quantizations of a small network for fuzz_quantization to begin with.
#include "base/file.h"
#include "base/text.h"
#include "quantize/build_graph.h"
#include "quantize/quantization_file.h"

int main(int argument_count, char** arguments) {
  if (argument_count != 2) return 2;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    octavo::testing::GraphBuilder b({1, 6, 6, 3}, seed);
    const auto stem = b.conv("stem", b.graph.input, 4, {3, 1, 1});
    b.conv("head", b.global_pool("pool", b.unary("act", octavo::Unary::Kind::silu, stem)), 3);
    octavo::CalibrationFeed feed;
    feed.count = 2;
    feed.values = [&](size_t) -> octavo::Result<std::vector<float>> { return b.noise(108, 1); };
    octavo::Status written;
    octavo::QuantizationStore store;
    store.load = []() -> octavo::Result<std::shared_ptr<const octavo::KeptQuantization>> {
      return std::shared_ptr<const octavo::KeptQuantization>();
    };
    store.save = [&](const octavo::Quantization& q, const std::vector<std::string>& warnings) {
      const auto bytes = octavo::serialize_quantization({{{"model", "abc"}}, q, warnings});
      const std::string path = octavo::concat(arguments[1], "/seed", seed, ".qnt");
      written = octavo::write_file(path, bytes, true);
      return written;
    };
    if (!octavo::quantize(b.graph, nullptr, feed, {}, nullptr, &store)) return 1;
  }
  return 0;
}
