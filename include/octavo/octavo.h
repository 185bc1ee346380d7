/* Octavo's C interface: load a plan, make a session, classify frames.
 *
 * A plan is immutable and may be shared by any number of sessions and threads; a session
 * is used by one thread at a time (a second one is refused with OCTAVO_USAGE) and allocates nothing
 * after its creation, except where a function says so. No function prints, exits, aborts or
 * throws, nor changes the state of the process (signals, umask, locale). Every function that can
 * fail returns a status, and octavo_last_error says in one line why the calling thread's last such
 * call failed.
 *
 * Structs that begin with `size` grow in later versions. The caller sets size to its own sizeof;
 * of options, fields that it does not know keep their defaults; of descriptions, only fields
 * that it knows are written. Zero, NULL or "" in a field of options is its default.
 *
 * Texts are UTF-8 as the plan's file holds them, and live as long as the plan.
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

/* The exit codes of the program `octavo` for the same faults. */
typedef enum octavo_status {
  OCTAVO_OK = 0,
  OCTAVO_FAILED = 1,       /* I/O or an internal fault */
  OCTAVO_USAGE = 2,        /* the call itself is wrong */
  OCTAVO_REJECTED = 3,     /* a plan or a picture is bad */
  OCTAVO_GATE_MISSED = 4,  /* of octavo/build.h alone: done, but a bound is not kept */
  OCTAVO_UNSUPPORTED = 5,  /* this machine cannot: ISA, memory */
  OCTAVO_INTERRUPTED = 130 /* of octavo/build.h alone: the caller said so */
} octavo_status;

typedef struct octavo_plan octavo_plan;
typedef struct octavo_session octavo_session;

/* ---- The library ---------------------------------------------------------------------------- */

/* "0.1.0". Never NULL. */
OCTAVO_API const char* octavo_version(void);
/* Why the calling thread's last call failed (of those that return a status or a count), at most
 * 1023 bytes; "" if it succeeded. Never NULL. Valid until its next call. */
OCTAVO_API const char* octavo_last_error(void);

/* ---- Plans ---------------------------------------------------------------------------------- */

typedef struct octavo_plan_options {
  size_t size;     /* sizeof(octavo_plan_options) */
  const char* isa; /* a name that `octavo doctor` lists; default: OCTAVO_ISA of the environment, or
                      else the best that this machine has */
  /* Is told in single lines what was loaded: ISA, memory, the kernel of each step. Called by
   * the thread that loads, during the call, with `log_context` as its first argument; it must not
   * call Octavo nor throw. */
  void (*log)(void* context, const char* line);
  void* log_context;
  /* That the plan with all its sessions may take; default: what the machine and its control
   * groups have free when the plan is opened. More is OCTAVO_UNSUPPORTED. */
  uint64_t max_memory_bytes;
} octavo_plan_options;

/* Reads and checks a plan, chooses kernels and packs its weights. options: NULL for defaults.
 * OCTAVO_FAILED: the file cannot be read. OCTAVO_REJECTED: it is no plan, or damaged.
 * OCTAVO_UNSUPPORTED: this machine lacks the ISA or the memory. OCTAVO_USAGE: an unknown ISA.
 * On failure *plan is NULL. Any thread; allocates. */
OCTAVO_API octavo_status octavo_plan_open(const char* path, const octavo_plan_options* options,
                                          octavo_plan** plan);
/* The same from memory. The bytes are not needed after the call. */
OCTAVO_API octavo_status octavo_plan_open_memory(const void* bytes, size_t size,
                                                 const octavo_plan_options* options,
                                                 octavo_plan** plan);
/* Short forms. isa: NULL or "" for the default. */
OCTAVO_API octavo_status octavo_plan_load(const char* path, const char* isa, octavo_plan** plan);
OCTAVO_API octavo_status octavo_plan_load_memory(const void* bytes, size_t size, const char* isa,
                                                 octavo_plan** plan);
/* Sessions keep what they need: a plan may be freed before them. NULL is allowed. */
OCTAVO_API void octavo_plan_free(octavo_plan* plan);

/* 0 for NULL. */
OCTAVO_API int32_t octavo_plan_classes(const octavo_plan* plan);
/* height, width, channels of the network's input; zeros for NULL. */
OCTAVO_API void octavo_plan_input_shape(const octavo_plan* plan, int32_t shape[3]);
/* NULL where the plan is NULL, carries no labels, or the index is none of its classes. */
OCTAVO_API const char* octavo_plan_label(const octavo_plan* plan, int32_t index);

