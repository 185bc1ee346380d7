/* A camera for programs that have none: preloaded, it answers what V4L2 asks of the character device that
 * FAKE_CAMERA_PATH names (a link to /dev/null). Frames are due at a rate and go into buffers that are
 * queued then; for others they are lost and counted, as drivers do. Everything is worked out when the
 * program calls: what has been due since the last call happens first.
 *
 * FAKE_CAMERA_FRAMES  files, separated by ':'; each is a frame, round and round
 * FAKE_CAMERA_FORMATS "NV12 YUYV MJPG": what it offers; the first is what it has
 * FAKE_CAMERA_API     "parts": it speaks the multi-planar interface, where NM12 and YM12 lie in two and three parts
 * FAKE_CAMERA_SIZE    "64x48 0": what it has, and bytesperline (0: as the format needs)
 * FAKE_CAMERA_FPS     100
 * FAKE_CAMERA_FAULT   busy          VIDIOC_REQBUFS says EBUSY
 *                     stubborn      VIDIOC_S_FMT changes nothing
 *                     output        it is no capture device
 *                     gone:N        after N frames every call says ENODEV
 *                     broken:N      after N frames waiting and taking one fail with EIO
 *                     silent:N      after N frames none comes
 *                     error:N       every Nth frame is marked as damaged
 *                     short:N       every Nth frame lacks its second half
 *                     still         the driver does not count frames
 *                     pipeline      VIDIOC_STREAMON says EPIPE
 *                     parts:N       it says that frames have N parts, whatever the format needs
 *                     offset:N      each part begins behind N bytes
 *                     beyond        bytesused and data_offset are far behind a part's end
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { most = 8, most_parts = 3, none = -1 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int device = none, streaming;
static struct v4l2_pix_format pixels;
static unsigned buffers;
static void* memory[most][most_parts];
static int queued[most], done[most], queued_count, done_count;
static struct v4l2_buffer filled[most];
static unsigned filled_bytes[most][most_parts];
static double start, fps = 100;
static long due; /* frames that have been due so far */

static const char* setting(const char* name) {
  const char* value = getenv(name);
  return value == NULL ? "" : value;
}

