// The file's input and output, names and metadata.
#include <gtest/gtest.h>

#include <algorithm>

#include "onnx/model_writer.h"

namespace octavo::test {
namespace {

using Ints = std::vector<int64_t>;

ModelText relu_model(Dims input) {
  ModelText model;
  model.input = std::move(input);
  model.nodes = {{"Relu", {"x"}, {"y"}}};
  return model;
}

const Shape& input_shape(const Graph& graph) {
  return graph.tensors[graph.input].shape;
}

TEST(Ends, ASymbolicBatchIsOneAndNoted) {
  const Result<Import> import = import_text(relu_model({"N", int64_t{3}, int64_t{8}, int64_t{9}}));
  ASSERT_TRUE(import);
  EXPECT_EQ(input_shape(import->graph), (Shape{1, 3, 8, 9}));
  ASSERT_EQ(import->notes.size(), 1u);
  EXPECT_NE(import->notes[0].find("batch"), std::string::npos);
}

TEST(Ends, SymbolicHeightAndWidthNeedASize) {
  const ModelText first = relu_model({"n", int64_t{3}, "h", "w"});
  const ModelText last = relu_model({"n", "h", "w", int64_t{3}});
  for (const ModelText& model : {first, last}) {
    EXPECT_NE(error_of(model).find("--size"), std::string::npos);
  }
  ImportOptions options;
  options.size = {6, 4};
  EXPECT_EQ(input_shape(graph_of(first, options)), (Shape{1, 3, 6, 4}));
  EXPECT_EQ(input_shape(graph_of(last, options)), (Shape{1, 6, 4, 3}));
  EXPECT_NE(error_of(relu_model({int64_t{1}, int64_t{3}, int64_t{8}, int64_t{8}}), options)
                .find("fixed size"),
            std::string::npos);
}

TEST(Ends, OneChannelIsEnough) {
  EXPECT_EQ(input_shape(graph_of(relu_model({int64_t{1}, int64_t{1}, int64_t{28}, int64_t{28}}))),
            (Shape{1, 1, 28, 28}));
}

TEST(Ends, ImpossibleInputsAreRejected) {
  for (const Dims& dims : {Dims{int64_t{1}, int64_t{-3}, int64_t{8}, int64_t{8}},
                           Dims{int64_t{1}, int64_t{3}, int64_t{0}, int64_t{8}},
                           Dims{int64_t{1}, int64_t{3}, int64_t{1} << 40, int64_t{8}},
                           Dims{int64_t{1}, "c", int64_t{8}, int64_t{8}},
                           Dims{int64_t{1}, "t", int64_t{8}}, Dims{int64_t{8}}, Dims{}}) {
    EXPECT_NE(error_of(relu_model(dims)).find("'x'"), std::string::npos);
  }
  ModelText bytes = relu_model({int64_t{1}, int64_t{3}, int64_t{8}, int64_t{8}});
  bytes.input_type = 3;
  EXPECT_NE(error_of(bytes).find("int8"), std::string::npos);
}

TEST(Ends, BytesMoveAndAreCastBeforeAnythingComputesOnThem) {
  ModelText model;
  model.input_type = 2;
  model.nodes = {{"Transpose", {"x"}, {"t"}, {attribute("perm", std::vector<int64_t>{0, 2, 3, 1})}},
                 {"Cast", {"t"}, {"f"}, {attribute("to", 1)}},
                 {"Relu", {"f"}, {"y"}}};
  const Result<Import> import = import_text(model);
  ASSERT_TRUE(import) << import.error().message;
  EXPECT_TRUE(import->byte_input);
  EXPECT_EQ(import->graph.nodes.size(), 2u);
  model.nodes = {{"Relu", {"x"}, {"y"}}};
  EXPECT_NE(error_of(model).find("Cast"), std::string::npos);
}

TEST(Ends, ThreeAxesAreAPictureWithoutABatchOrTokens) {
  EXPECT_EQ(input_shape(graph_of(relu_model({int64_t{3}, int64_t{8}, int64_t{9}}))),
            (Shape{1, 3, 8, 9}));
  EXPECT_EQ(input_shape(graph_of(relu_model({int64_t{8}, int64_t{9}, int64_t{3}}))),
            (Shape{1, 8, 9, 3}));
  const Graph tokens = graph_of(relu_model({"n", int64_t{16}, int64_t{32}}));
  EXPECT_EQ(input_shape(tokens), (Shape{1, 16, 1, 32}));
  EXPECT_EQ(tokens.tensors[tokens.output].shape, (Shape{1, 16, 32}));
}

// What a batch of four becomes.
ModelText batch_of_four(std::vector<NodeText> nodes, std::vector<TensorBytes> initializers = {}) {
  ModelText model;
  model.input = {int64_t{4}, int64_t{3}, int64_t{2}, int64_t{2}};
  model.nodes = std::move(nodes);
  model.initializers = std::move(initializers);
  return model;
}

TEST(Ends, AFixedBatchIsOneWhereNothingMixesItsFrames) {
  const std::vector<float> row{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  std::vector<float> rows;
  for (int i = 0; i < 4; ++i) rows.insert(rows.end(), row.begin(), row.end());
  const ModelText model =
      batch_of_four({{"Relu", {"x"}, {"r"}},
                     {"Reshape", {"r", "shape"}, {"flat"}},
                     {"Add", {"flat", "rows"}, {"sum"}},
                     {"MatMul", {"sum", "weights"}, {"y"}}},
                    {int64_tensor({2}, {4, 12}, "shape"), float_tensor({4, 12}, rows, "rows"),
                     float_tensor({12, 2}, std::vector<float>(24, 0.5f), "weights")});
  const Result<Import> import = import_text(model);
  ASSERT_TRUE(import) << import.error().message;
  EXPECT_EQ(input_shape(import->graph), (Shape{1, 3, 2, 2}));
  EXPECT_EQ(import->graph.tensors[import->graph.output].shape, (Shape{1, 2}));
  EXPECT_NE(import->notes.back().find("batch of 4"), std::string::npos);
}

TEST(Ends, ABatchWhoseFramesMixIsRefusedByTheNode) {
  const ModelText summed = batch_of_four(
      {{"ReduceMean", {"x"}, {"y"}, {attribute("axes", std::vector<int64_t>{0})}, "mixer"}});
  EXPECT_NE(error_of(summed).find("'mixer'"), std::string::npos);
  const ModelText turned = batch_of_four({{"Reshape", {"x", "shape"}, {"y"}, {}, "turn"}},
                                         {int64_tensor({2}, {3, 16}, "shape")});
  EXPECT_NE(error_of(turned).find("mixes"), std::string::npos);
  const ModelText apart = batch_of_four({{"Add", {"x", "c"}, {"y"}, {}, "apart"}},
                                        {float_tensor({4, 1, 1, 1}, {1, 2, 3, 4}, "c")});
  EXPECT_NE(error_of(apart).find("differently"), std::string::npos);
}

TEST(Ends, WhatPicksAClassSaysWhereToEnd) {
  ModelText model;
  model.nodes = {{"Relu", {"x"}, {"scores"}}, {"ArgMax", {"scores"}, {"y"}}};
  EXPECT_NE(error_of(model).find("--output 'scores'"), std::string::npos);
  ImportOptions options;
  options.output_node = "scores";
  EXPECT_EQ(graph_of(model, options).nodes.size(), 1u);
}

TEST(Ends, InitializersMayBeListedAsInputs) {
  ModelText model;
  model.nodes = {{"Add", {"x", "c"}, {"y"}}};
  model.initializers = {float_tensor({1}, {2}, "c")};
  model.more_inputs = {{"c", {int64_t{1}}}};
  EXPECT_EQ(graph_of(model).nodes.size(), 1u);
}

TEST(Ends, SeveralInputsOrOutputsAreNamed) {
  ModelText model = relu_model({int64_t{1}, int64_t{3}, int64_t{8}, int64_t{8}});
  model.more_inputs = {{"mask", {int64_t{1}}}};
  std::string error = error_of(model);
  EXPECT_NE(error.find("'x', 'mask'"), std::string::npos) << error;
  model.more_inputs.clear();
  model.outputs = {"y", "x"};
  error = error_of(model);
  EXPECT_NE(error.find("'y', 'x'"), std::string::npos) << error;
  EXPECT_NE(error.find("--output"), std::string::npos) << error;
}

TEST(Ends, TheCallerMayNameTheNodeInWhichTheGraphEnds) {
  ModelText model = relu_model({int64_t{1}, int64_t{3}, int64_t{8}, int64_t{8}});
  model.nodes.push_back({"Sigmoid", {"y"}, {"z"}});
  model.nodes[0].name = "first";
  model.nodes[1].name = "second";
  model.outputs = {"y", "z"};
  ImportOptions options;
  for (const char* wanted : {"first", "y"}) {  // by the node or by its value
    options.output_node = wanted;
    const Graph graph = graph_of(model, options);
    ASSERT_EQ(graph.nodes.size(), 1u);
    EXPECT_EQ(graph.nodes[0].name, "first");
  }
  options.output_node = "secund";
  const Result<Import> unknown = import_text(model, options);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::rejected);
  EXPECT_NE(unknown.error().message.find("'second'"), std::string::npos);
}

TEST(Ends, AnOutputThatDoesNotDependOnTheInputIsRejected) {
  ModelText model;
  model.nodes = {{"Shape", {"x"}, {"y"}}};
  EXPECT_NE(error_of(model).find("does not depend"), std::string::npos);
}

TEST(Ends, NodesThatTheOutputDoesNotNeedMayBeAnything) {
  ModelText model = relu_model({int64_t{1}, int64_t{3}, int64_t{8}, int64_t{8}});
  model.nodes.push_back({"GridSample", {"x"}, {"unread"}});
  EXPECT_EQ(graph_of(model).nodes.size(), 1u);
  EXPECT_EQ(rows_of(model)[1].becomes, "unused");
}

TEST(Ends, NodesMayStandInAnyOrder) {
  ModelText model;
  model.nodes = {{"Neg", {"b"}, {"y"}}, {"Exp", {"a"}, {"b"}}, {"Relu", {"x"}, {"a"}}};
  const Graph graph = graph_of(model);
  ASSERT_EQ(graph.nodes.size(), 3u);
  EXPECT_EQ(std::get<Unary>(graph.nodes[0].op).kind, Unary::Kind::relu);
  EXPECT_EQ(rows_of(model)[0].op_type, "Neg");
}

TEST(Ends, NamesAreKeptMadeUpWhereEmptyAndUnique) {
  ModelText model;
  model.nodes = {{"Relu", {"x"}, {"a"}, {}, "/stem/act"},
                 {"Neg", {"a"}, {"b"}},
                 {"Exp", {"b"}, {"c"}, {}, "/stem/act"},
                 {"Neg", {"c"}, {"y"}, {}, "/stem/act"}};
  const Graph graph = graph_of(model);
  ASSERT_EQ(graph.nodes.size(), 4u);
  EXPECT_EQ(graph.nodes[0].name, "/stem/act");
  EXPECT_EQ(graph.nodes[1].name, "Neg_1");
  EXPECT_EQ(graph.nodes[2].name, "/stem/act_1");
  EXPECT_EQ(graph.nodes[3].name, "/stem/act_2");
}

TEST(Ends, GenericNamesGiveWayToTheModulePath) {
  const std::string scopes =
      "['', 'stages', 'stages.1', 'stages.1.blocks', 'stages.1.blocks.2', "
      "'stages.1.blocks.2.xca', 'softmax']";
  ModelText model;
  model.nodes = {
      {"Softmax", {"x"}, {"a"}, {}, "n4_2", "", {{"pkg.torch.onnx.name_scopes", scopes}}},
      {"Softmax", {"a"}, {"b"}, {}, "node_softmax_1", "", {{"pkg.torch.onnx.name_scopes", scopes}}},
      {"Relu",
       {"b"},
       {"y"},
       {},
       "node_relu",
       "",
       {{"pkg.torch.onnx.name_scopes", "['', 'relu']"}}}};
  const Graph graph = graph_of(model);
  ASSERT_EQ(graph.nodes.size(), 3u);
  EXPECT_EQ(graph.nodes[0].name, "/stages/stages.1/blocks/blocks.2/xca/Softmax");
  EXPECT_EQ(graph.nodes[1].name, "/stages/stages.1/blocks/blocks.2/xca/Softmax_1");
  EXPECT_EQ(graph.nodes[2].name, "node_relu");
}

TEST(Ends, MetadataIsCarriedOver) {
  ModelText model = relu_model({int64_t{1}, int64_t{3}, int64_t{8}, int64_t{8}});
  model.metadata = {{"octavo.mean", "127,127,127"}, {"author", "nobody"}};
  const Graph graph = graph_of(model);
  EXPECT_EQ(graph.metadata, model.metadata);
}

}  // namespace
}  // namespace octavo::test
