#include "runtime/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "kernels/kernel.h"

namespace octavo::runtime {

Result<Arena> Arena::map(size_t bytes) {
  // Small arenas are brought in at once, so that the first frame meets no page fault.
  constexpr size_t most_populated = size_t{64} << 20;
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t used = round_up(std::max(bytes, alignment), alignment);
  const size_t body = round_up(used, page);
  const int populate = body <= most_populated ? MAP_POPULATE : 0;
  void* area = ::mmap(nullptr, body + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | populate, -1, 0);
  if (area == MAP_FAILED) {
    return unsupported(concat("this machine has no ", bytes >> 20, " MiB of memory to give"));
  }
  Arena arena;
  arena.area_ = area;
  arena.mapped_ = body + page;
  arena.data_ = static_cast<std::byte*>(area) + (body - used);
  if (::mprotect(static_cast<std::byte*>(area) + body, page, PROT_NONE) != 0) {
    return failed("cannot protect the page behind an arena");
  }
  return arena;
}

Arena::~Arena() {
  if (area_ != nullptr) ::munmap(area_, mapped_);
}

std::byte* ConstantPool::allocate(size_t bytes) {
  constexpr size_t block_bytes = size_t{256} << 10;
  const size_t needed = round_up(bytes + kernels::slack_bytes, alignment);
  if (needed > left_) {
    const size_t size = std::max(needed, block_bytes);
    blocks_.emplace_back(
        static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment})));
    next_ = blocks_.back().get();
    left_ = size;
  }
  std::byte* start = next_;
  std::memset(start, 0, needed);
  next_ += needed;
  left_ -= needed;
  bytes_ += needed;
  return start;
}

size_t machine_memory_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<size_t>(pages) * static_cast<size_t>(page)
                               : SIZE_MAX / 2;
}

}  // namespace octavo::runtime
