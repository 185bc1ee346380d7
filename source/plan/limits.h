// What a plan may hold at most. Far above any real network, low enough that a hostile
// file can neither overflow an index nor ask for memory out of proportion to its size.
#pragma once

#include <cstddef>
#include <cstdint>

namespace octavo::plan_limit {

inline constexpr uint64_t file_bytes = uint64_t{1} << 31;
inline constexpr size_t steps = size_t{1} << 16;
inline constexpr size_t tensors = steps + 1;  // the input, and one a step
inline constexpr size_t merged_names = size_t{1} << 20;
inline constexpr size_t labels = size_t{1} << 20;
inline constexpr size_t golden = size_t{1} << 10;
inline constexpr size_t text_bytes = size_t{1} << 16;  // of any one name, label or option list
// Of a tensor with its padding: 32 bits then hold every index and byte offset in it.
inline constexpr int64_t elements = int64_t{1} << 30;
// Taps of one channel of a convolution, 512 x 512: a fully connected layer over a whole map is
// one, and a kernel keeps tables of them.
inline constexpr int64_t window_taps = int64_t{1} << 18;
// Over which a softmax goes: 31 bits then hold a sum of exponentials.
inline constexpr int32_t softmax_channels = 65535;
// Over which a normalization goes. 64 bits hold C * S2 exactly where C * |x - z| is not more than
// `normalized_sum`, the root of 2^63 - 1.
inline constexpr int32_t normalized_channels = 1 << 23;
inline constexpr int64_t normalized_sum = 3037000499;
// What a sum of u16 can reach at most: a double holds it exactly.
inline constexpr int64_t wide_sum = int64_t{1} << 53;
inline constexpr size_t permuted_axes = 6;
inline constexpr int64_t picture_side = 1 << 16;

// Multipliers: no product of the epilogue overflows and no NaN can arise.
inline constexpr float smallest_multiplier = 0x1p-100f;
inline constexpr float largest_multiplier = 0x1p40f;
inline constexpr float largest_addend = 0x1p80f;  // offset, beta, and the clip that is reached

// What keeps a normalization from dividing by zero, in squared and in plain stored units.
inline constexpr float smallest_epsilon = 0x1p-100f, largest_epsilon = 0x1p80f;
inline constexpr float smallest_floor = 0x1p-80f, largest_floor = 0x1p20f;

}  // namespace octavo::plan_limit
