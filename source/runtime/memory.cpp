#include "runtime/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/pages.h"
#include "base/text.h"
#include "kernels/kernel.h"

namespace octavo::runtime {

namespace {

size_t page_bytes() {
  return static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

size_t Arena::mapped_bytes(std::span<const size_t> sizes) {
  const size_t page = page_bytes();
  size_t bytes = page;
  for (const size_t size : sizes) bytes += round_up(size, page) + page;
  return bytes;
}

Result<Arena> Arena::map(std::span<const size_t> sizes) {
  // Small arenas are brought in at once, so that the first frame meets no page fault.
  constexpr size_t most_populated = size_t{64} << 20;
  const size_t page = page_bytes(), bytes = mapped_bytes(sizes);
  const int populate = bytes <= most_populated ? MAP_POPULATE : 0;
  Arena arena;
  arena.parts_.reserve(sizes.size());
  void* area =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | populate, -1, 0);
  if (area == MAP_FAILED) {
    return unsupported(concat("this machine has no ", bytes >> 20, " MiB of memory to give"));
  }
  arena.area_ = area;
  arena.mapped_ = bytes;
  std::byte* trap = static_cast<std::byte*>(area);
  bool traps = ::mprotect(trap, page, PROT_NONE) == 0;
  for (const size_t size : sizes) {
    trap += page + round_up(size, page);
    arena.parts_.push_back(trap - round_up(size, alignment));
    traps = ::mprotect(trap, page, PROT_NONE) == 0 && traps;
  }
  if (!traps) return failed("cannot protect the pages between the parts of an arena");
  return arena;
}

size_t Arena::placed_bytes(std::span<const size_t> sizes) {
  size_t bytes = 0;
  for (const size_t size : sizes) bytes += round_up(size, alignment);
  return bytes;
}

Arena Arena::place(std::span<const size_t> sizes, std::span<std::byte> memory) {
  Arena arena;
  arena.parts_.reserve(sizes.size());
  std::memset(memory.data(), 0, placed_bytes(sizes));
  std::byte* next = memory.data();
  for (const size_t size : sizes) {
    arena.parts_.push_back(next);
    next += round_up(size, alignment);
  }
  return arena;
}

Arena::~Arena() {
  if (area_ != nullptr) ::munmap(area_, mapped_);
}

std::byte* ConstantPool::allocate(size_t bytes) {
  const size_t needed = round_up(bytes + kernels::slack_bytes, alignment);
  if (area_ == nullptr) {
    charge_.add(needed);
    bytes_ += needed;
    return nullptr;
  }
  return std::exchange(next_, next_ + needed);
}

void ConstantPool::map() {
  charge_.add(bytes_);
  // What it is made from goes while it is written.
  void* area = map_zeros(std::max(bytes_, size_t{1}));
  if (area == nullptr) throw std::bad_alloc();
  area_ = next_ = static_cast<std::byte*>(area);
}

ConstantPool::~ConstantPool() {
  if (area_ != nullptr) ::munmap(area_, std::max(bytes_, size_t{1}));
}

Error to_error(const OverBudget& over) {
  if (over.bound == OverBudget::Bound::memory) {
    return unsupported(concat("the plan needs more than ", over.most >> 20,
                              " MiB of memory, which is all that is free or allowed"));
  }
  return rejected(
      "the plan is out of proportion: to run it takes more memory than 12 times its weights, "
      "4 times its tensors and 16 MiB");
}

void Budget::take(size_t bytes) {
  size_t used = used_.load(std::memory_order_relaxed);
  do {
    if (bytes > most_ || used > most_ - bytes) throw OverBudget(OverBudget::Bound::memory, most_);
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
}

void Charge::add(size_t bytes) {
  if (bytes > most_ || bytes_ > most_ - bytes) {
    throw OverBudget(OverBudget::Bound::proportion, most_);
  }
  budget_.take(bytes);
  bytes_ += bytes;
}

}  // namespace octavo::runtime
