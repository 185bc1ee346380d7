// Every allocation of the test program by operator new is counted, unless a sanitizer
// has an operator new of its own.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define OCTAVO_TEST_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define OCTAVO_TEST_SANITIZED 1
#endif

namespace octavo::testing {

long allocation_count();

}  // namespace octavo::testing
