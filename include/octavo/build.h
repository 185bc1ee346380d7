/* Octavo's C interface for building: a float ONNX network and calibration pictures to a plan, as
 * `octavo build` does it, to the same bytes. In the larger library, liboctavo; what runs plans is
 * octavo.h, in liboctavo_runtime, which is all that a device needs.
 *
 * As there, no function prints, exits, aborts or throws, structs that begin with `size` grow in
 * later versions, zero, NULL or "" in a field of options is its default, and texts are UTF-8. A
 * build takes seconds to minutes, hundreds of megabytes and threads of its own, all of which have
 * ended when it returns. Several builds may run at once, each on a thread of the caller's. Fork
 * while none runs; the child may build too.
 *
 * The float engine, liboctavo_float.so, is looked for beside liboctavo.so, in octavo/ beside it,
 * and where OCTAVO_FLOAT_ENGINE of the environment says. Memory that the system refuses is a
 * status, but for one place: oneDNN, which the engine is made of, may crash where an allocation of
 * its own fails.
 */
#ifndef OCTAVO_BUILD_H
#define OCTAVO_BUILD_H

#include "octavo/octavo.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a build made. Immutable: any thread may read it. */
typedef struct octavo_built octavo_built;

typedef struct octavo_build_options {
  size_t size; /* sizeof(octavo_build_options) */

  /* ---- What is read and written: paths */
  const char* model;  /* float or quantized .onnx; needed, unless `config` names it */
  const char* output; /* the plan; default: no file (octavo_built_info.plan has its bytes) */
  const char* config; /* a YAML file of hb_mapper, whose fields those set here go before; `output`
                         is not among them */
  const char* labels; /* class names, one a line; or "imagenet" */
  int32_t overwrite;  /* 1: `output` and a kept calibration of other pictures are replaced */

  /* ---- What calibrates: one of the next three. A quantized .onnx needs none. */
  const char* calibration; /* folder, list file or .tar, as the program's --calib */
  int32_t no_calibration;  /* 1: pictures are made, where there are none (--calib none) */
  /* Or inputs of the caller's, all of them: fills `input` for index 0 to input_count - 1 as for
   * octavo_run_batch, one of pixels, values, frame and picture and no field beyond input->size, and
   * returns 0. The first tells whether all are pictures or all are values. Called several times
   * for each index, which must give the same each time, in no promised order; by one thread at a
   * time, though not always the caller's. What `input` points to is read before the next call and
   * not after. Anything but 0 ends the build with OCTAVO_FAILED. It must not throw. */
  int32_t (*input)(void* context, size_t index, octavo_input* input);
  size_t input_count;
  size_t samples;                /* of `calibration`, at most; default: 300; SIZE_MAX: all */
  const char* calibration_cache; /* a file that keeps what they told, for builds of other methods */

  /* ---- How a picture becomes the input. Default: as the .onnx says, else as torchvision does. */
  const char* preset;                  /* "torchvision", "timm", "tf", "caffe", "none" */
  int32_t height, width;               /* of the network's input, where the file leaves them open */
  int32_t resize_short;                /* pixels of the short side before the crop; -1: no resize */
  int32_t resize_height, resize_width; /* or to this size, whatever the picture's shape */
  double crop_pct;                     /* or the crop's share of the short side, 0.05 to 1 */
  const char* interpolation;           /* "bilinear", "bicubic", "nearest" */
  const char* color;                   /* "rgb", "bgr", "gray" */
  const float *mean, *std;             /* three each, in 0..255 units */
  int32_t exif_rotate, via_nv12;       /* 1: yes */
  int32_t strict;                      /* 1: pictures that a decoder warns about are left out */

  /* ---- How it is quantized */
  const char* method;       /* "auto", "max", "percentile", "mse", "kl"; default: "auto" */
  double percentile;        /* for "percentile", 50 to 100; default: 99.999 */
  int32_t per_tensor;       /* 1: one scale a weight tensor, not one a channel */
  const char* const* int16; /* nodes whose output becomes 16-bit */
  size_t int16_count;
  int32_t no_auto_int16;      /* 1: 16 bits nowhere but where they are asked for */
  int32_t all_int16;          /* 1: every node's output */
  const char* const* disable; /* rewrites and passes to leave out, as --disable names them */
  size_t disable_count;
  const char* output_node; /* where the network ends; default: the file's own output */
  uint64_t seed;           /* of the choice of pictures; default: 1 */

  /* ---- Bounds: 16 bits where they are needed to keep them. Default: none. */
  const char* evaluation; /* labelled pictures, as the program's --eval-data */
  int32_t class_offset;   /* added to each label */
  double min_agreement;   /* percent of pictures with the float network's Top-1 */
  const double* max_drop; /* points of Top-1 that may be lost on `evaluation` */
  double max_slowdown;    /* times the time of bytes alone, from 1 on */
  double max_ms;          /* of a frame by one thread, on this machine */

  /* ---- How the work is done */
  int32_t threads; /* 1 to 1024; default: this machine's physical cores. The plan is the same. */
  /* Is told how many of `total` are done, and of what; return 0 to go on, anything else to end the
   * build with OCTAVO_INTERRUPTED, soon and without a file. Called at each picture of each pass, by
   * one thread at a time, though not always the caller's; must not throw. */
  int32_t (*progress)(void* context, size_t done, size_t total, const char* what);
  void* context; /* first argument of `input` and `progress` */
} octavo_build_options;

