/* scores PLAN FRAMES WIDTH HEIGHT: the scores of each NV12 frame of a file (video range, BT.601), a
 * line a frame, as bench/front-ends compares them: index:score of all classes, best first. */
#include <octavo/octavo.h>
#include <stdio.h>
#include <stdlib.h>

static int complain(const char* about) {
  fprintf(stderr, "%s: %s\n", about, octavo_last_error());
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  octavo_plan* plan = NULL;
  octavo_session* session = NULL;
  if (octavo_plan_open(argv[1], NULL, &plan) != OCTAVO_OK) return complain(argv[1]);
  if (octavo_session_open(plan, NULL, &session) != OCTAVO_OK) return complain(argv[1]);
  const size_t classes = (size_t)octavo_plan_classes(plan);
  float* logits = malloc(classes * sizeof *logits);
  octavo_score* scores = malloc((size_t)octavo_plan_score_count(plan) * sizeof *scores);
  octavo_frame frame = {0};
  frame.format = OCTAVO_NV12;
  frame.width = atoi(argv[3]);
  frame.height = atoi(argv[4]);
  frame.video_range = 1;
  const size_t pixels = (size_t)frame.width * (size_t)frame.height, bytes = pixels + pixels / 2;
  uint8_t* memory = malloc(bytes);
  frame.plane[0] = memory;
  frame.plane[1] = memory + pixels;
  frame.stride[0] = frame.stride[1] = frame.width;
  FILE* file = fopen(argv[2], "rb");
  if (!file || !memory || !logits || !scores) return 1;
  while (fread(memory, 1, bytes, file) == bytes) {
    if (octavo_run_frame(session, &frame, logits, classes) != OCTAVO_OK) return complain(argv[2]);
    const int32_t found =
        octavo_plan_top_scores(plan, logits, classes, octavo_plan_score_count(plan), scores);
    for (int32_t i = 0; i < found; ++i)
      printf("%d:%.9g ", (int)scores[i].index, (double)scores[i].score);
    printf("\n");
  }
  fclose(file);
  free(memory);
  free(scores);
  free(logits);
  octavo_session_free(session);
  octavo_plan_free(plan);
  return 0;
}
