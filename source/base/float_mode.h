// Contract 1: a run works under round-to-nearest with denormals on, whatever mode its
// caller has set, and the caller finds his mode again afterwards.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

namespace octavo {

class FloatMode {
 public:
  FloatMode() : saved_(read()) { write(standard); }
  ~FloatMode() { write(saved_); }
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
#if defined(__x86_64__)
  using Word = uint32_t;
  static constexpr Word standard = 0x1f80;  // exceptions masked, to nearest, no FTZ, no DAZ
  static Word read() {
    return _mm_getcsr();
  }
  static void write(Word word) {
    _mm_setcsr(word);
  }
#elif defined(__aarch64__)
  using Word = uint64_t;
  static constexpr Word standard = 0;
  static Word read() {
    Word word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word)::"memory");
    return word;
  }
  static void write(Word word) {
    __asm__ volatile("msr fpcr, %0" ::"r"(word) : "memory");
  }
#else
  using Word = int;
  static constexpr Word standard = FE_TONEAREST;
  static Word read() {
    return std::fegetround();
  }
  static void write(Word word) {
    std::fesetround(word);
  }
#endif

  Word saved_;
};

}  // namespace octavo
