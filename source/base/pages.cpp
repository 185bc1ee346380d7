#include "base/pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace octavo {

namespace {

constexpr size_t least_bytes = size_t{64} << 10;      // below, the calls cost what they save
constexpr size_t large_page_bytes = size_t{2} << 20;  // of most systems

size_t page_bytes() {
  return static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

struct Pages {
  void* begin;
  size_t bytes;
};

Pages pages_within(void* begin, size_t bytes) {
  const uintptr_t page = page_bytes();
  const auto from = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t first = (from + page - 1) / page * page, end = (from + bytes) / page * page;
  return {reinterpret_cast<void*>(first), end > first ? end - first : 0};
}

// Advice alone: a system that does not know it refuses.
void prefer_large(const Pages& pages) {
#ifdef MADV_HUGEPAGE
  if (pages.bytes >= large_page_bytes) ::madvise(pages.begin, pages.bytes, MADV_HUGEPAGE);
#else
  (void)pages;
#endif
}

}  // namespace

void bring_in(void* begin, size_t bytes) {
  if (bytes < least_bytes) return;
  const Pages pages = pages_within(begin, bytes);
  prefer_large(pages);
#ifdef __linux__
  constexpr int populate_write = 23;  // MADV_POPULATE_WRITE: since 5.14, refused before
  ::madvise(pages.begin, pages.bytes, populate_write);
#endif
}

void* map_zeros(size_t bytes) {
  const size_t room = bytes < large_page_bytes ? 0 : large_page_bytes;
  if (bytes > SIZE_MAX - room - page_bytes()) return nullptr;
  void* area =
      ::mmap(nullptr, bytes + room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) return nullptr;
  if (room == 0) return area;
  // What lies before the first large page, and behind the end, goes back.
  auto* const mapped = static_cast<std::byte*>(area);
  const size_t before = (room - reinterpret_cast<uintptr_t>(area) % room) % room;
  const Pages all = pages_within(mapped + before, bytes + page_bytes() - 1);
  std::byte* const begin = mapped + before;
  std::byte* const end = begin + all.bytes;
  if (before > 0) ::munmap(mapped, before);
  if (end < mapped + bytes + room) ::munmap(end, static_cast<size_t>(mapped + bytes + room - end));
  prefer_large({begin, all.bytes});
  return begin;
}

}  // namespace octavo
