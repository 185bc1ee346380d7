// octavoclassify in GStreamer's harness: what it takes, what it says, and that it answers as the C
// interface does.
#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "evaluate/temporary_folder.h"
#include "octavo/octavo.h"
#include "plan/plan.h"
#include "runtime/program.h"
#include "runtime/selftest_plan.h"

namespace octavo {
namespace {

struct Unref {
  void operator()(GstMessage* message) const { gst_message_unref(message); }
  void operator()(GstHarness* harness) const { gst_harness_teardown(harness); }
  void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
};
using Message = std::unique_ptr<GstMessage, Unref>;
using Harness = std::unique_ptr<GstHarness, Unref>;
using Buffer = std::unique_ptr<GstBuffer, Unref>;

std::string bytes_of(const Plan& plan) {
  const std::vector<std::byte> bytes = serialize(plan);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Its logits are so near to each other that no score is 1.
Plan small_plan() {
  Plan plan = *selftest_plan();
  const int32_t classes = plan.tensors[plan.output].shape[3];
  for (int32_t i = 0; i < classes; ++i) plan.labels.push_back("name " + std::to_string(i));
  for (float& factor : std::get<ConvolutionStep>(plan.steps.back().op).epilogue.multiplier) {
    factor *= 0.01f;
  }
  return plan;
}

class Element : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    gst_init(nullptr, nullptr);
    GError* error = nullptr;
    GstPlugin* plugin = gst_plugin_load_file(OCTAVO_GSTREAMER_PLUGIN, &error);
    ASSERT_NE(plugin, nullptr) << error->message;
    gst_registry_add_plugin(gst_registry_get(), plugin);
    gst_object_unref(plugin);
  }
  void SetUp() override { model_ = folder_.write("model.octavo", bytes_of(small_plan())); }

  // An element of the model whose messages go to bus_.
  GstElement* make(const std::string& model) {
    GstElement* element = gst_element_factory_make("octavoclassify", nullptr);
    g_object_set(element, "model", model.c_str(), nullptr);
    bus_.reset(gst_bus_new());
    gst_element_set_bus(element, bus_.get());
    return element;
  }
  Harness harness(const std::string& caps) {
    GstElement* element = make(model_);
    Harness made(gst_harness_new_with_element(element, "sink", "src"));
    gst_object_unref(element);
    if (!caps.empty()) gst_harness_set_src_caps_str(made.get(), caps.c_str());
    return made;
  }
  Message message(GstMessageType type) { return Message(gst_bus_pop_filtered(bus_.get(), type)); }
  // What the element says when it is to start with this file; "" where it starts.
  std::string refusal(const std::string& model, GQuark* domain) {
    GstElement* element = make(model);
    const bool started =
        gst_element_set_state(element, GST_STATE_PAUSED) != GST_STATE_CHANGE_FAILURE;
    gst_element_set_state(element, GST_STATE_NULL);
    gst_object_unref(element);
    const Message error = message(GST_MESSAGE_ERROR);
    if (started || !error) return "";
    GError* what = nullptr;
    gst_message_parse_error(error.get(), &what, nullptr);
    std::string text = what->message;
    *domain = what->domain;
    g_error_free(what);
    return text;
  }
  std::vector<octavo_score> answer(const octavo_frame& frame, int32_t k) {
    octavo_plan* plan = nullptr;
    octavo_session* session = nullptr;
    EXPECT_EQ(octavo_plan_load(model_.c_str(), nullptr, &plan), OCTAVO_OK) << octavo_last_error();
    EXPECT_EQ(octavo_session_create(plan, 1, &session), OCTAVO_OK) << octavo_last_error();
    std::vector<float> logits(static_cast<size_t>(octavo_plan_classes(plan)));
    EXPECT_EQ(octavo_run_frame(session, &frame, logits.data(), logits.size()), OCTAVO_OK)
        << octavo_last_error();
    std::vector<octavo_score> scores(static_cast<size_t>(k));
    const int32_t count =
        octavo_plan_top_scores(plan, logits.data(), logits.size(), k, scores.data());
    scores.resize(static_cast<size_t>(count));
    octavo_session_free(session);
    octavo_plan_free(plan);
    return scores;
  }

