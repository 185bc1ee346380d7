#include "base/pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace octavo {

namespace {

constexpr size_t least_bytes = size_t{64} << 10;      // below, the calls cost what they save
constexpr size_t large_page_bytes = size_t{2} << 20;  // of most systems

#ifdef MADV_POPULATE_WRITE
constexpr int populate = MADV_POPULATE_WRITE;
#else
constexpr int populate = 23;  // Linux 5.14; older ones refuse it
#endif

struct Pages {
  void* begin;
  size_t bytes;
};

Pages pages_within(void* begin, size_t bytes) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto from = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t first = (from + page - 1) / page * page, end = (from + bytes) / page * page;
  return {reinterpret_cast<void*>(first), end > first ? end - first : 0};
}

}  // namespace

void prefer_large_pages(void* begin, size_t bytes) {
#ifdef MADV_HUGEPAGE
  if (bytes < large_page_bytes) return;
  const Pages pages = pages_within(begin, bytes);
  ::madvise(pages.begin, pages.bytes, MADV_HUGEPAGE);
#else
  (void)begin, (void)bytes;
#endif
}

void bring_in(void* begin, size_t bytes) {
  if (bytes < least_bytes) return;
  prefer_large_pages(begin, bytes);
  const Pages pages = pages_within(begin, bytes);
  ::madvise(pages.begin, pages.bytes, populate);
}

}  // namespace octavo
