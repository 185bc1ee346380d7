#include "quantize/warnings.h"

#include <gtest/gtest.h>

#include "quantize/build_graph.h"

namespace octavo {
namespace {

// A classifier of colours whose confidence depends on their order: class 0 for red.
Graph red_or_blue() {
  testing::GraphBuilder b({1, 4, 4, 3}, 1);
  const TensorId pooled = b.global_pool("pool", b.graph.input);
  const TensorId weight = b.graph.add_constant("w", {2, 1, 1, 3}, {8, 0, 0, 0, 0, 1});
  b.node("head", Conv2d{}, {pooled, weight});
  return b.graph;
}

CalibrationFeed red_pictures() {
  CalibrationFeed feed;
  feed.count = 5;
  feed.pixels = [](size_t) -> Result<std::vector<uint8_t>> {
    std::vector<uint8_t> out;
    for (int pixel = 0; pixel < 16; ++pixel) out.insert(out.end(), {200, 100, 50});
    return out;
  };
  return feed;
}

TEST(Warnings, AWrongColorOrderIsLessSure) {
  Preprocess how;
  how.height = how.width = 4;
  how.std = {255, 255, 255};
  const auto right = compare_color_orders(red_or_blue(), how, red_pictures(), {});
  ASSERT_TRUE(right) << right.error().message;
  EXPECT_EQ(right->pictures, 5u);
  // Logits 8 r / 255 and b / 255: softmax by hand.
  EXPECT_NEAR(right->as_given, 1 / (1 + std::exp((50 - 8 * 200) / 255.0)), 1e-5);
  EXPECT_NEAR(right->reversed, 1 / (1 + std::exp((200 - 8 * 50) / 255.0)), 1e-5);
  EXPECT_FALSE(right->reversed_is_clearly_better());
}

TEST(Warnings, ClearlyBetterNeedsAMargin) {
  EXPECT_TRUE((ColorConfidence{0.4, 0.6, 32}).reversed_is_clearly_better());
  EXPECT_FALSE((ColorConfidence{0.6, 0.61, 32}).reversed_is_clearly_better());
}

}  // namespace
}  // namespace octavo
