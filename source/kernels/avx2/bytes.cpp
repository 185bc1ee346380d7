// Dense convolution by vpmaddubsw, which multiplies unsigned bytes by signed ones and adds
// neighbours in a word: twice the products of vpmaddwd, but a sum that leaves the word saturates.
// It is exact where neither the positive nor the negative weights that meet in a word sum to more
// than 128, since 255 * 128 fits. What weights are is known when they are packed, so each block of
// 8 output channels has a program of its own, of steps of four values of the depth:
//   pairs of steps whose words are added before they are widened,
//   steps that are safe alone,
//   steps that are not: by vpmaddwd on words.
// All of them give the same sums, in any order. Which of its four values meet in a word a step
// chooses itself: pixels are laid down in all three ways, as a panel of up to 10 that all blocks
// read, [step][way][pixel][4].
#include "kernels/avx2/dense.h"
#include "kernels/avx2/rows.h"
#include "kernels/scratch.h"

namespace octavo::kernels::avx2 {
namespace {

constexpr int32_t block = 8, tile_channels = 16, most_pixels = 10, ways = 3;
constexpr ptrdiff_t way_bytes = 48;  // of a step: 12 pixels, laid down four at a time
constexpr int32_t most_tries = 16;   // partners that are looked at for a step
constexpr int32_t most_word = 128;   // 255 times as much fits a word

// Packed: the bias of whole tiles; the programs, [part of the steps][block], all of one size. Of a
// part the panel stays in L1.
constexpr int32_t most_part_steps = 144;
struct Program {
  int32_t pairs, single, wide;  // then the numbers of their steps, then, aligned, their weights
};
constexpr ptrdiff_t aligned(ptrdiff_t bytes) {
  return (bytes + 31) / 32 * 32;
}
constexpr ptrdiff_t numbers_bytes(int32_t steps) {
  return aligned(ptrdiff_t{sizeof(Program)} + steps * ptrdiff_t{4});
}

struct Layout {
  int32_t taps, runs;  // a kernel row; in all. A run's values lie side by side
  int32_t run_values, run_steps, steps;
  int32_t parts, part_steps;  // of the steps; of a part at most
  int32_t blocks;
  ptrdiff_t bias_bytes, program_bytes;
};

Layout layout_of(const ConvolutionShape& s) {
  const bool merged = s.dilation_w == 1 && !s.input_is_slice;
  Layout l;
  l.taps = merged ? 1 : s.kernel_w;
  l.runs = s.kernel_h * l.taps;
  l.run_values = s.input_channels * (merged ? s.kernel_w : 1);
  l.run_steps = divide_up(l.run_values, 4);
  l.steps = l.runs * l.run_steps;
  l.parts = divide_up(l.steps, most_part_steps);
  l.part_steps = divide_up(l.steps, l.parts);
  l.blocks = divide_up(s.output_channels, block);
  l.bias_bytes = ptrdiff_t{divide_up(s.output_channels, tile_channels)} * tile_channels * 4;
  l.program_bytes = numbers_bytes(l.part_steps) + l.part_steps * ptrdiff_t{32};
  return l;
}

ptrdiff_t programs_of(const Layout& l) {
  return ptrdiff_t{l.parts} * l.blocks;
}

// To lay down a panel takes what many channels must share, and a program's three loops end with a
// branch that is not foreseen, for which the depth must make up.
bool accepts(const ConvolutionShape& s) {
  const Layout l = layout_of(s);
  return s.input == ElementType::u8 && s.groups == 1 && s.input_channels >= 16 && l.steps >= 16 &&
         s.output_channels >= 48 && s.output_height * s.output_width >= most_pixels;
}

// --- packing ---

// What is known of a step of a block while its program is made.
struct Step {
  alignas(32) int8_t weights[block * 4];  // [channel][4]
  alignas(32) uint8_t sums[block * 4];  // of each word's positive weights, and of its negative ones
  int32_t largest;                      // of these
  int32_t number;                       // step * ways + way
};

// Behind the programs, while they are made: the block's steps, and their order.
size_t packed_bytes(const ConvolutionShape& s) {
  const Layout l = layout_of(s);
  return static_cast<size_t>(l.bias_bytes + programs_of(l) * l.program_bytes +
                             l.part_steps * ptrdiff_t{sizeof(Step) + sizeof(int32_t)});
}

// The values of a step in one of the three ways: 0 beside 1, 2 or 3.
OCTAVO_INLINE __m128i order_of(int32_t way) {
  alignas(16) static constexpr int8_t orders[ways][16] = {
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
      {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15},
      {0, 3, 1, 2, 4, 7, 5, 6, 8, 11, 9, 10, 12, 15, 13, 14}};
  return load_half(orders[way]);
}

OCTAVO_INLINE __m256i in_order(__m256i weights, int32_t way) {
  return _mm256_shuffle_epi8(weights, _mm256_broadcastsi128_si256(order_of(way)));
}

// Of each word's positive weights and of its negative ones: bytes, in which 256 becomes 255.
OCTAVO_INLINE __m256i sums_of(__m256i weights) {
  const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi8(1);
  const __m256i above = _mm256_maddubs_epi16(_mm256_max_epi8(weights, zero), one);
  const __m256i below =
      _mm256_maddubs_epi16(_mm256_sub_epi8(zero, _mm256_min_epi8(weights, zero)), one);
  return _mm256_packus_epi16(above, below);
}

OCTAVO_INLINE int32_t largest_of(__m256i sums) {
  const __m128i most =
      _mm_max_epu8(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  const __m128i low = _mm_set1_epi16(255);
  const __m128i pairs = _mm_max_epu8(most, _mm_srli_epi16(most, 8));
  // The largest is what the smallest word of 255 - x lacks.
  const __m128i least = _mm_minpos_epu16(_mm_sub_epi16(low, _mm_and_si128(pairs, low)));
  return 255 - (_mm_cvtsi128_si32(least) & 255);
}

// Weights of a step, [8 channels][4], of which so many exist; each channel's lie `taps` behind the
// last one's.
OCTAVO_INLINE __m256i weights_of(const int8_t* from, ptrdiff_t taps, int32_t outputs,
                                 int32_t count) {
  if (outputs == block && count == 4) {
    const auto of = [&](int32_t o) { return load_dword(from + o * taps); };
    return _mm256_setr_epi32(of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7));
  }
  alignas(32) int8_t weights[block * 4] = {};
  for (int32_t o = 0; o < outputs; ++o)
    for (int32_t k = 0; k < count; ++k) weights[4 * o + k] = from[o * taps + k];
  return load(weights);
}

// Step `number` of a block, in the way whose largest sum is least.
void read_step(const Layout& l, const int8_t* weights, ptrdiff_t taps, int32_t outputs,
               int32_t number, Step& step) {
  const int32_t run = number / l.run_steps, first = number % l.run_steps * 4;
  const __m256i stored = weights_of(weights + ptrdiff_t{run} * l.run_values + first, taps, outputs,
                                    smaller(4, l.run_values - first));
  // Without branches, which would fall at random.
  int32_t best = 256 * ways;
  unroll<ways>([&](auto way) __attribute__((always_inline)) {
    constexpr int i = decltype(way)::value;
    best = smaller(best, largest_of(sums_of(in_order(stored, i))) * ways + i);
  });
  step.largest = best / ways;
  step.number = number * ways + best % ways;
  const __m256i w = in_order(stored, best % ways);
  _mm256_store_si256(reinterpret_cast<__m256i*>(step.weights), w);
  _mm256_store_si256(reinterpret_cast<__m256i*>(step.sums), sums_of(w));
}

bool fit_together(const Step& a, const Step& b) {
  const __m256i sums = _mm256_adds_epu8(load(a.sums), load(b.sums));
  const __m256i above = _mm256_subs_epu8(sums, _mm256_set1_epi8(static_cast<char>(most_word)));
  return _mm256_testz_si256(above, above) != 0;
}

// Steps by rising largest sum; how many of them are safe.
int32_t sort_steps(const Step* steps, int32_t count, int32_t* order) {
  int32_t begin[257] = {};
  for (int32_t i = 0; i < count; ++i) ++begin[steps[i].largest + 1];
  for (int32_t sum = 0; sum < 256; ++sum) begin[sum + 1] += begin[sum];
  const int32_t safe = begin[most_word + 1];
  for (int32_t i = 0; i < count; ++i) order[begin[steps[i].largest]++] = i;
  return safe;
}

// Pairs in front, then what stays alone; the number of pairs. Large steps take the smallest that
// they fit together with; who is taken is -1 in `order`.
int32_t pair_steps(const Step* steps, int32_t count, int32_t* order, int32_t* found) {
  int32_t pairs = 0, alone = count, low = 0;
  for (int32_t high = count - 1; high >= low; --high) {
    if (order[high] < 0) continue;
    int32_t partner = -1;
    for (int32_t i = low, tries = 0; i < high && tries < most_tries && partner < 0; ++i) {
      if (order[i] < 0) continue;
      ++tries;
      if (fit_together(steps[order[high]], steps[order[i]])) partner = i;
    }
    if (partner < 0) {
      found[--alone] = order[high];
    } else {
      found[2 * pairs] = order[high];
      found[2 * pairs++ + 1] = order[partner];
      order[partner] = -1;
    }
    while (low < high && order[low] < 0) ++low;
  }
  return pairs;
}

// The block's program at `to`, with room for the numbers of `most` steps.
void write_program(const Step* steps, int32_t count, int32_t most, int32_t* order, std::byte* to) {
  auto* program = reinterpret_cast<Program*>(to);
  auto* numbers = reinterpret_cast<int32_t*>(to + sizeof(Program));
  const int32_t safe = sort_steps(steps, count, order);
  const int32_t pairs = pair_steps(steps, safe, order, numbers);
  *program = {pairs, safe - 2 * pairs, count - safe};
  for (int32_t i = safe; i < count; ++i) numbers[i] = order[i];
  std::byte* weights = to + numbers_bytes(most);
  for (int32_t i = 0; i < count; ++i, weights += 32) {
    const Step& step = steps[numbers[i]];
    __builtin_memcpy(weights, step.weights, 32);
    numbers[i] = step.number;
  }
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  const Layout l = layout_of(s);
  const ptrdiff_t taps = ptrdiff_t{l.runs} * l.run_values;
  __builtin_memset(packed, 0, static_cast<size_t>(l.bias_bytes));
  __builtin_memcpy(packed, bias, static_cast<size_t>(s.output_channels) * 4);
  std::byte* to = packed + l.bias_bytes;
  auto* steps = reinterpret_cast<Step*>(to + programs_of(l) * l.program_bytes);
  auto* order = reinterpret_cast<int32_t*>(steps + l.part_steps);
  for (int32_t part = 0; part < l.parts; ++part) {
    const int32_t first = part_begin(part, l.steps, l.parts);
    const int32_t count = part_begin(part + 1, l.steps, l.parts) - first;
    for (int32_t b = 0; b < l.blocks; ++b, to += l.program_bytes) {
      const int32_t outputs = smaller(block, s.output_channels - b * block);
      for (int32_t i = 0; i < count; ++i)
        read_step(l, weights + b * block * taps, taps, outputs, first + i, steps[i]);
      write_program(steps, count, l.part_steps, order, to);
    }
  }
}

size_t prepared_bytes(const ConvolutionShape& s) {
  return static_cast<size_t>(divide_up(s.output_channels, tile_channels));
}

void prepare(const ConvolutionConstants& k, std::byte* prepared) {
  const int32_t channels = k.shape.output_channels;
  for (int32_t c = 0; c < channels; c += tile_channels)
    *prepared++ =
        static_cast<std::byte>(Storing::prove(k, c, smaller(channels - c, tile_channels)));
}

// --- running ---

struct Room {
  std::byte* panel;  // runs are laid down four steps at a time
  int32_t* sums;     // [16 channels of a tile][pixel][16], where they go on over several parts
};

Room take_room(const ConvolutionShape& s, Scratch& scratch) {
  const Layout l = layout_of(s);
  Room room;
  room.panel = scratch.take<std::byte>((l.steps + ptrdiff_t{4}) * ways * way_bytes);
  const int64_t tiles = l.parts == 1 ? 1 : divide_up(s.output_channels, tile_channels);
  room.sums = scratch.take<int32_t>(tiles * most_pixels * tile_channels);
  return room;
}

size_t scratch_bytes(const ConvolutionShape& s) {
  Scratch scratch;
  take_room(s, scratch);
  return scratch.bytes();
}

// A tile of up to 10 pixels of the output.
struct Pixels {
  int32_t count;
  int32_t row[most_pixels], column[most_pixels];
};

// A run of 4 pixels: four steps of them at a time, a transposition of 4 x 4 values of four bytes.
void lay_run(const std::byte* const (&from)[4], int32_t steps, std::byte* to) {
  const __m128i second = order_of(1), third = order_of(2);
  for (int32_t k = 0; k < steps; k += 4) {
    const __m128i a = load_half(from[0] + 4 * k), b = load_half(from[1] + 4 * k);
    const __m128i c = load_half(from[2] + 4 * k), d = load_half(from[3] + 4 * k);
    const __m128i low_ab = _mm_unpacklo_epi32(a, b), high_ab = _mm_unpackhi_epi32(a, b);
    const __m128i low_cd = _mm_unpacklo_epi32(c, d), high_cd = _mm_unpackhi_epi32(c, d);
    const __m128i step[4] = {_mm_unpacklo_epi64(low_ab, low_cd), _mm_unpackhi_epi64(low_ab, low_cd),
                             _mm_unpacklo_epi64(high_ab, high_cd),
                             _mm_unpackhi_epi64(high_ab, high_cd)};
    unroll<4>([&](auto i) __attribute__((always_inline)) {
      const __m128i x = step[decltype(i)::value];
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), x);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + way_bytes), _mm_shuffle_epi8(x, second));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 2 * way_bytes), _mm_shuffle_epi8(x, third));
      to += ways * way_bytes;
    });
  }
}

