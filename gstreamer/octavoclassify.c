/* octavoclassify: names what video frames show, by a plan of Octavo.
 *
 * Frames pass through as they are. Each that is classified gets a GstVideoRegionOfInterestMeta of
 * the whole frame, whose parameters are its labels, best first, and posts an element message with
 * them.
 *
 *   gst-launch-1.0 -m v4l2src ! videoconvert ! octavoclassify model=model.octavo ! autovideosink
 */
#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <octavo/octavo.h>

GST_DEBUG_CATEGORY_STATIC(octavo_classify_debug);
#define GST_CAT_DEFAULT octavo_classify_debug

#define OCTAVO_TYPE_CLASSIFY (octavo_classify_get_type())
G_DECLARE_FINAL_TYPE(OctavoClassify, octavo_classify, OCTAVO, CLASSIFY, GstBaseTransform)

typedef struct Settings {
  gchar* model;
  guint threads, top_k, interval;
  gdouble threshold;
  gboolean post_messages;
} Settings;

struct _OctavoClassify {
  GstBaseTransform parent;
  Settings settings; /* under the object's lock */

  /* Between start and stop, of the streaming thread. */
  octavo_plan* plan;
  octavo_session* session;
  gfloat* logits;
  gsize classes;
  octavo_score* scores;
  gint32 score_count;
  guint64 frames;
  GstVideoInfo info;
  octavo_frame layout; /* of the caps: all but planes and strides */
};

G_DEFINE_FINAL_TYPE_WITH_CODE(OctavoClassify, octavo_classify, GST_TYPE_BASE_TRANSFORM,
                              GST_DEBUG_CATEGORY_INIT(octavo_classify_debug, "octavoclassify", 0,
                                                      "classification by Octavo"))

enum { PROP_0, PROP_MODEL, PROP_THREADS, PROP_TOP_K, PROP_THRESHOLD, PROP_INTERVAL, PROP_POST };

/* What octavo_run_frame takes: chroma that is shared by two columns or rows wants even ones. */
#define CAPS(formats, width, height)                                                            \
  "video/x-raw, format = (string) " formats ", width = (int) " width ", height = (int) " height \
  ", framerate = (fraction) [ 0, max ]"
#define ANY "[ 1, 65536 ]"
#define EVEN "[ 2, 65536, 2 ]"
#define FRAMES                       \
  CAPS("{ NV12, I420 }", EVEN, EVEN) \
  "; " CAPS("YUY2", EVEN, ANY) "; " CAPS("{ RGB, BGR, GRAY8 }", ANY, ANY)

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(FRAMES));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(FRAMES));

/* ---- Properties ---- */

