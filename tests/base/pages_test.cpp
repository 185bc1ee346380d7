#include "base/pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdint>
#include <numeric>
#include <vector>

namespace octavo {
namespace {

TEST(Pages, BringingInChangesNothing) {
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{70000}, size_t{5} << 20}) {
    std::vector<uint8_t> values(bytes + 3);
    std::iota(values.begin(), values.end(), uint8_t{1});
    const std::vector<uint8_t> before = values;
    bring_in(values.data() + 1, bytes);  // not at a page's begin
    EXPECT_EQ(values, before) << bytes;
  }
}

TEST(Pages, AVectorBroughtInIsOfZeros) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{100000}, size_t{3} << 20}) {
    const auto values = vector_brought_in<int16_t>(count);
    EXPECT_EQ(values, std::vector<int16_t>(count)) << count;
  }
}

// From the first byte to the last: what is given back behind and before must not be of it.
TEST(Pages, MappedZerosCanBeWrittenThroughout) {
  constexpr size_t large_page = size_t{2} << 20;
  for (const size_t bytes : {size_t{1}, size_t{4096}, large_page - 1, large_page, large_page + 1,
                             3 * large_page + 5000}) {
    auto* const begin = static_cast<uint8_t*>(map_zeros(bytes));
    ASSERT_NE(begin, nullptr);
    if (bytes >= large_page) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(begin) % large_page, 0u) << bytes;
    }
    for (size_t i = 0; i < bytes; ++i) {
      ASSERT_EQ(begin[i], 0) << i << " of " << bytes;
      begin[i] = 1;
    }
    EXPECT_EQ(::munmap(begin, bytes), 0);
  }
}

TEST(Pages, MoreThanThereIsIsNull) {
  for (const size_t bytes : {size_t{1} << 62, SIZE_MAX - (size_t{1} << 20), SIZE_MAX})
    EXPECT_EQ(map_zeros(bytes), nullptr) << bytes;
}

}  // namespace
}  // namespace octavo
