#include "pipeline/hb_config.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pipeline/hb_keys.h"

namespace octavo {
namespace {

// The least that hb_mapper asks for, with the lines of `more` appended to the sections.
std::string yaml(const std::string& model = "", const std::string& input = "",
                 const std::string& calibration = "calibration_type: default") {
  return "model_parameters:\n  onnx_model: m.onnx\n  " + model +
         "\ninput_parameters:\n"
         "  input_type_rt: nv12\n  input_type_train: rgb\n  input_layout_train: NCHW\n" +
         (input.empty() ? "  norm_type: no_preprocess" : "  " + input) +
         "\ncalibration_parameters:\n  " + calibration + "\n";
}

HbConfig parsed(const std::string& text) {
  auto config = parse_hb_config(text);
  EXPECT_TRUE(config) << config.error().message;
  return config ? *config : HbConfig{};
}

std::string problem(const std::string& text) {
  const auto config = parse_hb_config(text);
  return config ? "" : config.error().message;
}

TEST(HbConfig, WhatIsNotSaidHasTheDefaultsOfHbMapper) {
  const HbConfig config = parsed(yaml());
  EXPECT_EQ(config.working_dir, "model_output");
  EXPECT_EQ(config.cal_data_type, DumpType::by_size);
  EXPECT_EQ(config.calibration, HbCalibration::automatic);
  EXPECT_EQ(config.max_percentile, 1);
  EXPECT_FALSE(config.preprocess_on || config.all_int16 || config.feature_map);
  EXPECT_TRUE(config.nv12 && config.channels_first);
  EXPECT_FALSE(config.mean || config.std);
  EXPECT_TRUE(config.passed_over.empty() && config.notes.empty());
}

TEST(HbConfig, NormalizationIsMeanAndTheInverseOfScale) {
  const HbConfig config = parsed(yaml("",
                                      "norm_type: data_mean_and_scale\n"
                                      "  mean_value: '123.675, 116.28 103.53'\n"
                                      "  scale_value: 0.01712475 0.017507 0.01742919"));
  ASSERT_TRUE(config.mean && config.std);
  EXPECT_EQ(*config.mean, (std::array<float, 3>{123.675f, 116.28f, 103.53f}));
  EXPECT_EQ((*config.std)[0], static_cast<float>(1 / 0.01712475));
  EXPECT_EQ((*config.std)[2], static_cast<float>(1 / 0.01742919));
}

TEST(HbConfig, OneNumberStandsForAllChannels) {
  const HbConfig config = parsed(yaml("", "norm_type: data_mean\n  mean_value: 127.5"));
  ASSERT_TRUE(config.mean);
  EXPECT_EQ(*config.mean, (std::array<float, 3>{127.5f, 127.5f, 127.5f}));
}

TEST(HbConfig, NodeInfoIsReadInBothSpellings) {
  const HbConfig map = parsed(
      yaml("node_info: {'/a/Div_mul': {'ON': 'BPU', 'InputType': 'int16', 'OutputType': 'int16'}, "
           "b: {InputType1: int16, InputType0: int8}, c: {ON: CPU}}"));
  ASSERT_EQ(map.int16.size(), 2u);  // c asks for nothing that is here
  EXPECT_EQ(map.int16[0].node, "/a/Div_mul");
  EXPECT_TRUE(map.int16[0].output && map.int16[0].all_inputs);
  EXPECT_EQ(map.int16[1].inputs, std::vector<int>{1});
  EXPECT_FALSE(map.int16[1].output || map.int16[1].all_inputs);
  EXPECT_EQ(map.passed_over, std::vector<std::string>{"model_parameters.node_info...ON"});
  const HbConfig text = parsed(yaml("node_info: '/a/b:0/Div:int16;c:int8 ; d : int16;'"));
  ASSERT_EQ(text.int16.size(), 2u);
  EXPECT_EQ(text.int16[0].node, "/a/b:0/Div");
  EXPECT_EQ(text.int16[1].node, "d");
  EXPECT_TRUE(text.int16[0].output && text.int16[1].output);
}

TEST(HbConfig, OnlyMaxTakesAPercentile) {
  const HbConfig max = parsed(yaml("", "", "calibration_type: max\n  max_percentile: 0.9999"));
  EXPECT_EQ(max.calibration, HbCalibration::max);
  EXPECT_EQ(max.max_percentile, 0.9999);
  const HbConfig kl = parsed(yaml("", "", "calibration_type: kl\n  max_percentile: 0.9999"));
  EXPECT_EQ(kl.max_percentile, 1);
  ASSERT_EQ(kl.notes.size(), 1u);
  EXPECT_NE(kl.notes[0].find("max_percentile"), std::string::npos);
}

TEST(HbConfig, OptimizationNamesAllNodesOperatorsOrTheOutput) {
  const HbConfig config =
      parsed(yaml("", "",
                  "calibration_type: default\n  optimization: 'set_all_nodes_int16; "
                  "set_Conv_input_int16;set_model_output_int8;set_Softmax_output_int8'"));
  EXPECT_TRUE(config.all_int16);
  ASSERT_EQ(config.int16_operators.size(), 1u);
  EXPECT_EQ(config.int16_operators[0].op_type, "Conv");
  EXPECT_TRUE(config.int16_operators[0].inputs);
  EXPECT_EQ(config.notes.size(), 2u);
}

TEST(HbConfig, EveryRunTimeTypeBecomesWhatTheReferenceAllows) {
  const std::vector<std::pair<std::string, std::string>> allowed = {
      {"nv12", "rgb"}, {"nv12", "bgr"}, {"rgb", "rgb"},   {"rgb", "bgr"},
      {"bgr", "rgb"},  {"bgr", "bgr"},  {"gray", "gray"}, {"featuremap", "featuremap"}};
  for (const std::string rt : {"rgb", "bgr", "yuv444", "nv12", "gray", "featuremap"}) {
    for (const std::string train : {"rgb", "bgr", "yuv444", "gray", "featuremap"}) {
      std::string text = yaml();
      text.replace(text.find("nv12"), 4, rt);
      text.replace(text.find("train: rgb") + 7, 3, train);
      const bool expected =
          std::find(allowed.begin(), allowed.end(), std::pair(rt, train)) != allowed.end();
      EXPECT_EQ(problem(text).empty(), expected) << rt << " -> " << train << ": " << problem(text);
    }
  }
}

TEST(HbConfig, EveryKnownKeyIsAcceptedInItsSectionAndInNoOther) {
  for (const hb::Key& key : hb::keys()) {
    for (const char* section : {"model_parameters", "input_parameters", "calibration_parameters",
                                "compiler_parameters"}) {
      const std::string message = problem(concat(section, ":\n  ", key.name, ": ''\n"));
      const bool misplaced = message.find("belongs in") != std::string::npos;
      EXPECT_EQ(misplaced, key.section != section) << key.name << " in " << section;
      EXPECT_EQ(message.find("no key"), std::string::npos) << message;
    }
  }
}

TEST(HbConfig, ErrorsNameLineAndKey) {
  EXPECT_EQ(problem(yaml("outputnodes: x")),
            "line 3: model_parameters.outputnodes is no key of hb_mapper; did you mean "
            "output_nodes?");
  EXPECT_EQ(problem(yaml("", "norm_type: data_mean")),
            "line 8: input_parameters.norm_type 'data_mean' needs input_parameters.mean_value");
  EXPECT_EQ(problem(yaml("node_info: {a: {InputType64: int16}}")).substr(0, 7), "line 3:");
  EXPECT_NE(problem(yaml("", "norm_type: data_mean\n  mean_value: nan")), "");
  EXPECT_NE(problem(yaml("", "norm_type: data_scale\n  scale_value: 1e-30")), "");
  EXPECT_NE(problem(yaml("", "norm_type: no_preprocess\n  input_shape: 1x3x99999999999x2")), "");
  EXPECT_NE(problem(yaml("", "norm_type: no_preprocess\n  input_shape: 2x3x4x4")), "");
  EXPECT_NE(problem("custom_op:\n  op: 1\n").find("operators of one's own"), std::string::npos);
}

TEST(HbConfig, MessagesOfOverlongOrOddNamesStayShortAndOnOneLine) {
  const std::string long_name(100000, 'x');
  EXPECT_LT(problem(yaml("node_info: {" + long_name + ": {ON: GPU}}")).size(), 1000u);
  EXPECT_LT(problem(yaml("\"" + long_name + "\": 1")).size(), 1000u);
  EXPECT_LT(problem(long_name + ": 1\n").size(), 1000u);
  const std::string odd = problem("\"a\\nb\": 1\n");
  EXPECT_NE(odd, "");
  EXPECT_EQ(odd.find('\n'), std::string::npos);
}

TEST(HbConfig, AMarkInFrontAndWindowsLinesAreRead) {
  std::string text = yaml();
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
    text.insert(at, "\r");
  }
  EXPECT_EQ(parsed("\xef\xbb\xbf" + text).onnx_model, "m.onnx");
}

}  // namespace
}  // namespace octavo
