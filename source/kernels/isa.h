// Which instruction sets this machine runs: CPUID (or hwcaps) *and* what the
// operating system saves on a context switch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace octavo {

// Bits of a feature set.
namespace feature {
inline constexpr uint32_t avx2 = 1u << 0;  // with FMA3 and F16C
inline constexpr uint32_t avxvnni = 1u << 1;
inline constexpr uint32_t avx512 = 1u << 2;  // F, BW, DQ, VL, VBMI
inline constexpr uint32_t avx512vnni = 1u << 3;
inline constexpr uint32_t amx_int8 = 1u << 4;
inline constexpr uint32_t neon = 1u << 5;
inline constexpr uint32_t dotprod = 1u << 6;
inline constexpr uint32_t i8mm = 1u << 7;
}  // namespace feature

using FeatureSet = uint32_t;

FeatureSet machine_features();  // detected once

// One name a user can ask for (--isa, OCTAVO_ISA): a set of features, and all that
// it implies. "reference" is the empty set.
struct IsaName {
  std::string_view name;
  FeatureSet features;
};
const std::vector<IsaName>& isa_names();

std::optional<FeatureSet> find_isa(std::string_view name);
// The names that this machine can run, weakest first.
std::vector<std::string> runnable_isas();
std::string best_isa_name(FeatureSet features);

}  // namespace octavo
