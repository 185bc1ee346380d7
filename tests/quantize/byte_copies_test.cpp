// A stream of 16 bits whose convolutions read a copy in bytes.
#include "quantize/byte_copies.h"

#include <gtest/gtest.h>

#include <string>

#include "quantize/build_graph.h"
#include "quantize/passes.h"
#include "quantize/quantization_file.h"
#include "quantize/quantizer.h"
#include "quantize/small_pictures.h"

namespace octavo {
namespace {

using testing::Calibrated;
using testing::float_logits;
using testing::GraphBuilder;
using testing::integer_logits;
using testing::picture;
using testing::pictures;
using testing::session_of;
using testing::side;
using testing::small_preprocess;

constexpr size_t classes = 10;

// stem -> three blocks of two convolutions that are added to what they read -> pool -> logits.
Graph residual(uint64_t seed) {
  GraphBuilder b({1, side, side, 3}, seed);
  TensorId x = b.unary("stem.relu", Unary::Kind::relu, b.conv("stem", b.graph.input, 16, {3}));
  for (const std::string block : {"a", "b", "c"}) {
    const TensorId wide =
        b.unary(block + ".relu", Unary::Kind::relu, b.conv(block + ".expand", x, 32));
    x = b.binary(block + ".add", Binary::Kind::add, x, b.conv(block + ".project", wide, 16));
  }
  b.conv("logits", b.global_pool("pool", x), classes);
  return b.graph;
}

TensorId named(const Graph& graph, const std::string& name) {
  for (TensorId t = 0; t < graph.tensors.size(); ++t) {
    if (graph.tensors[t].name == name) return t;
  }
  ADD_FAILURE() << "no tensor " << name;
  return 0;
}

const Step& step_of(const Plan& plan, const std::string& name) {
  for (const Step& step : plan.steps) {
    if (step.name == name) return step;
  }
  ADD_FAILURE() << "no step " << name;
  return plan.steps[0];
}

TEST(ByteCopies, AreOfWhatConvolutionsAndOthersRead) {
  const Graph graph = residual(1);
  const auto network = Calibrated::make(graph, pictures(4));
  // Not what only a convolution reads, and not the last stream, which only the pool reads.
  EXPECT_EQ(may_have_byte_copies(network.network),
            (std::vector<TensorId>{named(graph, "stem.relu"), named(graph, "a.add"),
                                   named(graph, "b.add")}));
}

TEST(ByteCopies, AreNotOfWhatMovesOrIsAskedForByName) {
  GraphBuilder b({1, side, side, 3}, 2);
  const TensorId x = b.conv("x", b.graph.input, 8), y = b.conv("y", x, 8);
  const TensorId sum = b.binary("sum", Binary::Kind::add, y, b.conv("z", y, 8));
  const TensorId both = b.node("both", Concat{3}, {x, sum});
  b.conv("logits", b.global_pool("pool", both), classes);
  const auto copies = [&](const std::vector<std::string>& int16) {
    return may_have_byte_copies(Calibrated::make(b.graph, pictures(4), int16).network);
  };
  EXPECT_EQ(copies({}), std::vector<TensorId>{y});  // x is joined with others
  EXPECT_TRUE(copies({"y"}).empty());
}

TEST(ByteCopies, TheNetworkComputesWhatItDid) {
  const Graph graph = residual(3);
  Graph copied = graph;
  const std::vector<TensorId> of{named(graph, "b.add"), named(graph, "stem.relu")};
  const std::vector<TensorId> copies = put_byte_copies(copied, of);
  ASSERT_TRUE(verify(copied)) << verify(copied).error().message;
  ASSERT_EQ(copies.size(), of.size());
  for (size_t i = 0; i < of.size(); ++i) {
    EXPECT_EQ(copied.tensors[copies[i]].name, graph.tensors[of[i]].name + ".bytes");
  }
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    EXPECT_EQ(copied.tensors[t].name, graph.tensors[t].name);
  }
  const Preprocess how = small_preprocess();
  EXPECT_EQ(float_logits(copied, how, picture(5)), float_logits(graph, how, picture(5)));
}

// A copy's statistics are what calibrating the network with it would find.
TEST(ByteCopies, CalibrationOfTheCopyIsThatOfTheOriginal) {
  const auto plain = Calibrated::make(residual(4), pictures(12));
  const auto copied = with_byte_copies(plain.network, may_have_byte_copies(plain.network));
  ASSERT_TRUE(copied) << copied.error().message;
  const StepNetwork& network = copied->network;
  const auto anew = calibrate(network.graph, network.formed, network.mapping, plain.feed, {}, {});
  ASSERT_TRUE(anew) << anew.error().message;
  const Calibration taken = with_byte_copies(plain.calibration, *copied);
  ASSERT_EQ(copied->copies.size(), 3u);
  for (const TensorId t : copied->copies) {
    EXPECT_EQ(taken.stored[t].moments.sum, anew->stored[t].moments.sum);
    EXPECT_EQ(taken.stored[t].moments.maximum, anew->stored[t].moments.maximum);
    EXPECT_EQ(taken.stored[t].histograms.bin_width(0), anew->stored[t].histograms.bin_width(0));
  }
}

TEST(ByteCopies, AFarPictureOfTheOriginalIsOneOfTheCopy) {
  std::vector<double> loudness(100, 1.0);
  loudness[7] = 1e6;
  std::vector<size_t> indices(100);
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = i;
  FarPictures far({{}, loudness}, indices);
  far.follow(5, 1);
  far.follow(6, 0);
  EXPECT_TRUE(far.contains(5, 7));
  EXPECT_FALSE(far.contains(5, 8));
  EXPECT_FALSE(far.contains(6, 7));
}

TEST(ByteCopies, AdditionsReadWordsAndConvolutionsBytes) {
  const Graph graph = residual(5);
  const Preprocess how = small_preprocess();
  const CalibrationFeed feed = pictures(40);
  const auto quantizer = Quantizer::create(graph, &how, feed, {});
  ASSERT_TRUE(quantizer) << quantizer.error().message;
  const std::vector<TensorId> streams{named(graph, "stem.relu"), named(graph, "a.add")};
  const auto bytes = quantizer->fold();
  const auto words = quantizer->fold(streams, streams);
  ASSERT_TRUE(bytes && words);
  const Plan& plan = words->plan;
  const Step &copy = step_of(plan, "a.add.bytes"), &add = step_of(plan, "b.add");
  EXPECT_EQ(plan.tensors[copy.inputs[0]].type, ElementType::i16);
  EXPECT_EQ(plan.tensors[copy.output].type, ElementType::u8);
  EXPECT_EQ(step_of(plan, "b.relu").inputs[0], copy.output);
  EXPECT_EQ(add.inputs.back(), copy.inputs[0]);
  EXPECT_EQ(plan.steps.size(), bytes->plan.steps.size() + 2);
  // What runs is nearer to the float network on pictures that neither saw: on the report's few, of
  // which both make repairs, the two differ by no more than ties do.
  double by_bytes = 0, by_words = 0;
  const auto of_bytes = session_of(bytes->plan), of_words = session_of(plan);
  for (uint64_t seed = 500; seed < 580; ++seed) {
    const auto exact = float_logits(graph, how, picture(seed));
    const auto a = integer_logits(*of_bytes, picture(seed), classes);
    const auto b = integer_logits(*of_words, picture(seed), classes);
    for (size_t i = 0; i < classes; ++i) {
      by_bytes += (a[i] - exact[i]) * (a[i] - exact[i]);
      by_words += (b[i] - exact[i]) * (b[i] - exact[i]);
    }
  }
  EXPECT_LT(by_words, by_bytes);
  const Widened found = quantizer->widened_in(plan);
  EXPECT_EQ(found.tensors, streams);
  EXPECT_EQ(found.copied, streams);
}

// A convolution that reads and holds what it did is not rounded again, and comes out the same.
TEST(ByteCopies, AnEarlierFoldSavesTimeAndChangesNothing) {
  const Graph graph = residual(5);
  const Preprocess how = small_preprocess();
  const CalibrationFeed feed = pictures(40);
  const auto quantizer = Quantizer::create(graph, &how, feed, {});
  ASSERT_TRUE(quantizer) << quantizer.error().message;
  const std::vector<TensorId> wide{named(graph, "stem.relu"), named(graph, "a.relu")};
  const std::vector<TensorId> copied{named(graph, "stem.relu")};
  const auto bytes = quantizer->fold();
  const auto anew = quantizer->fold(wide, copied);
  ASSERT_TRUE(bytes && anew);
  const auto words = quantizer->fold(wide, copied, &*bytes);
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_EQ(words->compensated, anew->compensated);
  EXPECT_EQ(words->learned, anew->learned);
  EXPECT_EQ(words->bias_shifts, anew->bias_shifts);
  EXPECT_EQ(words->shifts_in_order, anew->shifts_in_order);
  // What it takes from there shows by a mark.
  Quantization marked = *bytes;
  for (auto& weights : marked.learned) {
    if (!weights.empty()) weights[0] = 126;
  }
  const auto by_marks = quantizer->fold(wide, copied, &marked);
  ASSERT_TRUE(by_marks) << by_marks.error().message;
  size_t taken = 0, made = 0;
  for (size_t s = 0; s < anew->learned.size(); ++s) {
    if (anew->learned[s].empty()) continue;
    (by_marks->learned[s] == anew->learned[s] ? made : taken) += 1;
  }
  EXPECT_GT(taken, 0u);
  EXPECT_GT(made, 0u) << "of words";
}

TEST(ByteCopies, AreKeptWithTheQuantization) {
  const auto plain = Calibrated::make(residual(6), pictures(12));
  const Preprocess how = small_preprocess();
  const auto quantizer = Quantizer::create(residual(6), &how, plain.feed, {});
  ASSERT_TRUE(quantizer) << quantizer.error().message;
  const std::vector<TensorId> streams = may_have_byte_copies(plain.network);
  auto folded = quantizer->fold(streams, streams);
  ASSERT_TRUE(folded) << folded.error().message;
  const auto read = deserialize_quantization(serialize_quantization({{}, *folded, {}}));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->quantization.copied, streams);
  EXPECT_TRUE(check_quantization(read->quantization, plain.network));
  Quantization other = read->quantization;
  other.copied = {plain.network.graph.input};
  EXPECT_FALSE(check_quantization(other, plain.network));
  other.copied = {streams[0], streams[0], streams[1]};
  EXPECT_FALSE(check_quantization(other, plain.network));
}

}  // namespace
}  // namespace octavo
