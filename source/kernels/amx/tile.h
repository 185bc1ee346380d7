// The tile registers of AMX: eight of 16 rows of 64 bytes, all of that one shape here.
//
// Written as instructions and not as the compiler's intrinsics, which gcc 12 lets move across
// stores to the memory that a tile is loaded from.
#pragma once

#include "kernels/common/basics.h"

namespace octavo::kernels::amx {
namespace {

using namespace common;

constexpr int32_t tile_rows = 16, tile_bytes = 64;

// What LDTILECFG reads: palette 1, and each tile's bytes a row and rows.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {tile_bytes, tile_bytes, tile_bytes, tile_bytes,
                            tile_bytes, tile_bytes, tile_bytes, tile_bytes};
  uint8_t rows[16] = {tile_rows, tile_rows, tile_rows, tile_rows,
                      tile_rows, tile_rows, tile_rows, tile_rows};
};
static_assert(sizeof(TileShapes) == 64);

// The tiles are this thread's from one to the other. Given back, they spare the system the saving
// of 8 KiB at each switch of threads. (Not an object's constructor and destructor: a kernel that
// unwinds would share the language's personality with the rest of the program.)
OCTAVO_INLINE void take_tiles() {
  const TileShapes shapes;
  __asm__ volatile("ldtilecfg %0" : : "m"(shapes));
}
OCTAVO_INLINE void give_tiles_back() {
  __asm__ volatile("tilerelease");
}

// Rows `step` bytes apart; a step of 0 repeats one row.
template <int T>
OCTAVO_INLINE void load_tile(const void* rows, ptrdiff_t step) {
  __asm__ volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(T), "r"(rows), "r"(step) : "memory");
}

template <int T>
OCTAVO_INLINE void store_tile(void* rows, ptrdiff_t step) {
  __asm__ volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(T), "r"(rows), "r"(step) : "memory");
}

// Adds to each dword [r][c] of tile Sum the products of the 64 unsigned bytes of row r of A with
// the signed bytes [i][c][0..3], i < 16, of B. In int32, without saturation.
template <int Sum, int A, int B>
OCTAVO_INLINE void add_products() {
  __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sum), "i"(A), "i"(B));
}

}  // namespace
}  // namespace octavo::kernels::amx
