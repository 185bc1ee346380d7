// A network whose answer everyone can see: the mean of each colour over the picture.
#include "evaluate/accuracy.h"

#include <gtest/gtest.h>

#include "evaluate/temporary_folder.h"
#include "graph/graph.h"

namespace octavo {
namespace {

using test::TemporaryFolder;

// Classes are the channels in the given order: {0, 1, 2} answers red, green, blue.
Model color_model(const std::string& name, std::vector<int64_t> order) {
  auto graph = std::make_shared<Graph>();
  graph->input = graph->add_tensor("pixels", {1, 4, 4, 3});
  const TensorId means = graph->add_tensor("means", {});
  graph->output = graph->add_tensor("logits", {});
  graph->nodes.push_back(
      {"mean", {}, Reduce{Reduce::Kind::mean, {1, 2}, false}, {graph->input}, means});
  graph->nodes.push_back({"order", {}, Gather{1, std::move(order)}, {means}, graph->output});
  EXPECT_TRUE(infer_shapes(*graph));
  EXPECT_TRUE(verify(*graph));
  Model model;
  model.path = name;
  model.input = {4, 4, 3};
  model.outputs = model.classes =
      static_cast<int>(element_count(graph->tensors[graph->output].shape));
  model.preprocess.height = model.preprocess.width = 4;
  model.preprocess.resize_short = 0;
  model.network = std::shared_ptr<const Graph>(std::move(graph));
  return model;
}

// A 4 x 4 PPM of one colour.
std::string ppm(int red, int green, int blue) {
  std::string out = "P6\n4 4\n255\n";
  for (int i = 0; i < 16; ++i) {
    for (const int value : {red, green, blue}) out += static_cast<char>(value);
  }
  return out;
}

// Labels are right for the first three; the fourth is red called green, the fifth is
// unreadable, the sixth blue called green.
std::vector<Sample> pictures(const TemporaryFolder& folder) {
  folder.write("red.ppm", ppm(200, 10, 20));
  folder.write("green.ppm", ppm(10, 200, 20));
  folder.write("blue.ppm", ppm(10, 20, 200));
  folder.write("called-green.ppm", ppm(200, 20, 10));
  folder.write("broken.ppm", "P6\n4 4\n255\nxx");
  folder.write("blue-too.ppm", ppm(10, 20, 200));
  folder.write("labels.txt",
               "red.ppm 0\ngreen.ppm 1\nblue.ppm 2\ncalled-green.ppm 1\nbroken.ppm 0\n"
               "blue-too.ppm 1\n");
  const auto samples = open_dataset(folder.path(), {.classes = 3});
  EXPECT_TRUE(samples) << samples.error().message;
  return *samples;
}

TEST(Evaluate, CountsRightAnswersAndNamesWhatItCannotRead) {
  const TemporaryFolder folder;
  const std::vector<Sample> samples = pictures(folder);
  for (const int threads : {1, 3}) {
    EvaluateOptions options;
    options.threads = threads;
    size_t last_done = 0;
    options.progress = [&](size_t done, size_t total) {
      EXPECT_EQ(done, last_done + 1);
      EXPECT_EQ(total, 6u);
      last_done = done;
    };
    // The second model takes green for blue and blue for green.
    const auto evaluation =
        evaluate({color_model("a", {0, 1, 2}), color_model("b", {0, 2, 1})}, samples, options);
    ASSERT_TRUE(evaluation) << evaluation.error().message;
    EXPECT_EQ(last_done, 6u);
    ASSERT_EQ(evaluation->pictures.size(), 5u);
    ASSERT_EQ(evaluation->unreadable.size(), 1u);
    EXPECT_NE(evaluation->unreadable[0].find("broken.ppm"), std::string::npos);

    const PictureRecord& fourth = evaluation->pictures[3];
    EXPECT_EQ(fourth.path, folder / "called-green.ppm");
    EXPECT_EQ(fourth.label, 1);
    EXPECT_EQ(fourth.top5[0], (std::array<int32_t, 5>{0, 1, 2, -1, -1}));
    EXPECT_EQ(fourth.top5[1], (std::array<int32_t, 5>{0, 2, 1, -1, -1}));

    ASSERT_EQ(evaluation->models.size(), 2u);
    EXPECT_EQ(evaluation->models[0].right1, 3);
    EXPECT_EQ(evaluation->models[0].right5, 5);
    EXPECT_EQ(evaluation->models[1].right1, 2) << "red, and the blue that is called green";
    EXPECT_GT(evaluation->models[1].images_per_second, 0);
    EXPECT_DOUBLE_EQ(evaluation->models[0].top1_ci95.low, wilson95(3, 5).low);

    ASSERT_EQ(evaluation->paired.size(), 1u);
    EXPECT_EQ(evaluation->paired[0].right_to_wrong, 2);
    EXPECT_EQ(evaluation->paired[0].wrong_to_right, 1);
    EXPECT_EQ(evaluation->paired[0].agree, 2) << "the two reds";
    EXPECT_DOUBLE_EQ(evaluation->paired[0].drop, 20);
  }
}

TEST(Evaluate, RefusesWhatCannotBeCompared) {
  const TemporaryFolder folder;
  const std::vector<Sample> samples = pictures(folder);
  const auto classes =
      evaluate({color_model("a", {0, 1, 2}), color_model("b", {0, 1})}, samples, {});
  ASSERT_FALSE(classes);
  EXPECT_EQ(classes.error().kind, ErrorKind::usage);
  EXPECT_EQ(classes.error().message,
            "'a' has 3 classes and 'b' has 2: they cannot be compared on one data set");
}

TEST(Evaluate, RefusesPicturesNoneOfWhichCanBeRead) {
  const TemporaryFolder folder;
  const std::string path = folder.write("broken.ppm", "P6\n4 4\n255\nxx");
  const auto none = evaluate({color_model("a", {0, 1, 2})}, {{path, 0, "", 0, 0}}, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::rejected);
  EXPECT_NE(none.error().message.find("broken.ppm"), std::string::npos);
}

TEST(Evaluate, StopsWhenAskedTo) {
  const TemporaryFolder folder;
  const std::vector<Sample> samples = pictures(folder);
  const std::atomic<bool> stop{true};
  EvaluateOptions options;
  options.stop = &stop;
  const auto stopped = evaluate({color_model("a", {0, 1, 2})}, samples, options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::interrupted);
}

TEST(CountOverlap, ComparesContentsNotNames) {
  const TemporaryFolder folder;
  const auto sample = [&](const char* name, const std::string& content) {
    return Sample{folder.write(name, content), 0, "", 0, 0};
  };
  const std::vector<Sample> a = {sample("a/1.jpg", "same bytes"),
                                 sample("a/2.jpg", "only in a"),
                                 sample("a/3.jpg", "same size!"),
                                 {folder / "gone.jpg", 0, "", 0, 0}};
  const std::vector<Sample> b = {sample("b/9.jpg", "same bytes"), sample("b/2.jpg", "other"),
                                 sample("b/8.jpg", "SAME SIZE?")};
  const auto overlap = count_overlap(a, b);
  ASSERT_TRUE(overlap) << overlap.error().message;
  EXPECT_EQ(*overlap, 1u);
}

}  // namespace
}  // namespace octavo
