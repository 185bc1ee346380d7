// A permute against its definition, over random dimensions, orders, element sizes and
// layouts: dense tensors, channel slices of wider ones, rows with columns behind them.
#include "runtime/permute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "plan/random.h"

namespace octavo::runtime {
namespace {

// [height, width, channels] of `elements`, as a tensor may lie in the arena.
TensorLayout random_layout(testing::Random& random, int32_t elements, int32_t element_bytes) {
  const auto divisor_of = [&](int32_t size) {
    std::vector<int32_t> divisors;
    for (int32_t i = 1; i <= size; ++i) {
      if (size % i == 0) divisors.push_back(i);
    }
    return random.pick(divisors);
  };
  TensorLayout layout;
  layout.channels = divisor_of(elements);
  layout.width = divisor_of(elements / layout.channels);
  layout.height = elements / layout.channels / layout.width;
  layout.element_bytes = element_bytes;
  const int32_t wider = random.chance(0.5f) ? 0 : random.integer(1, 5);
  const int32_t halo = random.chance(0.5f) ? 0 : random.integer(1, 3);
  layout.pixel_bytes = ptrdiff_t{layout.channels + wider} * element_bytes;
  layout.row_bytes = (layout.width + halo) * layout.pixel_bytes;
  return layout;
}

size_t place_of(const TensorLayout& t, int32_t element) {
  const ptrdiff_t channel = element % t.channels, pixel = element / t.channels;
  return size_t(pixel / t.width * t.row_bytes + pixel % t.width * t.pixel_bytes +
                channel * t.element_bytes);
}

// Every element of x knows where it goes.
void expect_definition(const std::vector<int32_t>& dims, const std::vector<int32_t>& perm,
                       const TensorLayout& x_layout, const std::vector<std::byte>& x,
                       const TensorLayout& y_layout, const std::vector<std::byte>& y) {
  std::vector<std::byte> expected(y.size(), std::byte{0xcd});
  int32_t elements = 1;
  for (const int32_t size : dims) elements *= size;
  for (int32_t from = 0; from < elements; ++from) {
    std::vector<int32_t> index(dims.size());
    for (int32_t i = int32_t(dims.size()) - 1, rest = from; i >= 0; --i) {
      index[size_t(i)] = rest % dims[size_t(i)];
      rest /= dims[size_t(i)];
    }
    int32_t to = 0;
    for (const int32_t axis : perm) to = to * dims[size_t(axis)] + index[size_t(axis)];
    std::copy_n(x.begin() + ptrdiff_t(place_of(x_layout, from)), x_layout.element_bytes,
                expected.begin() + ptrdiff_t(place_of(y_layout, to)));
  }
  EXPECT_TRUE(y == expected);
}

TEST(Permute, IsItsDefinitionWhateverTheLayoutAndTheCut) {
  constexpr uint64_t seed = 41;
  testing::Random random(seed);
  int matrices = 0, runs = 0, single = 0;
  for (int i = 0; i < 2000 && !HasFailure(); ++i) {
    std::vector<int32_t> dims(size_t(random.integer(1, 5)));
    int32_t elements = 1;
    for (int32_t& size : dims) {
      size = random.integer(1, elements > 400 ? 2 : random.chance(0.2f) ? 40 : 9);
      elements *= size;
    }
    std::vector<int32_t> perm(dims.size());
    std::iota(perm.begin(), perm.end(), 0);
    for (size_t k = perm.size() - 1; k > 0; --k) {
      std::swap(perm[k], perm[size_t(random.between(0, int64_t(k)))]);
    }
    const int32_t bytes = random.integer(1, 2);
    const TensorLayout x_layout = random_layout(random, elements, bytes);
    const TensorLayout y_layout = random_layout(random, elements, bytes);
    std::vector<std::byte> x(size_t(x_layout.height * x_layout.row_bytes));
    std::vector<std::byte> y(size_t(y_layout.height * y_layout.row_bytes), std::byte{0xcd});
    for (std::byte& value : x) value = std::byte(random.integer(0, 255));
    const Permutation order = analyse_permute(dims, perm, x_layout, y_layout);
    ++(order.transposes ? matrices : order.in_bytes ? runs : single);
    const ptrdiff_t cut = random.between(0, order.runs);
    permute(x.data(), x_layout, y.data(), y_layout, order, 0, cut);
    permute(x.data(), x_layout, y.data(), y_layout, order, cut, order.runs);
    expect_definition(dims, perm, x_layout, x, y_layout, y);
    if (HasFailure()) ADD_FAILURE() << "seed " << seed << " case " << i;
  }
  EXPECT_GT(matrices, 100);
  EXPECT_GT(runs, 100);
  EXPECT_GT(single, 100);
}

// [7, 7, 2 * 4] as 49 tokens of 2 heads, a map with columns behind its rows as one that is padded.
TEST(Permute, TokensOfAPaddedMapMoveByWholeRuns) {
  TensorLayout x;
  x.height = x.width = 7;
  x.channels = 8;
  x.pixel_bytes = 8;
  x.row_bytes = 9 * x.pixel_bytes;
  TensorLayout y;
  y.height = 2;
  y.width = 49;
  y.channels = 4;
  y.pixel_bytes = 4;
  y.row_bytes = 49 * y.pixel_bytes;
  const Permutation heads = analyse_permute({49, 2, 4}, {1, 0, 2}, x, y);
  EXPECT_TRUE(heads.in_bytes);
  EXPECT_EQ(heads.run, 4);
  EXPECT_EQ(heads.runs, 2 * 49);
  const Permutation back = analyse_permute({2, 49, 4}, {1, 0, 2}, y, x);
  EXPECT_TRUE(back.in_bytes);
  EXPECT_EQ(back.run, 4);
}

}  // namespace
}  // namespace octavo::runtime
