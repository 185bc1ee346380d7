// What AddressSanitizer is told in every executable of tests and fuzzing.
//
// Of the memory that __tls_get_addr returns LeakSanitizer of clang 14 guesses a size: a block that
// begins 16 bytes into a page is taken for one of glibc 2.19, whose size would lie before it. About
// one run in 256 of a test that has read a thread-local variable of a shared library (libjpeg has
// one) then ended, all tests passed, by "Tracer caught signal 11". Left alone, such blocks are
// found as what ld.so allocated. (https://github.com/google/sanitizers/issues/1322)
extern "C" const char* __asan_default_options();

extern "C" const char* __asan_default_options() {
  return "intercept_tls_get_addr=0";
}