typedef enum octavo_input_kind {
  OCTAVO_INPUT_PICTURE = 0, /* pixels, frames, encoded pictures; or values */
  OCTAVO_INPUT_VALUES = 1   /* values alone: the network is not fed pictures */
} octavo_input_kind;

typedef struct octavo_plan_info {
  size_t size; /* sizeof(octavo_plan_info) */
  octavo_input_kind input_kind;
  int32_t input_height, input_width, input_channels;
  int32_t classes;
  int32_t labels; /* classes, or 0 where the plan carries none */
  int32_t steps;
  int64_t macs;                     /* multiply-accumulates of one frame */
  int64_t parameters;               /* weights and biases */
  size_t weight_bytes, arena_bytes; /* of the plan in memory; of one thread's session */
  const char* isa;                  /* that was chosen */

  /* How a picture becomes the input. resize_short: pixels of the short side before the centre crop
   * to height x width, 0 for no resize. mean and std are of the channels in 0..255 units: the
   * float network saw (pixel - mean) / std. Meaningless for OCTAVO_INPUT_VALUES. */
  int32_t resize_short;
  const char* interpolation; /* "nearest", "bilinear", "bicubic" */
  const char* color;         /* "rgb", "bgr", "gray" */
  int32_t exif_rotate, via_nv12;
  float mean[3], std[3];

  /* Where the plan comes from: lower-case hex of SHA-256, options of the build as JSON. */
  const char *tool_version, *model_sha256, *calibration_sha256, *options, *calibration_isa;
  int32_t calibration_pictures;
} octavo_plan_info;

/* Any thread; allocates nothing. OCTAVO_USAGE: info->size is not set. */
OCTAVO_API octavo_status octavo_plan_describe(const octavo_plan* plan, octavo_plan_info* info);

typedef struct octavo_step_info {
  size_t size;           /* sizeof(octavo_step_info) */
  const char* name;      /* of the node that gives the output, as in the float file */
  const char* op;        /* "convolution", "pool", ... */
  const char* precision; /* of what it stores: "uint8", "int8", "int16", "uint16", "float32" */
  const char* kernel;    /* that runs it on this machine */
  int32_t output[4];     /* n, h, w, c */
  int64_t macs, parameters;
} octavo_step_info;

/* index: 0 to octavo_plan_info.steps - 1, else OCTAVO_USAGE. Any thread; allocates nothing. */
OCTAVO_API octavo_status octavo_plan_step(const octavo_plan* plan, int32_t index,
                                          octavo_step_info* step);

/* The file's bytes, which octavo_plan_open_memory reads again (to send a plan to another process):
 * `write` is called with all of them in one piece, during the call. A plan of memory keeps a copy;
 * one of a file keeps the file open and reads it again: OCTAVO_FAILED where it was written to since
 * (a file that was replaced or removed is still the old one). Any thread; allocates. */
OCTAVO_API octavo_status octavo_plan_write(const octavo_plan* plan,
                                           void (*write)(void* context, const void* bytes,
                                                         size_t size),
                                           void* context);

/* ---- Sessions ------------------------------------------------------------------------------- */

/* threads: of one frame, 1 to 1024. OCTAVO_USAGE: another number. OCTAVO_UNSUPPORTED: not enough
 * memory, or threads cannot be started. On failure *session is NULL. Any thread; allocates. */
OCTAVO_API octavo_status octavo_session_create(const octavo_plan* plan, int32_t threads,
                                               octavo_session** session);

typedef enum octavo_wait {
  OCTAVO_WAIT_SPIN = 0,   /* between steps, awake for up to 200 us where each thread has a core */
  OCTAVO_WAIT_PASSIVE = 1 /* asleep at once: leaves the cores to others, takes longer */
} octavo_wait;

typedef struct octavo_session_options {
  size_t size;     /* sizeof(octavo_session_options) */
  int32_t threads; /* of one frame, 1 to 1024; default: 1 */
  int32_t wait;    /* one of octavo_wait; default: OCTAVO_WAIT_SPIN */
  /* Memory of the caller's for tensors and scratch, 64-byte aligned, at least as many bytes as
   * octavo_session_memory says; it must live as long as the session. Default: of the session's own,
   * guarded by pages that trap. */
  void* memory;
  size_t memory_bytes;
  /* Threads of the caller's instead of the session's own. Called during a run, once for each step
   * that is worth sharing: it calls part(work, i) for every i from 0 to parts - 1, on any threads
   * and in any order, and returns when all of them have returned. parts is at most `threads`. */
  void (*parallel)(void* context, int32_t parts, void (*part)(void* work, int32_t index),
                   void* work);
  void* parallel_context;
} octavo_session_options;

