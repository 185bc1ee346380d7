/* build MODEL.onnx PICTURES PLAN: makes a plan as `octavo build MODEL.onnx -o PLAN --calib
 * PICTURES` does, and tells what it does. Ctrl-C ends it without a file. See
 * examples/CMakeLists.txt, or: cc build.c $(pkg-config --cflags --libs octavo-build) -o build
 */
#include <octavo/build.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t interrupted = 0;

static void interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
}

static int32_t progress(void* context, size_t done, size_t total, const char* what) {
  (void)context;
  if (done == total) fprintf(stderr, "%s: %zu\n", what, total);
  return interrupted;
}

static void tell(const char* what, const char* const* sentences, size_t count) {
  for (size_t i = 0; i < count; ++i) fprintf(stderr, "%s: %s\n", what, sentences[i]);
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: %s MODEL.onnx PICTURES PLAN\n", argv[0]);
    return 2;
  }
  signal(SIGINT, interrupt);
  octavo_build_options options = {0};
  options.size = sizeof options;
  options.model = argv[1];
  options.calibration = argv[2];
  options.output = argv[3];
  options.progress = progress;
  octavo_built* built = NULL;
  const octavo_status status = octavo_build(&options, &built);
  if (status != OCTAVO_OK) {
    fprintf(stderr, "%s: %s\n", argv[1], octavo_build_last_error());
    return status;
  }
  octavo_built_info info = {0};
  info.size = sizeof info;
  octavo_built_describe(built, &info);
  tell("note", info.notes, info.note_count);
  tell("warning", info.warnings, info.warning_count);
  tell("left out", info.unreadable, info.unreadable_count);
  printf("wrote %s  %zu bytes  sha256 %s\n", argv[3], info.plan_bytes, info.sha256);
  octavo_built_free(built);
  return 0;
}
