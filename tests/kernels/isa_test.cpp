#include "kernels/isa.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "kernels/kernel.h"

namespace octavo {
namespace {

TEST(Isa, ReferenceRunsEverywhereAndIsWeakest) {
  const std::vector<std::string> names = runnable_isas();
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names.front(), "reference");
  EXPECT_EQ(find_isa("reference"), FeatureSet{0});
}

TEST(Isa, UnknownNameIsNotFound) {
  EXPECT_FALSE(find_isa("avx1024"));
  EXPECT_FALSE(find_isa(""));
}

TEST(Isa, ANameIncludesAllThatItImplies) {
  const FeatureSet vnni = find_isa("avx512vnni").value_or(0);
  EXPECT_EQ(vnni & *find_isa("avx512"), *find_isa("avx512"));
  EXPECT_EQ(vnni & *find_isa("avx2"), *find_isa("avx2"));
  EXPECT_EQ(vnni & feature::avxvnni, 0u) << "no AVX-512 machine needs AVX-VNNI";
  EXPECT_EQ(*find_isa("i8mm") & *find_isa("dotprod"), *find_isa("dotprod"));
}

TEST(Isa, BestNameIsTheStrongestThatFits) {
  EXPECT_EQ(best_isa_name(0), "reference");
  EXPECT_EQ(best_isa_name(feature::avx2), "avx2");
  EXPECT_EQ(best_isa_name(feature::avx2 | feature::avx512), "avx512");
  EXPECT_EQ(best_isa_name(feature::avx512), "reference") << "avx512 asks for avx2 too";
  EXPECT_EQ(best_isa_name(machine_features()), runnable_isas().back());
}

TEST(Isa, TheCompilerAgreesAboutThisMachine) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  EXPECT_EQ((machine_features() & feature::avx2) != 0,
            __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  EXPECT_EQ((machine_features() & feature::avx512vnni) != 0,
            __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi"));
#elif defined(__aarch64__)
  EXPECT_NE(machine_features() & feature::neon, 0u) << "every aarch64 Linux has Advanced SIMD";
#endif
}

// Where the machine is chosen by the test's caller (qemu's models), it says what that is.
TEST(Isa, TheMachineIsTheOneThatWasAskedFor) {
  const char* expected = std::getenv("OCTAVO_TEST_BEST_ISA");
  if (expected == nullptr) GTEST_SKIP() << "OCTAVO_TEST_BEST_ISA names none";
  EXPECT_EQ(best_isa_name(machine_features()), expected);
}

template <class Kernel>
void expect_reference_last(std::span<const Kernel> rows, std::string_view name) {
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows.back().name, name);
  EXPECT_EQ(rows.back().requires_features, 0u);
}

TEST(Table, ReferenceComesLastAndIsChosenWhereNothingElseIsAllowed) {
  expect_reference_last(kernels::convolution_kernels(), "reference_convolution");
  expect_reference_last(kernels::pool_kernels(), "reference_pool");
  expect_reference_last(kernels::elementwise_kernels(), "reference_elementwise");
  kernels::ConvolutionShape shape;
  shape.input_channels = shape.output_channels = 64;
  EXPECT_EQ(kernels::choose(shape, 0).name, std::string_view("reference_convolution"));
}

TEST(Table, NamesAreUnique) {
  std::vector<std::string> names;
  for (const auto& row : kernels::convolution_kernels()) names.emplace_back(row.name);
  for (const auto& row : kernels::pool_kernels()) names.emplace_back(row.name);
  for (const auto& row : kernels::elementwise_kernels()) names.emplace_back(row.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace octavo
