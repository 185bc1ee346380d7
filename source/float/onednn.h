// oneDNN as the engine uses it: float32 throughout, the caller's scratchpad, one thread.
#pragma once

#include <dnnl.hpp>

// oneDNN's own OpenMP runtime (libgomp). Declared here rather than by omp.h, so that
// clang does not bring a second OpenMP runtime into the process.
extern "C" {
int omp_get_max_threads(void);
void omp_set_num_threads(int);
}

namespace octavo {

struct OneDnn {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

inline dnnl::primitive_attr strict_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);  // also under DNNL_DEFAULT_FPMATH_MODE
  return attributes;
}

// While it lives, OpenMP regions that this thread opens have one thread: the setting
// belongs to the calling thread alone, and is put back.
class OneThread {
 public:
  OneThread() { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = omp_get_max_threads();
};

}  // namespace octavo
