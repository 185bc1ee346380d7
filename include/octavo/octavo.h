/* Octavo's C interface: load a plan, make a session, classify frames.
 *
 * A plan is immutable and may be shared by any number of sessions and threads; a session
 * is used by one thread at a time and allocates nothing after its creation, except where
 * a function says so. No function prints, exits, aborts or throws, nor changes the state of
 * the process (signals, umask, locale). Every function that can fail returns a status, and
 * octavo_last_error says in one line why the calling thread's last such call failed.
 *
 * Pointers: NULL is refused with OCTAVO_USAGE by every function that returns a status, except
 * where it says what NULL means; the freeing functions take it and do nothing.
 *
 * fork: plans and sessions of one thread may be used in a child that was forked after they were
 * made. A session of more threads may not, since its threads are not there: its calls return
 * OCTAVO_USAGE, and freeing it is allowed. Fork while no other thread is in a call of Octavo.
 */
#ifndef OCTAVO_OCTAVO_H
#define OCTAVO_OCTAVO_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define OCTAVO_API __attribute__((visibility("default")))
#else
#define OCTAVO_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum octavo_status {
  OCTAVO_OK = 0,
  OCTAVO_FAILED = 1,     /* I/O or an internal fault */
  OCTAVO_USAGE = 2,      /* the call itself is wrong */
  OCTAVO_REJECTED = 3,   /* a plan or a picture is bad */
  OCTAVO_UNSUPPORTED = 5 /* this machine cannot: ISA, memory */
} octavo_status;

typedef struct octavo_plan octavo_plan;
typedef struct octavo_session octavo_session;

typedef enum octavo_format {
  OCTAVO_NV12 = 0,
  OCTAVO_I420 = 1,
  OCTAVO_YUYV = 2,
  OCTAVO_RGB24 = 3,
  OCTAVO_BGR24 = 4,
  OCTAVO_GRAY8 = 5
} octavo_format;

/* A camera frame in the caller's memory. Planes that the format does not have are NULL;
 * strides are in bytes. nv12 and i420 need an even width and height, yuyv an even width. */
typedef struct octavo_frame {
  octavo_format format;
  int32_t width, height;
  const uint8_t* plane[3];
  int64_t stride[3];
  int32_t video_range; /* 0: full range, 1: video range (16..235) */
  int32_t bt709;       /* 0: BT.601, 1: BT.709 */
} octavo_frame;

typedef struct octavo_score {
  int32_t index;
  float score; /* softmax of the logits */
  float logit;
} octavo_score;

OCTAVO_API const char* octavo_version(void);
/* Why the calling thread's last call failed (of those that return a status or a count), at most
 * 1023 bytes; "" if it succeeded. Never NULL. Valid until its next call. */
OCTAVO_API const char* octavo_last_error(void);

/* isa: NULL or "" for the best that this machine has, else a name that `octavo doctor` lists. */
OCTAVO_API octavo_status octavo_plan_load(const char* path, const char* isa, octavo_plan** plan);
/* The bytes are not needed after the call. */
OCTAVO_API octavo_status octavo_plan_load_memory(const void* bytes, size_t size, const char* isa,
                                                 octavo_plan** plan);
/* Sessions keep what they need: a plan may be freed before them. NULL is allowed. */
OCTAVO_API void octavo_plan_free(octavo_plan* plan);

/* 0 for NULL. */
OCTAVO_API int32_t octavo_plan_classes(const octavo_plan* plan);
/* height, width, channels of the network's input; zeros for NULL. */
OCTAVO_API void octavo_plan_input_shape(const octavo_plan* plan, int32_t shape[3]);
/* NULL where the plan is NULL, carries no labels, or the index is none of its classes. Lives as
 * long as the plan. */
OCTAVO_API const char* octavo_plan_label(const octavo_plan* plan, int32_t index);

OCTAVO_API octavo_status octavo_session_create(const octavo_plan* plan, int32_t threads,
                                               octavo_session** session);
/* NULL is allowed. */
OCTAVO_API void octavo_session_free(octavo_session* session);

/* logits: as many floats as classes. pixels: the network's input [h, w, c], already resized. */
OCTAVO_API octavo_status octavo_run_pixels(octavo_session* session, const uint8_t* pixels,
                                           size_t size, float* logits, size_t classes);
/* values: the normalised float input [h, w, c]. NaN is OCTAVO_REJECTED; what is beyond the range
 * that the input can hold, infinity too, is clamped to it. */
OCTAVO_API octavo_status octavo_run_values(octavo_session* session, const float* values,
                                           size_t count, float* logits, size_t classes);
/* Preprocesses as the plan says, then runs. Allocates scratch rows for the resize. */
OCTAVO_API octavo_status octavo_run_frame(octavo_session* session, const octavo_frame* frame,
                                          float* logits, size_t classes);
/* An encoded picture: JPEG, PNG, WebP (where built with codecs), BMP, PPM. Allocates. */
OCTAVO_API octavo_status octavo_run_picture(octavo_session* session, const void* bytes, size_t size,
                                            float* logits, size_t classes);

/* The k most likely of `classes` logits, best first; equal logits by index. Returns how many
 * were written: k or classes, whichever is smaller; 0 where the call itself is wrong. */
OCTAVO_API int32_t octavo_top_scores(const float* logits, size_t classes, int32_t k,
                                     octavo_score* scores);

#ifdef __cplusplus
}
#endif

#endif