/* Builds the plan, runs it on golden inputs by this machine's kernels and by the reference, and
 * writes it: whole, or not at all. On success, and where only a bound is not kept, *built is what
 * octavo_built_free frees; else NULL, and no file was written.
 * OCTAVO_USAGE: options that contradict each other or that nothing is known of. OCTAVO_REJECTED:
 * the network cannot be built, or a picture set cannot be read. OCTAVO_GATE_MISSED: built and
 * written, but a bound is not kept. OCTAVO_UNSUPPORTED: not enough memory. OCTAVO_INTERRUPTED:
 * progress said so. OCTAVO_FAILED: a file cannot be read or written, or the float engine is not
 * there. Sentences name options as the program's flags do. Any thread; allocates. */
OCTAVO_API octavo_status octavo_build(const octavo_build_options* options, octavo_built** built);
/* NULL is allowed. */
OCTAVO_API void octavo_built_free(octavo_built* built);

/* Why the calling thread's last call of this header failed, at most 1023 bytes; "" if it succeeded.
 * Never NULL. Valid until its next call. octavo_last_error is of octavo.h's calls. */
OCTAVO_API const char* octavo_build_last_error(void);

/* Pointers live as long as the octavo_built. */
typedef struct octavo_built_info {
  size_t size;      /* sizeof(octavo_built_info) */
  const void* plan; /* its bytes, for octavo_plan_open_memory */
  size_t plan_bytes;
  const char* sha256;       /* of them, lower-case hex */
  size_t model_bytes;       /* of the .onnx */
  int32_t pictures;         /* that calibrated; 0 where the file says how everything is stored */
  int32_t made_pictures;    /* of them, those that were made */
  int32_t classes_seen;     /* that they show; 0 where that is not known */
  int32_t calibration_kept; /* 1: calibration_cache had it */
  double seconds;           /* that all of it took */
  const char* missed;       /* the sentence on a bound that is not kept; "" where there is none */
  /* A sentence each: what was assumed, what is worth a look, pictures that were left out. */
  const char* const* notes;
  const char* const* warnings;
  const char* const* unreadable;
  size_t note_count, warning_count, unreadable_count;
} octavo_built_info;

/* OCTAVO_USAGE: info->size is not set. Any thread; allocates nothing. */
OCTAVO_API octavo_status octavo_built_describe(const octavo_built* built, octavo_built_info* info);

#ifdef __cplusplus
}
#endif

#endif