static long fault(const char* name) { /* its number, 0 where it is not asked for */
  const char* text = setting("FAKE_CAMERA_FAULT");
  const size_t length = strlen(name);
  if (strncmp(text, name, length) != 0) return 0;
  return text[length] == ':' ? atol(text + length + 1) : 1;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static unsigned offered(unsigned index) { /* a format, or 0 */
  const char* text = setting("FAKE_CAMERA_FORMATS");
  while (index-- > 0 && text != NULL) text = strchr(text, ' ') == NULL ? NULL : strchr(text, ' ') + 1;
  return text == NULL || strlen(text) < 4 ? 0 : v4l2_fourcc(text[0], text[1], text[2], text[3]);
}

static int has_parts(void) { return strcmp(setting("FAKE_CAMERA_API"), "parts") == 0; }

static unsigned type(void) {
  return has_parts() ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
}

static unsigned parts(void) { /* of a buffer */
  if (pixels.pixelformat == V4L2_PIX_FMT_NV12M) return 2;
  return pixels.pixelformat == V4L2_PIX_FMT_YUV420M ? 3 : 1;
}

static unsigned part_row(unsigned part) {
  const int half = pixels.pixelformat == V4L2_PIX_FMT_YUV420M && part > 0;
  return half ? pixels.bytesperline / 2 : pixels.bytesperline;
}

static unsigned part_size(unsigned part) {
  if (parts() == 1) return pixels.sizeimage;
  return part_row(part) * (part == 0 ? pixels.height : pixels.height / 2);
}

static void complete(struct v4l2_pix_format* format) {
  unsigned width = 64, height = 48, row = 0;
  sscanf(setting("FAKE_CAMERA_SIZE"), "%ux%u %u", &width, &height, &row);
  if (format->width == 0 || fault("stubborn")) format->width = width, format->height = height;
  const unsigned bytes = format->pixelformat == V4L2_PIX_FMT_YUYV ? 2
                         : format->pixelformat == V4L2_PIX_FMT_RGB24 || format->pixelformat == V4L2_PIX_FMT_BGR24 ? 3 : 1;
  format->bytesperline = row != 0 ? row : format->width * bytes;
  format->sizeimage = format->bytesperline * format->height;
  if (format->pixelformat == V4L2_PIX_FMT_NV12 || format->pixelformat == V4L2_PIX_FMT_YUV420)
    format->sizeimage += format->sizeimage / 2;
  if (format->pixelformat == V4L2_PIX_FMT_MJPEG) format->bytesperline = 0, format->sizeimage = 1 << 20;
  if (format->pixelformat == V4L2_PIX_FMT_NV12M || format->pixelformat == V4L2_PIX_FMT_YUV420M)
    format->sizeimage += format->sizeimage / 2;
  format->field = V4L2_FIELD_NONE;
  format->colorspace = strcmp(setting("FAKE_CAMERA_COLORS"), "bt709") == 0 ? V4L2_COLORSPACE_REC709
                                                                            : V4L2_COLORSPACE_SRGB;
}

static void tell_format(struct v4l2_format* format) {
  if (!has_parts()) {
    format->fmt.pix = pixels;
    return;
  }
  struct v4l2_pix_format_mplane* told = &format->fmt.pix_mp;
  memset(told, 0, sizeof *told);
  told->pixelformat = pixels.pixelformat;
  told->width = pixels.width, told->height = pixels.height;
  told->field = pixels.field, told->colorspace = pixels.colorspace;
  told->num_planes = (unsigned char)(fault("parts") ? fault("parts") : parts());
  for (unsigned part = 0; part < parts(); ++part) {
    told->plane_fmt[part].bytesperline = part_row(part);
    told->plane_fmt[part].sizeimage = part_size(part);
  }
}

static void take_format(const struct v4l2_format* format) {
  if (!has_parts()) {
    pixels = format->fmt.pix;
    return;
  }
  memset(&pixels, 0, sizeof pixels);
  pixels.pixelformat = format->fmt.pix_mp.pixelformat;
  pixels.width = format->fmt.pix_mp.width, pixels.height = format->fmt.pix_mp.height;
}

/* Of a frame's file the bytes of each part, behind the offset. */
static void content(long number, int index) {
  char files[1 << 14], *rest = files, *file;
  const char* all = setting("FAKE_CAMERA_FRAMES");
  long count = 1;
  for (const char* c = all; *c != 0; ++c) count += *c == ':';
  snprintf(files, sizeof files, "%s", all);
  for (long i = 0; (file = strsep(&rest, ":")) != NULL && i < number % count; ++i) {
  }
  FILE* stream = fopen(file == NULL ? "" : file, "rb");
  for (unsigned part = 0; part < parts(); ++part) {
    const unsigned offset = (unsigned)fault("offset");
    const size_t size = stream == NULL ? 0 : fread((char*)memory[index][part] + offset, 1, part_size(part), stream);
    filled_bytes[index][part] = offset + (unsigned)size;
  }
  if (stream != NULL) fclose(stream);
}

static int is_broken(void) { return fault("broken") && due > fault("broken"); }
static int is_gone(void) { return fault("gone") && due > fault("gone"); }

static void fill(long number) {
  const int index = queued[0];
  memmove(queued, queued + 1, sizeof *queued * (size_t)--queued_count);
  struct v4l2_buffer* buffer = &filled[index];
  memset(buffer, 0, sizeof *buffer);
  buffer->index = (unsigned)index;
  content(number, index);
  if (fault("short") && number % fault("short") == fault("short") - 1) filled_bytes[index][parts() - 1] /= 2;
  buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  if (fault("error") && number % fault("error") == fault("error") - 1) buffer->flags |= V4L2_BUF_FLAG_ERROR;
  buffer->sequence = fault("still") ? 0 : (unsigned)number;
  const double time = start + (double)(number + 1) / fps;
  buffer->timestamp.tv_sec = (time_t)time;
  buffer->timestamp.tv_usec = (suseconds_t)((time - (double)(time_t)time) * 1e6);
  done[done_count++] = index;
}

static void catch_up(void) {
  if (!streaming) return;
  while (start + (double)(due + 1) / fps <= now()) {
    const int silent = fault("silent") && due >= fault("silent");
    if (queued_count > 0 && !silent && !is_gone() && !is_broken()) fill(due);
    ++due;
  }
}

static unsigned length_of(unsigned part) { return part_size(part) + (unsigned)fault("offset"); }

/* Into what the program asks with: a buffer's memory, and what of it is filled. */
static int tell_parts(struct v4l2_buffer* asked, unsigned index) {
  if (!has_parts()) {
    asked->length = length_of(0), asked->m.offset = index << 24;
    asked->bytesused = filled_bytes[index][0];
    return 0;
  }
  if (asked->length < parts()) return errno = EINVAL, -1;
  asked->length = parts();
  for (unsigned part = 0; part < parts(); ++part) {
    struct v4l2_plane* told = &asked->m.planes[part];
    told->length = length_of(part), told->m.mem_offset = index << 24 | part << 20;
    told->bytesused = fault("beyond") ? ~0U : filled_bytes[index][part];
    told->data_offset = fault("beyond") ? ~1U : (unsigned)fault("offset");
  }
  return 0;
}

static int answer(unsigned long what, void* argument) {
  struct v4l2_format* format = argument;
  struct v4l2_buffer* buffer = argument;
  if (is_gone()) return errno = ENODEV, -1;
  switch (what) {
    case VIDIOC_QUERYCAP: {
      struct v4l2_capability* can = argument;
      memset(can, 0, sizeof *can);
      can->capabilities = V4L2_CAP_DEVICE_CAPS;
      can->device_caps = V4L2_CAP_STREAMING | (fault("output") ? V4L2_CAP_VIDEO_OUTPUT
                                               : has_parts()   ? V4L2_CAP_VIDEO_CAPTURE_MPLANE
                                                               : V4L2_CAP_VIDEO_CAPTURE);
      return 0;
    }
    case VIDIOC_ENUM_FMT: {
      struct v4l2_fmtdesc* described = argument;
      if (described->type != type() || offered(described->index) == 0) return errno = EINVAL, -1;
      described->pixelformat = offered(described->index);
      return 0;
    }
    case VIDIOC_G_FMT:
      if (format->type != type()) return errno = EINVAL, -1;
      if (pixels.pixelformat == 0) pixels.pixelformat = offered(0), complete(&pixels);
      tell_format(format);
      return 0;
    case VIDIOC_S_FMT: {
      unsigned known = 0;
      if (format->type != type()) return errno = EINVAL, -1;
      take_format(format);
      for (unsigned i = 0; offered(i) != 0; ++i) known |= offered(i) == pixels.pixelformat;
      if (!known || fault("stubborn")) pixels.pixelformat = offered(0);
      complete(&pixels);
      tell_format(format);
      return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
      struct v4l2_captureparm* capture = &((struct v4l2_streamparm*)argument)->parm.capture;
      if (what == VIDIOC_S_PARM) fps = (double)capture->timeperframe.denominator / capture->timeperframe.numerator;
      capture->capability = V4L2_CAP_TIMEPERFRAME;
      capture->timeperframe.numerator = 1000;
      capture->timeperframe.denominator = (unsigned)(fps * 1000);
      return 0;
    }
    case VIDIOC_REQBUFS: {
      struct v4l2_requestbuffers* wanted = argument;
      if (fault("busy")) return errno = EBUSY, -1;
      if (wanted->type != type()) return errno = EINVAL, -1;
      buffers = wanted->count = wanted->count < most ? wanted->count : most;
      return 0;
    }
    case VIDIOC_QUERYBUF:
      if (buffer->index >= buffers) return errno = EINVAL, -1;
      return tell_parts(buffer, buffer->index);
    case VIDIOC_QBUF:
      if (buffer->index >= buffers) return errno = EINVAL, -1;
      for (int i = 0; i < queued_count; ++i)
        if (queued[i] == (int)buffer->index) abort(); /* given back twice */
      queued[queued_count++] = (int)buffer->index;
      return 0;
    case VIDIOC_DQBUF:
      if (done_count == 0) return errno = is_broken() ? EIO : EAGAIN, -1;
      buffer->index = filled[done[0]].index, buffer->flags = filled[done[0]].flags;
      buffer->sequence = filled[done[0]].sequence, buffer->timestamp = filled[done[0]].timestamp;
      memmove(done, done + 1, sizeof *done * (size_t)--done_count);
      return tell_parts(buffer, buffer->index);
    case VIDIOC_STREAMON:
      if (fault("pipeline")) return errno = EPIPE, -1;
      start = now(), due = 0, streaming = 1;
      return 0;
    case VIDIOC_STREAMOFF:
      streaming = 0, queued_count = done_count = 0;
      return 0;
  }
  return errno = ENOTTY, -1;
}

static void* next_symbol(const char* name) { return dlsym(RTLD_NEXT, name); }

static int opened(const char* path, int flags, mode_t mode) {
  static int (*real)(const char*, int, ...);
  if (real == NULL) real = (int (*)(const char*, int, ...))next_symbol("open");
  const int fd = real(path, flags, mode);
  if (fd < 0 || strcmp(path, setting("FAKE_CAMERA_PATH")) != 0) return fd;
  if (*setting("FAKE_CAMERA_FPS") != 0) fps = atof(setting("FAKE_CAMERA_FPS"));
  return device = fd;
}

static mode_t mode_of(int flags, va_list rest) { return (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0; }

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return opened(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return opened(path, flags, mode);
}

int ioctl(int fd, unsigned long what, ...) {
  static int (*real)(int, unsigned long, ...);
  va_list rest;
  va_start(rest, what);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (fd != device || fd == none) {
    if (real == NULL) real = (int (*)(int, unsigned long, ...))next_symbol("ioctl");
    return real(fd, what, argument);
  }
  pthread_mutex_lock(&mutex);
  catch_up();
  const int answered = answer(what, argument);
  pthread_mutex_unlock(&mutex);
  return answered;
}

static void* mapped(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  static void* (*real)(void*, size_t, int, int, int, off_t);
  if (real == NULL) real = (void* (*)(void*, size_t, int, int, int, off_t))next_symbol("mmap");
  if (fd != device || fd == none) return real(at, size, protection, flags, fd, offset);
  return memory[offset >> 24][offset >> 20 & 3] = real(NULL, size, protection, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}
void* mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  return mapped(at, size, protection, flags, fd, offset);
}
void* mmap64(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  return mapped(at, size, protection, flags, fd, offset);
}

int poll(struct pollfd* of, nfds_t count, int timeout) {
  static int (*real)(struct pollfd*, nfds_t, int);
  if (real == NULL) real = (int (*)(struct pollfd*, nfds_t, int))next_symbol("poll");
  if (count != 1 || of->fd != device) return real(of, count, timeout);
  const double until = now() + timeout / 1e3;
  while (1) {
    pthread_mutex_lock(&mutex);
    catch_up();
    of->revents = (short)(done_count > 0 ? POLLIN : is_gone() || is_broken() ? POLLERR : 0);
    pthread_mutex_unlock(&mutex);
    if (of->revents != 0) return 1;
    if (now() >= until) return 0;
    usleep(500);
  }
}
/* What the fortified headers call in place of poll. */
int __poll_chk(struct pollfd* of, nfds_t count, int timeout, size_t size) {
  (void)size;
  return poll(of, count, timeout);
}

int close(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))next_symbol("close");
  if (fd == device) device = none;
  return real(fd);
}