// What is written beyond a run's steps the next run overwrites.
void lay_panel(const ConvolutionArguments& a, const Layout& l, const Pixels& pixels,
               std::byte* panel) {
  const ConvolutionShape& s = a.constants->shape;
  for (int32_t run = 0; run < l.runs; ++run, panel += l.run_steps * ways * way_bytes) {
    const int32_t ky = run / l.taps, kx = run % l.taps;
    for (int32_t p = 0; p < pixels.count; p += 4) {
      const std::byte* from[4];
      for (int32_t i = 0; i < 4; ++i) {
        const int32_t pixel = smaller(p + i, pixels.count - 1);
        const ptrdiff_t column = ptrdiff_t{pixels.column[pixel]} * s.stride_w + kx * s.dilation_w;
        from[i] = a.input.row[pixels.row[pixel] * s.stride_h + ky * s.dilation_h] +
                  column * a.input.pixel_bytes;
      }
      lay_run(from, l.run_steps, panel + 4 * p);
    }
  }
}

OCTAVO_INLINE __m256i broadcast(const std::byte* p) {
  return _mm256_set1_epi32(load_dword(p));
}

// Sums of neighbouring words.
OCTAVO_INLINE __m256i widen(__m256i words) {
  return _mm256_madd_epi16(words, _mm256_set1_epi16(1));
}