  struct BusUnref {
    void operator()(GstBus* bus) const { gst_object_unref(bus); }
  };
  test::TemporaryFolder folder_;
  std::string model_;
  std::unique_ptr<GstBus, BusUnref> bus_;
};

std::vector<uint8_t> noise(size_t size) {
  std::vector<uint8_t> bytes(size);
  uint32_t state = 4711;
  for (uint8_t& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

GstBuffer* buffer_of(const std::vector<uint8_t>& bytes, GstClockTime pts = 0) {
  GstBuffer* buffer = gst_buffer_new_memdup(bytes.data(), bytes.size());
  GST_BUFFER_PTS(buffer) = pts;
  return buffer;
}

struct Case {
  const char *format, *rest;
  int width, height;
  octavo_format octavo;
  size_t bytes;
  int video_range, bt709;
};

// The frame as GStreamer lays it out: rows begin at multiples of four bytes.
octavo_frame frame_of(const Case& c, const std::vector<uint8_t>& bytes) {
  GstVideoInfo info;
  gst_video_info_set_format(&info, gst_video_format_from_string(c.format),
                            static_cast<guint>(c.width), static_cast<guint>(c.height));
  EXPECT_EQ(info.size, bytes.size()) << c.format;
  octavo_frame frame{};
  frame.format = c.octavo;
  frame.width = c.width;
  frame.height = c.height;
  frame.video_range = c.video_range;
  frame.bt709 = c.bt709;
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES(&info); ++i) {
    frame.plane[i] = bytes.data() + info.offset[i];
    frame.stride[i] = info.stride[i];
  }
  return frame;
}

TEST_F(Element, AnswersEveryFormatAndItsColoursAsTheLibraryDoes) {
  const Case cases[] = {
      {"NV12", "", 64, 48, OCTAVO_NV12, 64 * 48 * 3 / 2, 1, 0},
      {"NV12", ",colorimetry=bt709", 64, 48, OCTAVO_NV12, 64 * 48 * 3 / 2, 1, 1},
      {"NV12", ",colorimetry=1:4:0:0", 64, 48, OCTAVO_NV12, 64 * 48 * 3 / 2, 0, 0},
      {"NV12", "", 1280, 720, OCTAVO_NV12, 1280 * 720 * 3 / 2, 1, 1},  // HD: BT.709
      {"I420", "", 62, 46, OCTAVO_I420, 64 * 46 + 2 * 32 * 23, 1, 0},
      {"YUY2", "", 62, 47, OCTAVO_YUYV, 124 * 47, 1, 0},
      {"RGB", "", 33, 31, OCTAVO_RGB24, 100 * 31, 0, 0},
      {"BGR", "", 33, 31, OCTAVO_BGR24, 100 * 31, 0, 0},
      {"GRAY8", "", 33, 31, OCTAVO_GRAY8, 36 * 31, 0, 0},
  };
  for (const Case& c : cases) {
    const std::string caps = std::string("video/x-raw,format=") + c.format +
                             ",width=" + std::to_string(c.width) +
                             ",height=" + std::to_string(c.height) + ",framerate=30/1" + c.rest;
    const Harness made = harness(caps);
    g_object_set(made->element, "top-k", 3, nullptr);
    const std::vector<uint8_t> bytes = noise(c.bytes);
    const std::vector<octavo_score> expected = answer(frame_of(c, bytes), 3);
    Buffer out(gst_harness_push_and_pull(made.get(), buffer_of(bytes, 7 * GST_SECOND)));
    ASSERT_NE(out, nullptr) << caps;
    EXPECT_EQ(gst_buffer_memcmp(out.get(), 0, bytes.data(), bytes.size()), 0)
        << "the frame passes through as it is";

    const Message said = message(GST_MESSAGE_ELEMENT);
    ASSERT_NE(said, nullptr) << caps;
    const GstStructure* best = gst_message_get_structure(said.get());
    EXPECT_STREQ(gst_structure_get_name(best), "octavoclassify");
    guint64 pts = 0;
    gint index = -1;
    gdouble score = -1;
    EXPECT_TRUE(gst_structure_get(best, "pts", G_TYPE_UINT64, &pts, "index", G_TYPE_INT, &index,
                                  "score", G_TYPE_DOUBLE, &score, nullptr));
    EXPECT_EQ(pts, 7 * GST_SECOND);
    EXPECT_EQ(index, expected[0].index) << caps;
    EXPECT_EQ(score, static_cast<double>(expected[0].score)) << caps;
    EXPECT_EQ("name " + std::to_string(index), gst_structure_get_string(best, "label"));
    const GValue* top = gst_structure_get_value(best, "top");
    ASSERT_EQ(gst_value_array_get_size(top), 3u);
    for (guint i = 0; i < 3; ++i) {
      const auto* one =
          static_cast<const GstStructure*>(g_value_get_boxed(gst_value_array_get_value(top, i)));
      EXPECT_TRUE(gst_structure_get(one, "index", G_TYPE_INT, &index, "score", G_TYPE_DOUBLE,
                                    &score, nullptr));
      EXPECT_EQ(index, expected[i].index) << caps;
      EXPECT_EQ(score, static_cast<double>(expected[i].score)) << caps;
    }
  }
}

TEST_F(Element, PutsTheLabelsOnTheBufferBestFirst) {
  const Harness made = harness("video/x-raw,format=GRAY8,width=40,height=30,framerate=30/1");
  g_object_set(made->element, "top-k", 2, nullptr);
  const std::vector<uint8_t> bytes = noise(40 * 30);
  const Case c{"GRAY8", "", 40, 30, OCTAVO_GRAY8, 40 * 30, 0, 0};
  const std::vector<octavo_score> expected = answer(frame_of(c, bytes), 2);
  const Buffer out(gst_harness_push_and_pull(made.get(), buffer_of(bytes)));
  const auto* region = gst_buffer_get_video_region_of_interest_meta(out.get());
  ASSERT_NE(region, nullptr);
  EXPECT_EQ(region->roi_type, g_quark_from_static_string("octavoclassify"));
  EXPECT_EQ(region->x + region->y, 0u);
  EXPECT_EQ(region->w, 40u);
  EXPECT_EQ(region->h, 30u);
  ASSERT_EQ(g_list_length(region->params), 2u);
  size_t rank = 0;
  for (const GList* node = region->params; node != nullptr; node = node->next, ++rank) {
    const auto* label = static_cast<const GstStructure*>(node->data);
    gint index = -1;
    gdouble confidence = -1;
    EXPECT_TRUE(gst_structure_has_name(label, "classification"));
    EXPECT_TRUE(gst_structure_get(label, "label_id", G_TYPE_INT, &index, "confidence",
                                  G_TYPE_DOUBLE, &confidence, nullptr));
    EXPECT_EQ(index, expected[rank].index);
    EXPECT_EQ(confidence, static_cast<double>(expected[rank].score));
  }
}

TEST_F(Element, RowsMayBeAsFarApartAsTheBufferSays) {
  const std::string caps = "video/x-raw,format=NV12,width=32,height=24,framerate=30/1";
  const Harness made = harness(caps);
  const std::vector<uint8_t> bytes = noise(48 * 36);  // rows of 48 bytes
  GstBuffer* in = buffer_of(bytes);
  gsize offsets[GST_VIDEO_MAX_PLANES] = {0, 48 * 24};
  gint strides[GST_VIDEO_MAX_PLANES] = {48, 48};
  gst_buffer_add_video_meta_full(in, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_NV12, 32, 24, 2,
                                 offsets, strides);
  octavo_frame frame{};
  frame.format = OCTAVO_NV12;
  frame.width = 32;
  frame.height = 24;
  frame.plane[0] = bytes.data();
  frame.plane[1] = bytes.data() + 48 * 24;
  frame.stride[0] = frame.stride[1] = 48;
  frame.video_range = 1;
  const Buffer out(gst_harness_push_and_pull(made.get(), in));
  const Message said = message(GST_MESSAGE_ELEMENT);
  ASSERT_NE(said, nullptr);
  gdouble score = -1;
  gst_structure_get_double(gst_message_get_structure(said.get()), "score", &score);
  EXPECT_EQ(score, static_cast<double>(answer(frame, 1)[0].score));
}

TEST_F(Element, AsksForRowsAsTheyLie) {
  const Harness made = harness("");
  gst_harness_set_caps_str(made.get(), "video/x-raw,format=NV12,width=32,height=24,framerate=30/1",
                           "video/x-raw,format=NV12,width=32,height=24,framerate=30/1");
  GstCaps* caps = gst_caps_from_string("video/x-raw,format=NV12,width=32,height=24,framerate=30/1");
  GstQuery* query = gst_query_new_allocation(caps, FALSE);
  EXPECT_TRUE(gst_pad_peer_query(made->srcpad, query));
  EXPECT_TRUE(gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr));
  gst_query_unref(query);
  gst_caps_unref(caps);
}

TEST_F(Element, RefusesCapsThatItCannotRead) {
  for (const char* caps :
       {"video/x-raw,format=NV12,width=63,height=48,framerate=30/1",
        "video/x-raw,format=I420,width=64,height=47,framerate=30/1",
        "video/x-raw,format=YUY2,width=63,height=48,framerate=30/1",
        "video/x-raw,format=NV21,width=64,height=48,framerate=30/1",
        "video/x-raw,format=RGB,width=0,height=0,framerate=30/1",
        "video/x-raw,format=RGB,width=70000,height=2,framerate=30/1",
        "video/x-raw(memory:DMABuf),format=NV12,width=64,height=48,framerate=30/1",
        "video/x-raw,format=NV12", "video/x-h264,width=64,height=48",
        "audio/x-raw,format=S16LE,rate=8000,channels=1"}) {
    const Harness made = harness(caps);
    EXPECT_EQ(gst_harness_push(made.get(), buffer_of(noise(64 * 48 * 3))), GST_FLOW_NOT_NEGOTIATED)
        << caps;
  }
}

TEST_F(Element, ABufferThatIsTooShortPassesWithAWarning) {
  const Harness made = harness("video/x-raw,format=RGB,width=64,height=48,framerate=30/1");
  const Buffer out(gst_harness_push_and_pull(made.get(), buffer_of(noise(100))));
  ASSERT_NE(out, nullptr);
  EXPECT_EQ(gst_buffer_get_video_region_of_interest_meta(out.get()), nullptr);
  EXPECT_NE(message(GST_MESSAGE_WARNING), nullptr);
  EXPECT_EQ(message(GST_MESSAGE_ELEMENT), nullptr);
}

TEST_F(Element, AFrameThatPreprocessingRefusesEndsTheStreamWithItsSentence) {
  Plan plan = small_plan();
  plan.preprocess.resize_short = 512;  // which makes one side 2^25 pixels long
  model_ = folder_.write("wide.octavo", bytes_of(plan));
  const Harness made = harness("video/x-raw,format=GRAY8,width=65536,height=1,framerate=30/1");
  EXPECT_EQ(gst_harness_push(made.get(), buffer_of(noise(65536))), GST_FLOW_ERROR);
  const Message said = message(GST_MESSAGE_ERROR);
  ASSERT_NE(said, nullptr);
  GError* what = nullptr;
  gst_message_parse_error(said.get(), &what, nullptr);
  EXPECT_NE(std::string(what->message).find("too narrow"), std::string::npos) << what->message;
  g_error_free(what);
}

TEST_F(Element, IntervalThresholdAndMessagesCanBeSet) {
  const Harness made = harness("video/x-raw,format=GRAY8,width=40,height=30,framerate=30/1");
  g_object_set(made->element, "interval", 3, nullptr);
  const auto push = [&] {
    const Buffer out(gst_harness_push_and_pull(made.get(), buffer_of(noise(40 * 30))));
    return gst_buffer_get_video_region_of_interest_meta(out.get()) != nullptr;
  };
  std::vector<bool> classified;
  for (int i = 0; i < 7; ++i) classified.push_back(push());
  EXPECT_EQ(classified, (std::vector<bool>{true, false, false, true, false, false, true}));
  gst_bus_set_flushing(bus_.get(), TRUE);
  gst_bus_set_flushing(bus_.get(), FALSE);

  g_object_set(made->element, "interval", 1, "post-messages", FALSE, nullptr);
  EXPECT_TRUE(push());
  EXPECT_EQ(message(GST_MESSAGE_ELEMENT), nullptr);
  g_object_set(made->element, "post-messages", TRUE, "threshold", 1.0, nullptr);
  EXPECT_FALSE(push());
  EXPECT_EQ(message(GST_MESSAGE_ELEMENT), nullptr);
  g_object_set(made->element, "threshold", 0.0, "top-k", 1000000, nullptr);
  EXPECT_TRUE(push());
  const Message said = message(GST_MESSAGE_ELEMENT);
  const Plan plan = small_plan();
  EXPECT_EQ(gst_value_array_get_size(
                gst_structure_get_value(gst_message_get_structure(said.get()), "top")),
            static_cast<guint>(plan.tensors[plan.output].shape[3]));
}

TEST_F(Element, AModelThatIsNotThereOrDamagedIsOneSentence) {
  const std::string whole = bytes_of(small_plan());
  std::string flipped = whole;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  Plan values = small_plan();
  values.picture_input = false;
  GQuark domain = 0;
  EXPECT_NE(refusal("", &domain).find("model=FILE.octavo"), std::string::npos);
  EXPECT_EQ(domain, GST_RESOURCE_ERROR);
  EXPECT_NE(refusal(folder_ / "none.octavo", &domain).find("none.octavo"), std::string::npos);
  EXPECT_EQ(domain, GST_RESOURCE_ERROR);
  for (const std::string& bytes :
       {std::string(), std::string("no plan"), flipped, whole.substr(0, whole.size() / 2)}) {
    EXPECT_NE(refusal(folder_.write("bad.octavo", bytes), &domain), "") << bytes.size();
    EXPECT_EQ(domain, GST_STREAM_ERROR);
  }
  EXPECT_NE(
      refusal(folder_.write("values.octavo", bytes_of(values)), &domain).find("not fed pictures"),
      std::string::npos);
  EXPECT_EQ(refusal(model_, &domain), "");
}

TEST_F(Element, StartsAgainWithAnotherModel) {
  GstElement* element = make(model_);
  for (const char* name : {"a.octavo", "b.octavo"}) {
    const std::string other = folder_.write(name, bytes_of(small_plan()));
    g_object_set(element, "model", other.c_str(), "threads", 2, nullptr);
    EXPECT_NE(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    EXPECT_NE(gst_element_set_state(element, GST_STATE_NULL), GST_STATE_CHANGE_FAILURE);
  }
  gst_object_unref(element);
}

}  // namespace
}  // namespace octavo
