// Memory that is about to be written throughout, brought in at once.
#pragma once

#include <cstddef>
#include <vector>

namespace octavo {

// A large part of what a short process does is to take a page fault for every 4 KiB that it writes
// first. The pages that lie wholly in [begin, begin + bytes) are asked for in one call, as large
// ones where they are; where the system cannot, they come one by one. Contents do not change.
void bring_in(void* begin, size_t bytes);

// Zeros of one's own, to be written bit by bit: from 2 MiB on they begin at a large page and are
// brought in as large ones. Null where there is no memory; munmap gives it back.
void* map_zeros(size_t bytes);

// A vector of zeros by bring_in.
template <class T>
std::vector<T> vector_brought_in(size_t count) {
  std::vector<T> values;
  values.reserve(count);
  bring_in(values.data(), count * sizeof(T));
  values.resize(count);
  return values;
}

}  // namespace octavo
