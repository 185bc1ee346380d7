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
                           Dims{int64_t{8}, int64_t{3}, int64_t{8}, int64_t{8}},
                           Dims{int64_t{1}, "c", int64_t{8}, int64_t{8}},
                           Dims{int64_t{1}, int64_t{3}, int64_t{8}}, Dims{}}) {
    EXPECT_NE(error_of(relu_model(dims)).find("'x'"), std::string::npos);
  }
  ModelText bytes = relu_model({int64_t{1}, int64_t{3}, int64_t{8}, int64_t{8}});
  bytes.input_type = 2;
  EXPECT_NE(error_of(bytes).find("uint8"), std::string::npos);
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
  model.nodes.push_back({"Einsum", {"x"}, {"unread"}});
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