// A block of channels of P pixels; of each pixel the sums go 16 apart, and begin `apart` apart.
template <int P>
void multiply(const std::byte* panel, const Program* program, int32_t steps, const int32_t* begin,
              ptrdiff_t apart, int32_t* sums) {
  __m256i sum[P];
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    sum[decltype(p)::value] = load(begin + decltype(p)::value * apart);
  });
  const auto* number = reinterpret_cast<const int32_t*>(program + 1);
  const std::byte* w = reinterpret_cast<const std::byte*>(program) + numbers_bytes(steps);
  for (int32_t i = 0; i < program->pairs; ++i, number += 2, w += 64) {
    const std::byte* x0 = panel + number[0] * way_bytes;
    const std::byte* x1 = panel + number[1] * way_bytes;
    __m256i w0 = load(w), w1 = load(w + 32);
    keep_in_register(w0);
    keep_in_register(w1);
    unroll<P>([&](auto p10) __attribute__((always_inline)) {
      constexpr int p = decltype(p10)::value;
      const __m256i words = _mm256_add_epi16(_mm256_maddubs_epi16(broadcast(x0 + 4 * p), w0),
                                             _mm256_maddubs_epi16(broadcast(x1 + 4 * p), w1));
      sum[p] = _mm256_add_epi32(sum[p], widen(words));
    });
  }
  for (int32_t i = 0; i < program->single; ++i, ++number, w += 32) {
    const std::byte* x = panel + *number * way_bytes;
    __m256i weights = load(w);
    keep_in_register(weights);
    unroll<P>([&](auto p10) __attribute__((always_inline)) {
      constexpr int p = decltype(p10)::value;
      sum[p] = _mm256_add_epi32(sum[p], widen(_mm256_maddubs_epi16(broadcast(x + 4 * p), weights)));
    });
  }
  for (int32_t i = 0; i < program->wide; ++i, ++number, w += 32) {
    const std::byte* x = panel + *number * way_bytes;
    __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(load(w), 8), 8);
    __m256i odd = _mm256_srai_epi16(load(w), 8);
    keep_in_register(even);
    keep_in_register(odd);
    unroll<P>([&](auto p10) __attribute__((always_inline)) {
      constexpr int p = decltype(p10)::value;
      const __m256i values = broadcast(x + 4 * p);
      sum[p] = dot(sum[p], _mm256_and_si256(values, _mm256_set1_epi16(255)), even);
      sum[p] = dot(sum[p], _mm256_srli_epi16(values, 8), odd);
    });
  }
  unroll<P>([&](auto p10) __attribute__((always_inline)) {
    constexpr int p = decltype(p10)::value;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + p * tile_channels), sum[p]);
  });
}

