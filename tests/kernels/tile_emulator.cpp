#include "kernels/tile_emulator.h"

#if defined(__x86_64__) && defined(__linux__)

#include <signal.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace octavo {
namespace {

struct TileState {
  bool configured = false;
  uint8_t rows[8] = {};
  uint16_t row_bytes[8] = {};
  uint8_t data[8][16][64] = {};
};
thread_local TileState state;

[[noreturn]] void fault(const char* what) {
  std::fprintf(stderr, "emulated tiles: %s\n", what);
  std::abort();
}

// A VEX-encoded instruction of map 0F38 with its operands.
struct Instruction {
  int opcode, prefix;  // prefix: 0 none, 1 66, 2 F3, 3 F2
  int reg, rm, vvvv;
  bool memory;
  uint64_t address, step;  // of a memory operand; the step is what the index register holds
  int length;
};

uint64_t register_of(const ucontext_t& context, int number) {
  static constexpr int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                    REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                    REG_R12, REG_R13, REG_R14, REG_R15};
  return static_cast<uint64_t>(context.uc_mcontext.gregs[order[number]]);
}

// False for what is no such instruction.
bool decode(const ucontext_t& context, Instruction& i) {
  const auto* const start = reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
  const uint8_t* p = start;
  if (*p++ != 0xc4) return false;
  const int high_r = *p & 0x80 ? 0 : 8, high_x = *p & 0x40 ? 0 : 8, high_b = *p & 0x20 ? 0 : 8;
  if ((*p++ & 0x1f) != 2) return false;
  if ((*p & 0x84) != 0) return false;  // W or L
  i.vvvv = (~*p >> 3) & 15;
  i.prefix = *p++ & 3;
  i.opcode = *p++;
  const int mode = *p >> 6;
  i.reg = ((*p >> 3) & 7) | high_r;
  i.rm = (*p++ & 7) | high_b;
  i.memory = mode != 3;
  i.address = i.step = 0;
  if (i.memory) {
    bool relative = false, no_base = false;
    if ((i.rm & 7) == 4) {
      const int scale = *p >> 6, index = ((*p >> 3) & 7) | high_x, base = (*p & 7) | high_b;
      ++p;
      if (index != 4) i.step = register_of(context, index) << scale;
      no_base = mode == 0 && (base & 7) == 5;
      if (!no_base) i.address = register_of(context, base);
    } else {
      relative = mode == 0 && (i.rm & 7) == 5;
      if (!relative) i.address = register_of(context, i.rm);
    }
    if (mode == 1) {
      i.address += static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(*p)));
      p += 1;
    } else if (mode == 2 || relative || no_base) {
      int32_t displacement;
      std::memcpy(&displacement, p, 4);
      p += 4;
      i.address += static_cast<uint64_t>(static_cast<int64_t>(displacement));
    }
    if (relative) i.address += reinterpret_cast<uint64_t>(p);
  }
  i.length = static_cast<int>(p - start);
  return true;
}

void configure(const uint8_t* from) {
  if (from[0] != 1 || from[1] != 0) fault("another palette, or a start within a tile");
  for (int t = 0; t < 16; ++t) {
    uint16_t row_bytes;
    std::memcpy(&row_bytes, from + 16 + 2 * t, 2);
    const uint8_t rows = from[48 + t];
    if (t >= 8 ? rows != 0 || row_bytes != 0 : rows > 16 || row_bytes > 64)
      fault("a shape that no tile has");
    if (t >= 8) continue;
    state.rows[t] = rows;
    state.row_bytes[t] = row_bytes;
  }
  std::memset(state.data, 0, sizeof state.data);
  state.configured = true;
}

void move_rows(const Instruction& i, bool load) {
  for (int r = 0; r < state.rows[i.reg]; ++r) {
    auto* const memory = reinterpret_cast<uint8_t*>(i.address + static_cast<uint64_t>(r) * i.step);
    uint8_t* const row = state.data[i.reg][r];
    if (load)
      std::memcpy(row, memory, state.row_bytes[i.reg]);
    else
      std::memcpy(memory, row, state.row_bytes[i.reg]);
  }
}

// TDPBUSD: unsigned bytes of rm by signed bytes of vvvv.
void multiply(const Instruction& i) {
  const auto& a = state.data[i.rm];
  const auto& b = state.data[i.vvvv];
  if (state.row_bytes[i.rm] != state.rows[i.vvvv] * 4 || state.rows[i.reg] != state.rows[i.rm] ||
      state.row_bytes[i.reg] != state.row_bytes[i.vvvv])
    fault("shapes that do not fit a product");
  if (i.reg == i.rm || i.reg == i.vvvv || i.rm == i.vvvv) fault("an operand named twice");
  for (int r = 0; r < state.rows[i.reg]; ++r) {
    for (int c = 0; c < state.row_bytes[i.reg] / 4; ++c) {
      uint32_t sum;
      std::memcpy(&sum, state.data[i.reg][r] + 4 * c, 4);
      for (int k = 0; k < state.row_bytes[i.rm]; ++k)
        sum += static_cast<uint32_t>(a[r][k] * static_cast<int8_t>(b[k / 4][4 * c + k % 4]));
      std::memcpy(state.data[i.reg][r] + 4 * c, &sum, 4);
    }
  }
}

// False for what no kernel uses.
bool carry_out(const Instruction& i) {
  if (i.opcode == 0x49 && i.prefix == 0 && i.memory && i.reg == 0) {
    configure(reinterpret_cast<const uint8_t*>(i.address));
    return true;
  }
  if (i.opcode == 0x49 && i.prefix == 0 && !i.memory && i.reg == 0 && i.rm == 0) {
    state = {};
    return true;
  }
  if (!state.configured) fault("used before they are configured");
  if (i.reg >= 8 || (!i.memory && (i.rm >= 8 || i.vvvv >= 8))) fault("a tile beyond the eighth");
  if (i.opcode == 0x4b && i.memory && (i.prefix == 3 || i.prefix == 2)) {
    move_rows(i, i.prefix == 3);
    return true;
  }
  if (i.opcode == 0x5e && i.prefix == 1 && !i.memory) {
    multiply(i);
    return true;
  }
  return false;
}

void on_illegal_instruction(int, siginfo_t*, void* context_of_signal) {
  auto& context = *static_cast<ucontext_t*>(context_of_signal);
  Instruction instruction{};
  if (!decode(context, instruction) || !carry_out(instruction)) {
    signal(SIGILL, SIG_DFL);  // and again: the death that it would have been
    return;
  }
  context.uc_mcontext.gregs[REG_RIP] += instruction.length;
}

// Whether the handler is in place.
bool install(FeatureSet have) {
  if ((have & feature::avx512vnni) == 0 || (have & feature::amx_int8) != 0) return false;
  struct sigaction action = {};
  action.sa_sigaction = on_illegal_instruction;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGILL, &action, nullptr) != 0) return false;
  std::printf("AMX is emulated here, an instruction at a time\n");
  return true;
}

}  // namespace

FeatureSet with_emulated_tiles(FeatureSet machine) {
  static const bool emulated = install(machine);
  return emulated ? machine | feature::amx_int8 : machine;
}

}  // namespace octavo

#else

octavo::FeatureSet octavo::with_emulated_tiles(FeatureSet machine) {
  return machine;
}

#endif

std::vector<std::string> octavo::tested_isas() {
  std::vector<std::string> names;
  const FeatureSet have = tested_features();
  for (const IsaName& isa : isa_names())
    if ((isa.features & ~have) == 0) names.emplace_back(isa.name);
  return names;
}