/* The same with more to say. options: NULL for defaults. OCTAVO_USAGE: too little memory, or not
 * aligned; an unknown wait. The answers are the same bits whatever the options. */
OCTAVO_API octavo_status octavo_session_open(const octavo_plan* plan,
                                             const octavo_session_options* options,
                                             octavo_session** session);
/* Bytes of octavo_session_options.memory; 0 for NULL or another number of threads. */
OCTAVO_API size_t octavo_session_memory(const octavo_plan* plan, int32_t threads);
/* NULL is allowed. Not while a call of the session runs. */
OCTAVO_API void octavo_session_free(octavo_session* session);

/* ---- Running ---------------------------------------------------------------------------------
 * All of these write `logits`, which has room for exactly as many floats as the plan has classes
 * (else OCTAVO_USAGE). After a failure what is in there is unspecified. The same input gives the
 * same bits on every machine, ISA and number of threads. */

/* pixels: the network's input [h, w, c], already resized, h * w * c bytes. Allocates nothing. */
OCTAVO_API octavo_status octavo_run_pixels(octavo_session* session, const uint8_t* pixels,
                                           size_t size, float* logits, size_t classes);
/* values: the normalised float input [h, w, c], h * w * c of them. NaN is OCTAVO_REJECTED; what is
 * beyond the range that the input can hold, infinity too, is clamped to it. Allocates nothing. */
OCTAVO_API octavo_status octavo_run_values(octavo_session* session, const float* values,
                                           size_t count, float* logits, size_t classes);

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

/* Preprocesses as the plan says, then runs. OCTAVO_USAGE: planes, strides or sizes that cannot be,
 * or a plan that is not fed pictures. Allocates scratch rows for the resize. */
OCTAVO_API octavo_status octavo_run_frame(octavo_session* session, const octavo_frame* frame,
                                          float* logits, size_t classes);
/* An encoded picture: JPEG, PNG, WebP (where built with codecs), BMP, PPM, told by its bytes.
 * OCTAVO_REJECTED: it cannot be decoded; a JPEG that its decoder warns about but gives all rows of
 * is answered. Allocates. */
OCTAVO_API octavo_status octavo_run_picture(octavo_session* session, const void* bytes, size_t size,
                                            float* logits, size_t classes);

/* One input of a batch: exactly one of the pointers is set. */
typedef struct octavo_input {
  size_t size; /* sizeof(octavo_input), the same of all inputs of a batch */
  const uint8_t* pixels;
  const float* values;
  const octavo_frame* frame;
  const void* picture;
  size_t count; /* bytes of pixels or picture, number of values */
} octavo_input;

/* Many inputs over several sessions at once, each with a thread of its own beside the caller's:
 * of one-thread sessions of one plan, as many as cores, more frames a second than one session of
 * many threads. logits: [count, classes]; statuses: one an input, or NULL. An input that fails does
 * not keep the others from running; the status and octavo_last_error of the first that failed (by
 * index) come back. OCTAVO_USAGE: sessions of plans with different numbers of classes, or a
 * session given twice. Allocates. */
OCTAVO_API octavo_status octavo_run_batch(octavo_session* const* sessions, size_t session_count,
                                          const octavo_input* inputs, size_t count, float* logits,
                                          size_t classes, octavo_status* statuses);

/* ---- Answers --------------------------------------------------------------------------------- */

typedef struct octavo_score {
  int32_t index;
  float score; /* softmax of the logits, or what the plan says; alike on every machine */
  float logit;
} octavo_score;

/* The k most likely of `classes` logits, best first; equal logits by index. Returns how many
 * were written: k or classes, whichever is smaller; 0 where the call itself is wrong. Any thread;
 * allocates. */
OCTAVO_API int32_t octavo_top_scores(const float* logits, size_t classes, int32_t k,
                                     octavo_score* scores);

/* The scores that the outputs of this plan stand for: softmax of logits; each label's own where
 * the network ends in several sigmoids; probabilities as they are; and two, 1 - p and p, where it
 * ends in one number. octavo_plan_score_count says how many there are (0 for NULL), outputs are
 * as many as octavo_plan_classes, labels are counted as scores are. Writes the k best as
 * octavo_top_scores does, at most octavo_plan_score_count of them; returns how many. */
OCTAVO_API int32_t octavo_plan_score_count(const octavo_plan* plan);
OCTAVO_API int32_t octavo_plan_top_scores(const octavo_plan* plan, const float* outputs,
                                          size_t count, int32_t k, octavo_score* scores);

#ifdef __cplusplus
}
#endif

#endif