static void octavo_classify_set_property(GObject* object, guint id, const GValue* value,
                                         GParamSpec* spec) {
  Settings* settings = &OCTAVO_CLASSIFY(object)->settings;
  GST_OBJECT_LOCK(object);
  switch (id) {
    case PROP_MODEL:
      g_free(settings->model);
      settings->model = g_value_dup_string(value);
      break;
    case PROP_THREADS:
      settings->threads = g_value_get_uint(value);
      break;
    case PROP_TOP_K:
      settings->top_k = g_value_get_uint(value);
      break;
    case PROP_THRESHOLD:
      settings->threshold = g_value_get_double(value);
      break;
    case PROP_INTERVAL:
      settings->interval = g_value_get_uint(value);
      break;
    case PROP_POST:
      settings->post_messages = g_value_get_boolean(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  GST_OBJECT_UNLOCK(object);
}

static void octavo_classify_get_property(GObject* object, guint id, GValue* value,
                                         GParamSpec* spec) {
  const Settings* settings = &OCTAVO_CLASSIFY(object)->settings;
  GST_OBJECT_LOCK(object);
  switch (id) {
    case PROP_MODEL:
      g_value_set_string(value, settings->model);
      break;
    case PROP_THREADS:
      g_value_set_uint(value, settings->threads);
      break;
    case PROP_TOP_K:
      g_value_set_uint(value, settings->top_k);
      break;
    case PROP_THRESHOLD:
      g_value_set_double(value, settings->threshold);
      break;
    case PROP_INTERVAL:
      g_value_set_uint(value, settings->interval);
      break;
    case PROP_POST:
      g_value_set_boolean(value, settings->post_messages);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  GST_OBJECT_UNLOCK(object);
}

/* ---- The model ---- */

static gboolean octavo_classify_stop(GstBaseTransform* base) {
  OctavoClassify* self = OCTAVO_CLASSIFY(base);
  octavo_session_free(self->session);
  octavo_plan_free(self->plan);
  self->session = NULL;
  self->plan = NULL;
  g_clear_pointer(&self->logits, g_free);
  g_clear_pointer(&self->scores, g_free);
  return TRUE;
}

/* What Octavo says in one line, as the error of the domain that applications tell apart. */
static void post_error(OctavoClassify* self, octavo_status status, const gchar* model) {
  const gchar* why = octavo_last_error();
  switch (status) {
    case OCTAVO_FAILED:
      GST_ELEMENT_ERROR(self, RESOURCE, OPEN_READ, ("%s", why), ("model=%s", model));
      break;
    case OCTAVO_REJECTED:
      GST_ELEMENT_ERROR(self, STREAM, WRONG_TYPE, ("%s", why), ("model=%s", model));
      break;
    case OCTAVO_UNSUPPORTED:
      GST_ELEMENT_ERROR(self, RESOURCE, NO_SPACE_LEFT, ("%s", why), ("model=%s", model));
      break;
    default:
      GST_ELEMENT_ERROR(self, LIBRARY, SETTINGS, ("%s", why), ("model=%s", model));
  }
}

static gboolean open_model(OctavoClassify* self, const gchar* model, gint32 threads) {
  octavo_status status = octavo_plan_open(model, NULL, &self->plan);
  if (status == OCTAVO_OK) status = octavo_session_create(self->plan, threads, &self->session);
  octavo_plan_info plan = {.size = sizeof plan};
  if (status == OCTAVO_OK) status = octavo_plan_describe(self->plan, &plan);
  if (status != OCTAVO_OK) {
    post_error(self, status, model);
    return FALSE;
  }
  if (plan.input_kind != OCTAVO_INPUT_PICTURE) {
    GST_ELEMENT_ERROR(self, STREAM, WRONG_TYPE,
                      ("'%s' is of a network that is not fed pictures", model), (NULL));
    return FALSE;
  }
  self->classes = (gsize)plan.classes;
  self->logits = g_new(gfloat, self->classes);
  self->score_count = octavo_plan_score_count(self->plan);
  self->scores = g_new(octavo_score, (gsize)self->score_count);
  GST_INFO_OBJECT(self, "%s: %d classes, %d steps, %s", model, plan.classes, plan.steps, plan.isa);
  return TRUE;
}

static gboolean octavo_classify_start(GstBaseTransform* base) {
  OctavoClassify* self = OCTAVO_CLASSIFY(base);
  self->frames = 0;
  GST_OBJECT_LOCK(self);
  gchar* model = g_strdup(self->settings.model);
  const gint32 threads = (gint32)self->settings.threads;
  GST_OBJECT_UNLOCK(self);
  gboolean opened = FALSE;
  if (model == NULL || *model == '\0') {
    GST_ELEMENT_ERROR(self, RESOURCE, NOT_FOUND,
                      ("octavoclassify needs a plan: model=FILE.octavo (`octavo build` makes it)"),
                      (NULL));
  } else {
    opened = open_model(self, model, threads);
  }
  g_free(model);
  if (!opened) octavo_classify_stop(base);
  return opened;
}

/* ---- Frames ---- */

static gboolean frame_format(GstVideoFormat format, octavo_format* out) {
  switch (format) {
    case GST_VIDEO_FORMAT_NV12:
      *out = OCTAVO_NV12;
      return TRUE;
    case GST_VIDEO_FORMAT_I420:
      *out = OCTAVO_I420;
      return TRUE;
    case GST_VIDEO_FORMAT_YUY2:
      *out = OCTAVO_YUYV;
      return TRUE;
    case GST_VIDEO_FORMAT_RGB:
      *out = OCTAVO_RGB24;
      return TRUE;
    case GST_VIDEO_FORMAT_BGR:
      *out = OCTAVO_BGR24;
      return TRUE;
    case GST_VIDEO_FORMAT_GRAY8:
      *out = OCTAVO_GRAY8;
      return TRUE;
    default:
      return FALSE;
  }
}

static gboolean octavo_classify_set_caps(GstBaseTransform* base, GstCaps* in, GstCaps* out) {
  OctavoClassify* self = OCTAVO_CLASSIFY(base);
  (void)out;
  octavo_format format = OCTAVO_NV12;
  if (!gst_video_info_from_caps(&self->info, in) ||
      !frame_format(GST_VIDEO_INFO_FORMAT(&self->info), &format)) {
    GST_ERROR_OBJECT(self, "caps that are no frames: %" GST_PTR_FORMAT, (void*)in);
    return FALSE;
  }
  /* Where caps say nothing of colours, GStreamer's defaults for the format and size are here. */
  const GstVideoColorimetry* colors = &self->info.colorimetry;
  self->layout = (octavo_frame){
      .format = format,
      .width = GST_VIDEO_INFO_WIDTH(&self->info),
      .height = GST_VIDEO_INFO_HEIGHT(&self->info),
      .video_range = colors->range != GST_VIDEO_COLOR_RANGE_0_255,
      .bt709 = colors->matrix == GST_VIDEO_COLOR_MATRIX_BT709,
  };
  if (GST_VIDEO_INFO_IS_YUV(&self->info) && colors->matrix != GST_VIDEO_COLOR_MATRIX_BT601 &&
      colors->matrix != GST_VIDEO_COLOR_MATRIX_BT709) {
    GST_WARNING_OBJECT(
        self, "colours of this matrix are taken for those of BT.601: %" GST_PTR_FORMAT, (void*)in);
  }
  return TRUE;
}

/* Rows may be padded: mapped frames say how long they are. */
static gboolean octavo_classify_propose_allocation(GstBaseTransform* base, GstQuery* decided,
                                                   GstQuery* query) {
  if (!GST_BASE_TRANSFORM_CLASS(octavo_classify_parent_class)
           ->propose_allocation(base, decided, query)) {
    return FALSE;
  }
  if (!gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL)) {
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
  }
  return TRUE;
}

static octavo_status run(OctavoClassify* self, GstVideoFrame* video) {
  octavo_frame frame = self->layout;
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES(video); ++i) {
    frame.plane[i] = GST_VIDEO_FRAME_PLANE_DATA(video, i);
    frame.stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE(video, i);
  }
  return octavo_run_frame(self->session, &frame, self->logits, self->classes);
}

/* ---- Answers ---- */

static gchar* label_of(OctavoClassify* self, gint32 index) {
  const gchar* label = octavo_plan_label(self->plan, index);
  return label != NULL ? g_utf8_make_valid(label, -1) : g_strdup_printf("class %d", index);
}

/* A parameter a label, under the names that other elements which classify give and look for. */
static void add_meta(OctavoClassify* self, GstBuffer* buffer, gint32 count) {
  GstVideoRegionOfInterestMeta* meta = gst_buffer_add_video_region_of_interest_meta(
      buffer, "octavoclassify", 0, 0, (guint)self->layout.width, (guint)self->layout.height);
  for (gint32 i = 0; i < count; ++i) {
    gchar* label = label_of(self, self->scores[i].index);
    gst_video_region_of_interest_meta_add_param(
        meta, gst_structure_new("classification", "label", G_TYPE_STRING, label, "label_id",
                                G_TYPE_INT, self->scores[i].index, "confidence", G_TYPE_DOUBLE,
                                (gdouble)self->scores[i].score, NULL));
    g_free(label);
  }
}

static GstStructure* named_score(OctavoClassify* self, const gchar* name,
                                 const octavo_score* score) {
  gchar* label = label_of(self, score->index);
  GstStructure* out =
      gst_structure_new(name, "label", G_TYPE_STRING, label, "score", G_TYPE_DOUBLE,
                        (gdouble)score->score, "index", G_TYPE_INT, score->index, NULL);
  g_free(label);
  return out;
}

/* The best, and all that are asked for in `top`. */
static void post_message(OctavoClassify* self, GstBuffer* buffer, gint32 count) {
  const GstSegment* segment = &GST_BASE_TRANSFORM(self)->segment;
  const gboolean is_timed = segment->format == GST_FORMAT_TIME; /* a file's bytes are not */
  const GstClockTime pts = GST_BUFFER_PTS(buffer);
  GstStructure* message = named_score(self, "octavoclassify", &self->scores[0]);
  GValue top = G_VALUE_INIT;
  gst_value_array_init(&top, (guint)count);
  for (gint32 i = 0; i < count; ++i) {
    GValue one = G_VALUE_INIT;
    g_value_init(&one, GST_TYPE_STRUCTURE);
    g_value_take_boxed(&one, named_score(self, "classification", &self->scores[i]));
    gst_value_array_append_and_take_value(&top, &one);
  }
  gst_structure_take_value(message, "top", &top);
  gst_structure_set(
      message, "pts", G_TYPE_UINT64, pts, "stream-time", G_TYPE_UINT64,
      is_timed ? gst_segment_to_stream_time(segment, GST_FORMAT_TIME, pts) : GST_CLOCK_TIME_NONE,
      "running-time", G_TYPE_UINT64,
      is_timed ? gst_segment_to_running_time(segment, GST_FORMAT_TIME, pts) : GST_CLOCK_TIME_NONE,
      NULL);
  gst_element_post_message(GST_ELEMENT(self), gst_message_new_element(GST_OBJECT(self), message));
}

static gint32 best_scores(OctavoClassify* self, const Settings* settings) {
  const gint32 wanted = (gint32)MIN(settings->top_k, (guint)self->score_count);
  const gint32 found =
      octavo_plan_top_scores(self->plan, self->logits, self->classes, wanted, self->scores);
  gint32 count = 0;
  while (count < found && (gdouble)self->scores[count].score >= settings->threshold) ++count;
  return count;
}

static GstFlowReturn octavo_classify_transform_ip(GstBaseTransform* base, GstBuffer* buffer) {
  OctavoClassify* self = OCTAVO_CLASSIFY(base);
  GST_OBJECT_LOCK(self);
  const Settings settings = self->settings; /* its model is not used */
  GST_OBJECT_UNLOCK(self);
  if (self->frames++ % settings.interval != 0) return GST_FLOW_OK;

  GstVideoFrame video;
  if (!gst_video_frame_map(&video, &self->info, buffer, GST_MAP_READ)) {
    GST_ELEMENT_WARNING(self, STREAM, FORMAT, ("a buffer that holds no frame of its caps"), (NULL));
    return GST_FLOW_OK;
  }
  const octavo_status status = run(self, &video);
  gst_video_frame_unmap(&video);
  if (status != OCTAVO_OK) {
    GST_ELEMENT_ERROR(self, STREAM, FAILED, ("%s", octavo_last_error()), (NULL));
    return GST_FLOW_ERROR;
  }
  const gint32 count = best_scores(self, &settings);
  if (count == 0) return GST_FLOW_OK;
  add_meta(self, buffer, count);
  if (settings.post_messages) post_message(self, buffer, count);
  return GST_FLOW_OK;
}

/* ---- The class ---- */

static void octavo_classify_finalize(GObject* object) {
  g_free(OCTAVO_CLASSIFY(object)->settings.model);
  G_OBJECT_CLASS(octavo_classify_parent_class)->finalize(object);
}

static void octavo_classify_init(OctavoClassify* self) {
  self->settings =
      (Settings){.threads = 1, .top_k = 1, .interval = 1, .threshold = 0, .post_messages = TRUE};
  gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
}

static void install_properties(GObjectClass* object) {
  const GParamFlags playing =
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;
  const GParamFlags ready = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;
  object->set_property = octavo_classify_set_property;
  object->get_property = octavo_classify_get_property;
  object->finalize = octavo_classify_finalize;
  g_object_class_install_property(
      object, PROP_MODEL, g_param_spec_string("model", "Model", "The plan (.octavo)", NULL, ready));
  g_object_class_install_property(
      object, PROP_THREADS,
      g_param_spec_uint("threads", "Threads", "Threads of one frame", 1, 1024, 1, ready));
  g_object_class_install_property(
      object, PROP_TOP_K,
      g_param_spec_uint("top-k", "Top k", "Most labels of a frame", 1, 1000000, 1, playing));
  g_object_class_install_property(
      object, PROP_THRESHOLD,
      g_param_spec_double(
          "threshold", "Threshold",
          "Least score of a label; a frame without one gets no metadata and no message", 0, 1, 0,
          playing));
  g_object_class_install_property(
      object, PROP_INTERVAL,
      g_param_spec_uint("interval", "Interval", "Classify one of so many frames; 1: each", 1,
                        G_MAXUINT, 1, playing));
  g_object_class_install_property(
      object, PROP_POST,
      g_param_spec_boolean("post-messages", "Post messages",
                           "Post an element message for each frame that is classified", TRUE,
                           playing));
}

static void octavo_classify_class_init(OctavoClassifyClass* class) {
  GstElementClass* element = GST_ELEMENT_CLASS(class);
  GstBaseTransformClass* base = GST_BASE_TRANSFORM_CLASS(class);
  install_properties(G_OBJECT_CLASS(class));
  gst_element_class_set_static_metadata(element, "Octavo classifier", "Filter/Analyzer/Video",
                                        "Names what frames show, by a quantized network",
                                        "Octavo's maintainers <maintainers@octavo.invalid>");
  gst_element_class_add_static_pad_template(element, &sink_template);
  gst_element_class_add_static_pad_template(element, &src_template);
  base->start = octavo_classify_start;
  base->stop = octavo_classify_stop;
  base->set_caps = octavo_classify_set_caps;
  base->propose_allocation = octavo_classify_propose_allocation;
  base->transform_ip = octavo_classify_transform_ip;
}

static gboolean plugin_init(GstPlugin* plugin) {
  return gst_element_register(plugin, "octavoclassify", GST_RANK_NONE, OCTAVO_TYPE_CLASSIFY);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, octavo,
                  "Classification of video frames by Octavo", plugin_init, OCTAVO_VERSION,
                  "Apache 2.0", "Octavo", "https://octavo.invalid")
