/* classify PLAN PICTURE...: the five likeliest labels of each picture, as `octavo classify` prints
 * them. See examples/CMakeLists.txt for how it is built, or:
 *   cc classify.c $(pkg-config --cflags --libs octavo-runtime) -o classify
 */
#include <octavo/octavo.h>
#include <stdio.h>
#include <stdlib.h>

/* The bytes of a file; NULL where it cannot be read. */
static void* read_whole(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  if (!file) return NULL;
  void* bytes = NULL;
  *size = 0;
  for (size_t room = 1 << 16;; room *= 2) {
    void* grown = realloc(bytes, room);
    if (!grown) break;
    bytes = grown;
    *size += fread((char*)bytes + *size, 1, room - *size, file);
    if (*size < room) {
      const int failed = ferror(file);
      fclose(file);
      if (!failed) return bytes;
      free(bytes);
      return NULL;
    }
  }
  fclose(file);
  free(bytes);
  return NULL;
}

static int complain(const char* about) {
  fprintf(stderr, "%s: %s\n", about, octavo_last_error());
  return 1;
}

static int classify(octavo_session* session, const octavo_plan* plan, const char* path,
                    float* logits) {
  size_t size = 0;
  void* bytes = read_whole(path, &size);
  if (!bytes) {
    fprintf(stderr, "%s: cannot be read\n", path);
    return 1;
  }
  const size_t classes = (size_t)octavo_plan_classes(plan);
  const octavo_status done = octavo_run_picture(session, bytes, size, logits, classes);
  free(bytes);
  if (done != OCTAVO_OK) return complain(path);
  octavo_score best[5];
  const int32_t found = octavo_plan_top_scores(plan, logits, classes, 5, best);
  printf("%s\n", path);
  for (int32_t i = 0; i < found; ++i) {
    const char* label = octavo_plan_label(plan, best[i].index);
    printf("[%d] %s: %.4f\n", (int)i, label ? label : "?", (double)best[i].score);
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s PLAN PICTURE...\n", argv[0]);
    return 2;
  }
  octavo_plan* plan = NULL;
  octavo_session* session = NULL;
  if (octavo_plan_load(argv[1], NULL, &plan) != OCTAVO_OK) return complain(argv[1]);
  if (octavo_session_create(plan, 1, &session) != OCTAVO_OK) return complain(argv[1]);
  float* logits = malloc((size_t)octavo_plan_classes(plan) * sizeof *logits);
  int failed = logits == NULL;
  for (int i = 2; i < argc && logits; ++i) failed |= classify(session, plan, argv[i], logits);
  free(logits);
  octavo_session_free(session);
  octavo_plan_free(plan);
  return failed;
}
