#include "zoo/models.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace octavo::zoo {
namespace {

constexpr const char* one_model = R"(
[Small_net]
family = "Small"
architecture = "CNN"
size = 256
crop = 0.875
interpolation = "bicubic"
mean = [0.5, 0.25, 0.125]
std = [1, 1, 1]
)";

TEST(Models, TheTableHoldsTheReferencesFiftyThree) {
  const auto& all = models();
  const auto of_the_reference =
      std::count_if(all.begin(), all.end(), [](const Model& m) { return m.reference.has_value(); });
  EXPECT_EQ(of_the_reference, 53);
  std::set<std::string> names;
  for (const Model& model : all) {
    EXPECT_TRUE(names.insert(model.name).second) << model.name;
    EXPECT_TRUE(!model.reference || !model.library.empty()) << model.name;
  }
  EXPECT_EQ(all.front().name, "EdgeNeXt_base");  // the table's own order, not the alphabet's
}

TEST(Models, ARowIsReadAsItStands) {
  const auto parsed = parse_models(std::string(one_model) + R"(
reference = { parameters_m = 1.5, float_top1 = 70, quantized_top1 = 65.5, ms_one_thread = 2, ms_many_threads = 5, fps = 700 }
)");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->size(), 1u);
  const Model& model = parsed->front();
  EXPECT_EQ(model.name, "Small_net");
  EXPECT_EQ(model.file, "Small_net.onnx");
  EXPECT_EQ(model.recipe.size, 256);
  EXPECT_EQ(model.input, 224);
  EXPECT_EQ(model.recipe.mean[2], 0.125);
  EXPECT_EQ(model.reference->quantized_top1, 65.5);
  EXPECT_FALSE(model.parameters_m);
}

TEST(Models, WhatIsNoRowIsRefusedInOneLine) {
  const std::string good = one_model;
  const auto without = [&](const std::string& line) {
    std::string text = good;
    const size_t at = text.find(line);
    return text.erase(at, text.find('\n', at) - at);
  };
  const std::vector<std::string> bad{
      good + "familly = \"x\"\n",
      without("family"),
      without("crop") + "crop = 1.5\n",
      without("crop") + "crop = \"wide\"\n",
      without("mean") + "mean = [1, 2]\n",
      without("mean") + "mean = [1, 2, nan]\n",
      without("size") + "size = 0\n",
      good + "parameters_m = -1\n",
      good + "reference = { float_top1 = 70 }\n",
      good + "reference = 7\n",
      "Small = 1\n",
      good + good,
      "[Small",
  };
  for (const std::string& text : bad) {
    const auto parsed = parse_models(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::rejected) << text;
    EXPECT_EQ(parsed.error().message.find('\n'), std::string::npos) << parsed.error().message;
  }
}

TEST(Models, NamesAreFoundInAnyCaseAndAlmostRightOnesAreGuessed) {
  const auto found = find_model("mobileone_s0");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ((*found)->name, "MobileOne_S0");
  const auto missing = find_model("MobileOneS0");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::usage);
  EXPECT_NE(missing.error().message.find("did you mean MobileOne_S0?"), std::string::npos);
}

}  // namespace
}  // namespace octavo::zoo
