/* Writes into each frame what it shows: a pipeline of gst-launch with an octavoclassify and, behind
 * it, a textoverlay called "label".
 *
 *   cc overlay.c -o overlay $(pkg-config --cflags --libs gstreamer-1.0)
 *   ./overlay "v4l2src ! videoconvert ! octavoclassify model=model.octavo !
 *              textoverlay name=label ! videoconvert ! autovideosink"
 */
#include <gst/gst.h>
#include <stdio.h>
#include <string.h>

/* Called by the thread that streams, before the frame goes on to the textoverlay: the text is the
 * frame's own. */
static GstBusSyncReply on_message(GstBus* bus, GstMessage* message, gpointer overlay) {
  (void)bus;
  const GstStructure* said = gst_message_get_structure(message);
  if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_ELEMENT ||
      !gst_structure_has_name(said, "octavoclassify")) {
    return GST_BUS_PASS;
  }
  double score = 0;
  gst_structure_get_double(said, "score", &score);
  char text[256];
  snprintf(text, sizeof text, "%s %.0f %%", gst_structure_get_string(said, "label"), 100 * score);
  g_object_set(overlay, "text", text, NULL);
  gst_message_unref(message);
  return GST_BUS_DROP;
}

static int run(GstElement* pipeline, GstElement* overlay) {
  GstBus* bus = gst_element_get_bus(pipeline);
  gst_bus_set_sync_handler(bus, on_message, overlay, NULL);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstMessage* end =
      gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  const int failed = GST_MESSAGE_TYPE(end) == GST_MESSAGE_ERROR;
  if (failed) {
    GError* error = NULL;
    gst_message_parse_error(end, &error, NULL);
    fprintf(stderr, "%s\n", error->message);
    g_error_free(error);
  }
  gst_message_unref(end);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(bus);
  return failed;
}

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  GError* error = NULL;
  GstElement* pipeline = argc == 2 ? gst_parse_launch(argv[1], &error) : NULL;
  if (error != NULL || !GST_IS_BIN(pipeline)) {
    fprintf(stderr, "%s\n", error != NULL ? error->message : "usage: overlay PIPELINE");
    return 2;
  }
  GstElement* overlay = gst_bin_get_by_name(GST_BIN(pipeline), "label");
  if (overlay == NULL) {
    fprintf(stderr, "the pipeline has no element called label\n");
    return 2;
  }
  const int failed = run(pipeline, overlay);
  gst_object_unref(overlay);
  gst_object_unref(pipeline);
  return failed;
}