using Multiply = void (*)(const std::byte*, const Program*, int32_t, const int32_t*, ptrdiff_t,
                          int32_t*);
template <int... P>
Multiply multiply_of(int32_t pixels, std::integer_sequence<int, P...>) {
  static constexpr Multiply all[] = {multiply<P + 1>...};
  return all[pixels - 1];
}

void store_tile(const ConvolutionArguments& a, const Pixels& pixels, const int32_t* sums,
                Storing::Outputs& o) {
  std::byte* output[most_pixels];
  const std::byte* residual[most_pixels];
  for (int32_t p = 0; p < pixels.count; ++p) {
    const int32_t row = pixels.row[p];
    const ptrdiff_t column = pixels.column[p];
    output[p] = a.output.row[row] + column * a.output.pixel_bytes;
    if (o.has_residual) residual[p] = a.residual.row[row] + column * a.residual.pixel_bytes;
  }
  o.output = output;
  o.residual = residual;
  Storing::store(sums, pixels.count, o);
}

// All channels of a tile whose panel is laid down.
void run_tile(const ConvolutionArguments& a, const Layout& l, const Room& room,
              const Pixels& pixels) {
  const auto* bias = reinterpret_cast<const int32_t*>(a.constants->packed);
  const Multiply multiply_block =
      multiply_of(pixels.count, std::make_integer_sequence<int, most_pixels>{});
  Storing::Outputs o = Storing::outputs_of(a);
  for (int32_t part = 0; part < l.parts; ++part) {
    const std::byte* programs =
        a.constants->packed + l.bias_bytes + ptrdiff_t{part} * l.blocks * l.program_bytes;
    for (int32_t c = a.channel_begin; c < a.channel_end; c += tile_channels) {
      const int32_t channels = smaller(tile_channels, a.channel_end - c);
      int32_t* sums =
          room.sums + (l.parts == 1 ? 0 : c / tile_channels * (most_pixels * tile_channels));
      for (int32_t half = 0; half < channels; half += block) {
        const std::byte* program = programs + (c + half) / block * l.program_bytes;
        const int32_t* begin = part == 0 ? bias + c + half : sums + half;
        multiply_block(room.panel, reinterpret_cast<const Program*>(program), l.part_steps, begin,
                       part == 0 ? 0 : tile_channels, sums + half);
      }
      if (part + 1 < l.parts) continue;
      Storing::set_channels(c, channels, a.constants->prepared[c / tile_channels] != std::byte{0},
                            o);
      store_tile(a, pixels, sums, o);
    }
  }
}

void run(const ConvolutionArguments& a) {
  const Layout l = layout_of(a.constants->shape);
  Scratch scratch(a.scratch);
  const Room room = take_room(a.constants->shape, scratch);
  const int32_t all = a.output_rows * a.output_width, tiles = divide_up(all, most_pixels);
  for (int32_t t = 0; t < tiles; ++t) {
    const int32_t from = part_begin(t, all, tiles);
    Pixels pixels;
    pixels.count = part_begin(t + 1, all, tiles) - from;
    for (int32_t p = 0; p < pixels.count; ++p) {
      pixels.row[p] = (from + p) / a.output_width;
      pixels.column[p] = (from + p) % a.output_width;
    }
    lay_panel(a, l, pixels, room.panel);
    run_tile(a, l, room, pixels);
  }
}

}  // namespace

constinit const ConvolutionKernel bytes = {
    "avx2_bytes", feature::avx2,  accepts, tile_channels, packed_bytes,
    pack,         prepared_bytes, prepare, scratch_bytes, run};

}  // namespace octavo::kernels::avx2
