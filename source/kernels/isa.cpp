#include "kernels/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace octavo {

namespace {

#if defined(__x86_64__)

bool bit(uint32_t word, int index) {
  return ((word >> index) & 1u) != 0;
}

// Which register files the operating system saves: without it a CPU flag is worthless.
uint64_t saved_state() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

// Tiles are 8 KiB of state a thread, for which a process asks the system first. Linux grants them
// since 5.16, to all threads of the process; what it refuses, this machine does not have.
bool may_use_tiles() {
#if defined(__linux__)
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

FeatureSet detect() {
  constexpr uint64_t ymm_state = 0x06, zmm_state = 0xe6, tile_state = 0x60000;
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return 0;
  const bool osxsave = bit(ecx, 27), fma = bit(ecx, 12), f16c = bit(ecx, 29);
  if (!osxsave || !fma || !f16c || (saved_state() & ymm_state) != ymm_state) return 0;

  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !bit(ebx, 5)) return 0;
  FeatureSet features = feature::avx2;
  const uint32_t subleaves = eax;
  const bool tiles = bit(edx, 24) && bit(edx, 25);  // AMX-TILE, AMX-INT8
  const bool avx512 = bit(ebx, 16) && bit(ebx, 30) && bit(ebx, 17) && bit(ebx, 31) && bit(ecx, 1);
  if (avx512 && (saved_state() & zmm_state) == zmm_state) {
    features |= feature::avx512;
    if (bit(ecx, 11)) features |= feature::avx512vnni;
  }
  const bool vnni = (features & feature::avx512vnni) != 0;
  if (vnni && tiles && (saved_state() & tile_state) == tile_state && may_use_tiles())
    features |= feature::amx_int8;
  if (subleaves >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && bit(eax, 4)) {
    features |= feature::avxvnni;
  }
  return features;
}

#elif defined(__aarch64__) && defined(__linux__)

// Fixed by the Linux ABI; older headers lack the last one.
constexpr unsigned long hwcap_asimd = 1ul << 1, hwcap_asimddp = 1ul << 20, hwcap2_i8mm = 1ul << 13;

FeatureSet detect() {
  const unsigned long hwcap = getauxval(AT_HWCAP), hwcap2 = getauxval(AT_HWCAP2);
  FeatureSet features = 0;
  if ((hwcap & hwcap_asimd) != 0) features |= feature::neon;
  if ((hwcap & hwcap_asimddp) != 0) features |= feature::dotprod;
  if ((hwcap2 & hwcap2_i8mm) != 0) features |= feature::i8mm;
  return features;
}

#else

FeatureSet detect() {
  return 0;
}

#endif

bool covers(FeatureSet have, FeatureSet need) {
  return (have & need) == need;
}

}  // namespace

FeatureSet machine_features() {
  static const FeatureSet features = detect();
  return features;
}

const std::vector<IsaName>& isa_names() {
  using namespace feature;
  // Weakest first. AVX-512 machines need not have AVX-VNNI, so that avx512vnni does
  // not ask for it.
  static const std::vector<IsaName> names = {
      {"reference", 0},
      {"avx2", avx2},
      {"avxvnni", avx2 | avxvnni},
      {"avx512", avx2 | avx512},
      {"avx512vnni", avx2 | avx512 | avx512vnni},
      {"amx", avx2 | avx512 | avx512vnni | amx_int8},
      {"neon", neon},
      {"dotprod", neon | dotprod},
      {"i8mm", neon | dotprod | i8mm},
  };
  return names;
}

std::optional<FeatureSet> find_isa(std::string_view name) {
  for (const IsaName& isa : isa_names()) {
    if (isa.name == name) return isa.features;
  }
  return std::nullopt;
}

std::vector<std::string> runnable_isas() {
  std::vector<std::string> names;
  for (const IsaName& isa : isa_names()) {
    if (covers(machine_features(), isa.features)) names.emplace_back(isa.name);
  }
  return names;
}

std::string best_isa_name(FeatureSet features) {
  std::string best;
  for (const IsaName& isa : isa_names()) {
    if (covers(features, isa.features)) best = isa.name;
  }
  return best;
}

}  // namespace octavo
