// What dense convolutions on AVX-512 share, whatever forms the products: how weights are packed,
// the runs of an output pixel, chunks of pixels and their tables, and how sums are finished.
//
// An output pixel is a product of runs: bytes that lie side by side in memory, so many
// for each tap or, where the taps of a kernel row follow each other, for each kernel row.
// Where an input pixel is not whole dwords, as in the stem, whole windows are gathered
// into one run first. A run's last dword may reach beyond it: those bytes meet zero
// weights.
//
// Pixels are taken in chunks, so that outputs stay in the cache while all their channels
// are written; for each chunk there is a table of where its runs begin.
//
// Packed: the bias, int32, of whole vectors; then for each vector of output channels
// all dwords of all taps, [vector][dword][16][4], and zeros up to a multiple of the dwords that
// the products take at once. Vectors never cross a group.
#pragma once

#include "kernels/avx512/words.h"
#include "kernels/scratch.h"

namespace octavo::kernels::avx512::dense {
namespace {

struct Layout {
  int32_t group_inputs, group_outputs;
  bool gathered;  // whole windows are copied into one run
  int32_t taps;
  ptrdiff_t quads;         // dwords an output pixel
  ptrdiff_t padded_quads;  // and as many as a vector's weights have
  int32_t group_vectors;
  ptrdiff_t vectors;
  ptrdiff_t vector_bytes, bias_bytes;
  ptrdiff_t window_bytes;  // from a gathered window to the next
  bool small_windows;      // two fill a vector: see gather_pairs
};

constexpr int32_t small_window_bytes = 32, small_window_rows = 3;

// For products of `step` dwords at once.
inline Layout layout_of(const ConvolutionShape& s, int32_t step) {
  Layout l;
  l.group_inputs = s.input_channels / s.groups;
  l.group_outputs = s.output_channels / s.groups;
  l.taps = s.kernel_h * s.kernel_w;
  l.gathered = s.groups == 1 && l.taps > 1 && s.input_channels % 4 != 0;
  const ptrdiff_t tap_quads = divide_up(l.group_inputs, 4);
  l.quads =
      l.gathered ? (static_cast<ptrdiff_t>(l.taps) * l.group_inputs + 3) / 4 : l.taps * tap_quads;
  l.group_vectors = divide_up(l.group_outputs, 16);
  l.vectors = static_cast<ptrdiff_t>(l.group_vectors) * s.groups;
  l.padded_quads = (l.quads + step - 1) / step * step;
  l.vector_bytes = l.padded_quads * 64;
  l.bias_bytes = l.vectors * 64;
  // Room for the last part's vector. Of whole lines an odd number, so that windows fall into
  // different sets of a cache.
  l.window_bytes = step == 16 ? ((l.padded_quads / 16 + 1) | 1) * 64 : l.quads * 4 + 16;
  const int32_t run = s.kernel_w * s.input_channels;
  l.small_windows = step == 1 && l.gathered && s.kernel_h == small_window_rows &&
                    l.quads * 4 <= small_window_bytes && s.stride_w * s.input_channels + run <= 64;
  if (l.small_windows && l.window_bytes < small_window_bytes) l.window_bytes = small_window_bytes;
  return l;
}

// The runs of an output pixel as this input has them.
struct Runs {
  int32_t count, quads;
};

inline Runs runs_of(const ConvolutionArguments& a, const Layout& l) {
  const ConvolutionShape& s = a.constants->shape;
  const int32_t quads = static_cast<int32_t>(l.quads);
  if (l.gathered) return {1, quads};
  const bool rows_are_runs =
      s.dilation_w == 1 && a.input.pixel_bytes == l.group_inputs && l.group_inputs % 4 == 0;
  const int32_t count = rows_are_runs ? s.kernel_h : l.taps;
  return {count, quads / count};
}

// What a tile reads and writes.
struct Tile {
  const uint8_t* const* inputs;  // [run][pixel of the chunk]
  ptrdiff_t run_step;            // from a run's pointers to the next one's
  ptrdiff_t input_offset;        // of the group's first channel in a pixel
  Runs runs;
  const uint8_t* weights;  // of the first vector
  const uint8_t* ahead;    // a vector's weights that are wanted soon
  ptrdiff_t vector_bytes;
  const int32_t* bias;
  const EpilogueArrays* epilogue;
  Proofs proofs;
  int32_t channel, channels;  // the first, and how many (of V * 16) exist
  std::byte* const* output;
  const std::byte* const* residual;  // null without
};

// Stores one pixel's channels from lane(s) `First` on of packed bytes.
template <int V, int First>
OCTAVO_INLINE void store_packed(const Tile& t, __m512i packed, std::byte* output) {
  const bool whole = t.channels == V * 16;
  if constexpr (V == 1) {
    const __m128i part = _mm512_extracti32x4_epi32(packed, First);
    if (whole)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(output), part);
    else
      _mm_mask_storeu_epi8(output, lanes16(t.channels), part);
  } else if constexpr (V == 2) {
    const __m256i part = _mm512_extracti64x4_epi64(packed, First / 2);
    if (whole)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(output), part);
    else
      _mm256_mask_storeu_epi8(output, static_cast<__mmask32>(lanes64(t.channels)), part);
  } else {
    if (V == 4 && whole)
      _mm512_storeu_si512(output, packed);
    else
      _mm512_mask_storeu_epi8(output, lanes64(t.channels), packed);
  }
}

// From sums to stored bytes, four vectors at a time: those of one, two or four pixels.
template <int V, int P, bool Residual>
OCTAVO_INLINE void finish_saturated(const Tile& t, const __m512i (&sum)[P][V]) {
  const EpilogueArrays& e = *t.epilogue;
  const int32_t c = t.channel;
  constexpr int together = 4 / V;  // pixels
  __m512 multiplier[V];
  __m512i zero[V];
  unroll<V>([&](auto v) __attribute__((always_inline)) {
    constexpr int i = decltype(v)::value;
    multiplier[i] = _mm512_loadu_ps(e.multiplier + c + 16 * i);
    zero[i] = _mm512_loadu_si512(e.zero + c + 16 * i);
  });
  // Vector i of a quartet is vector i % V of its pixel; with V = 3 the fourth is idle.
  const __m512i zero01 = _mm512_packs_epi32(zero[0], zero[1 % V]);
  const __m512i zero23 = _mm512_packs_epi32(zero[2 % V], zero[3 % V]);
  const __m512i in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  unroll<(P + together - 1) / together>([&](auto quartet) __attribute__((always_inline)) {
    constexpr int first = decltype(quartet)::value * together;
    __m512i q[4];
    unroll<4>([&](auto i4) __attribute__((always_inline)) {
      constexpr int i = decltype(i4)::value, v = i % V;
      constexpr int pixel = first + i / V < P && i / V < together ? first + i / V : first;
      if constexpr (i == 0 || pixel != first || (i / V == 0)) {
        __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[pixel][v]), multiplier[v]);
        if constexpr (Residual) {
          const __m512i x = load_stored(t.residual[pixel], ElementType::u8, c + 16 * v);
          value = add_residual(e, value, x, c + 16 * v);
        }
        q[i] = _mm512_cvtps_epi32(value);
      } else {
        q[i] = q[0];
      }
    });
    // Packing works in 128-bit lanes: a dword of each vector comes to lie side by side.
    const __m512i words01 = _mm512_adds_epi16(_mm512_packs_epi32(q[0], q[1]), zero01);
    const __m512i words23 = _mm512_adds_epi16(_mm512_packs_epi32(q[2], q[3]), zero23);
    const __m512i packed =
        _mm512_permutexvar_epi32(in_order, _mm512_packus_epi16(words01, words23));
    unroll<together>([&](auto p) __attribute__((always_inline)) {
      constexpr int i = decltype(p)::value;
      if constexpr (first + i < P) store_packed<V, i * V>(t, packed, t.output[first + i] + c);
    });
  });
}

// With an activation: by way of memory, so that its code exists once and not P times. From pixel p
// on, so many together while there are so many; returns the first that is left.
template <Activation A, int V, bool Residual, int Together>
OCTAVO_INLINE int32_t finish_activated(const Tile& t, const int32_t* sums, int32_t p,
                                       int32_t pixels) {
  using Finish = Activated<A, V, Together>;
  const EpilogueArrays e = *t.epilogue;
  const Finish activated(e, t.channel);
  const __m512i in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  for (; p + Together <= pixels; p += Together) {
    const auto add = [&](__m512 value, int i) __attribute__((always_inline)) {
      if constexpr (!Residual) return value;
      const int32_t c = t.channel + 16 * (i % V);
      return add_residual(e, value, load_stored(t.residual[p + i / V], ElementType::u8, c), c);
    };
    __m512i words[Finish::pairs];
    activated.finish(sums + p * V * 16, add, words);
    const __m512i packed =
        _mm512_permutexvar_epi32(in_order, _mm512_packus_epi16(words[0], words[Finish::pairs - 1]));
    unroll<Together>([&](auto pixel) __attribute__((always_inline)) {
      constexpr int i = decltype(pixel)::value;
      store_packed<V, i * V>(t, packed, t.output[p + i] + t.channel);
    });
  }
  return p;
}

template <Activation A, int V, bool Residual>
void finish_activated(const Tile& tile, const int32_t* sums, int32_t pixels) {
  const Tile t = tile;  // or it is read again after every store
  int32_t p = 0;
  if constexpr (V < 3) p = finish_activated<A, V, Residual, 4 / V>(t, sums, p, pixels);
  if (p < pixels) finish_activated<A, V, Residual, 1>(t, sums, p, pixels);
}

// Any epilogue.
template <int V>
void finish_any(const Tile& t, const int32_t* sums, int32_t pixels) {
  const Activation activation = t.epilogue->activation;
  if (t.proofs.saturates && (activation != Activation::table || t.proofs.arguments_fit)) {
    with_activation(activation, [&]<Activation A>() {
      if (t.residual == nullptr) return finish_activated<A, V, false>(t, sums, pixels);
      finish_activated<A, V, true>(t, sums, pixels);
    });
    return;
  }
  finish_pixels(*t.epilogue,
                {sums, pixels, V, t.residual, t.output, t.channel, t.channels, t.proofs});
}

// From the sums of a tile to what is stored.
template <int V, int P>
OCTAVO_INLINE void finish_tile(const Tile& t, const __m512i (&sum)[P][V]) {
  if (t.proofs.saturates && t.epilogue->activation == Activation::none) {
    if (t.residual == nullptr) return finish_saturated<V, P, false>(t, sum);
    return finish_saturated<V, P, true>(t, sum);
  }
  if (ends_in_words(*t.epilogue, t.proofs, t.residual != nullptr))
    return finish_words<V, P>(*t.epilogue, sum, t.output, t.channel, t.channels);
  alignas(64) int32_t spilled[P * V * 16];
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    unroll<V>([&](auto v) __attribute__((always_inline)) {
      constexpr int pixel = decltype(p)::value, i = decltype(v)::value;
      _mm512_store_si512(spilled + (pixel * V + i) * 16, sum[pixel][i]);
    });
  });
  finish_any<V>(t, spilled, P);
}

// Whole vectors are copied, so that up to 15 bytes too many are written: the next part
// of the window overwrites them, and a window leaves room for the last part's.
inline void copy_parts(const uint8_t* from, ptrdiff_t from_step, int32_t part_bytes,
                       int32_t windows, uint8_t* to, ptrdiff_t to_step) {
  for (int32_t done = 0; done < part_bytes; done += 16)
    for (int32_t i = 0; i < windows; ++i)
      _mm_storeu_si128(
          reinterpret_cast<__m128i*>(to + done + i * to_step),
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + done + i * from_step)));
}

// From a gathered window of this input to the next.
inline ptrdiff_t window_step(const ConvolutionArguments& a, const Layout& l) {
  const bool one_run =
      a.constants->shape.dilation_w * a.input.pixel_bytes == a.constants->shape.input_channels;
  return l.small_windows && one_run ? small_window_bytes : l.window_bytes;
}

// Windows of three runs, two at a time: a permutation of each row's bytes puts its run into both.
// Writes up to a window more than there are.
inline void gather_pairs(const ConvolutionArguments& a, int32_t r, int32_t x, int32_t count,
                         uint8_t* to) {
  const ConvolutionShape& s = a.constants->shape;
  const int32_t run = s.kernel_w * s.input_channels, step = s.stride_w * s.input_channels;
  constexpr __mmask64 second = 0xffffffff00000000;
  const __m256i places =
      _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                       22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  const __m512i place = _mm512_broadcast_i64x4(places);  // of a byte in its window
  const __m512i from =
      _mm512_mask_add_epi8(place, second, place, _mm512_set1_epi8(static_cast<char>(step)));
  __m512i index[small_window_rows];
  __mmask64 part[small_window_rows];
  const uint8_t* row[small_window_rows];
  unroll<small_window_rows>([&](auto y) __attribute__((always_inline)) {
    constexpr int i = decltype(y)::value;
    const __m512i begin = _mm512_set1_epi8(static_cast<char>(i * run));
    const __m512i end = _mm512_set1_epi8(static_cast<char>((i + 1) * run));
    index[i] = _mm512_sub_epi8(from, begin);
    part[i] = _mm512_cmpge_epu8_mask(place, begin) & _mm512_cmplt_epu8_mask(place, end);
    row[i] = bytes(a.input.row[r * s.stride_h + i * s.dilation_h]) + x * step;
  });
  for (int32_t i = 0; i < count; i += 2, to += 2 * small_window_bytes) {
    const __mmask64 inside = lanes64(i + 1 < count ? step + run : run);
    __m512i windows = _mm512_setzero_si512();
    unroll<small_window_rows>([&](auto y) __attribute__((always_inline)) {
      constexpr int k = decltype(y)::value;
      windows = _mm512_mask_permutexvar_epi8(windows, part[k], index[k],
                                             _mm512_maskz_loadu_epi8(inside, row[k] + i * step));
    });
    _mm512_storeu_si512(to, windows);
  }
}

// The windows of `count` output pixels from (r, x) on, the taps of each side by side.
inline void gather_windows(const ConvolutionArguments& a, const Layout& l, int32_t r, int32_t x,
                           int32_t count, uint8_t* to) {
  const ConvolutionShape& s = a.constants->shape;
  const ptrdiff_t tap = s.dilation_w * a.input.pixel_bytes,
                  pixel = s.stride_w * a.input.pixel_bytes;
  const bool one_run = tap == s.input_channels;
  if (one_run && l.small_windows) return gather_pairs(a, r, x, count, to);
  const int32_t parts = one_run ? 1 : s.kernel_w;
  const int32_t part_bytes = one_run ? s.kernel_w * s.input_channels : s.input_channels;
  for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
    const uint8_t* from = bytes(a.input.row[r * s.stride_h + ky * s.dilation_h]) + x * pixel;
    for (int32_t i = 0; i < parts; ++i, from += tap, to += part_bytes)
      copy_parts(from, pixel, part_bytes, count, to, l.window_bytes);
  }
}

// The parts of the scratch: tables of a chunk's pixels, where their runs begin and what they
// are; its gathered windows.
struct Room {
  int32_t pixels;          // of a chunk at most
  const uint8_t** inputs;  // [run][pixels]
  std::byte** output;
  const std::byte** residual;
  uint8_t* gathered;
};

// Of so many pixels those that a run meets.
inline int32_t no_more_than_all(const ConvolutionShape& s, int32_t pixels) {
  const int64_t all = int64_t{s.output_height} * s.output_width;
  return all < pixels ? static_cast<int32_t>(all) : pixels;
}

// For chunks of at most so many pixels.
inline Room take_room(const Layout& l, int32_t pixels, Scratch& scratch) {
  Room room{};
  room.pixels = pixels;
  room.inputs = scratch.take<const uint8_t*>(static_cast<int64_t>(l.taps) * room.pixels);
  room.output = scratch.take<std::byte*>(room.pixels);
  room.residual = scratch.take<const std::byte*>(room.pixels);
  if (l.gathered)
    room.gathered = scratch.take<uint8_t>(room.pixels * l.window_bytes + small_window_bytes);
  return room;
}

// Consecutive output pixels, in row-major order, and where they are.
struct Chunk {
  const ConvolutionArguments* arguments;
  const Layout* layout;
  Runs runs;
  Room room;
  int32_t row = 0, column = 0, pixels = 0;
};

inline Chunk chunk_of(const ConvolutionArguments& a, const Layout& l, const Room& room) {
  Chunk k{};
  k.arguments = &a;
  k.layout = &l;
  k.runs = runs_of(a, l);
  k.room = room;
  return k;
}

// Fills the tables for `count` pixels (part of the chunk, all of row k.row) from index
// `first` on.
inline void place_pixels(const Chunk& k, int32_t first, int32_t count) {
  const ConvolutionArguments& a = *k.arguments;
  const ConvolutionShape& s = a.constants->shape;
  std::byte* output = a.output.row[k.row] + k.column * a.output.pixel_bytes;
  for (int32_t i = 0; i < count; ++i) k.room.output[first + i] = output + i * a.output.pixel_bytes;
  if (s.has_residual) {
    const std::byte* residual = a.residual.row[k.row] + k.column * a.residual.pixel_bytes;
    for (int32_t i = 0; i < count; ++i)
      k.room.residual[first + i] = residual + i * a.residual.pixel_bytes;
  }
  if (k.layout->gathered) {
    const ptrdiff_t window = window_step(a, *k.layout);
    uint8_t* gathered = k.room.gathered + first * window;
    for (int32_t i = 0; i < count; ++i) k.room.inputs[first + i] = gathered + i * window;
    gather_windows(a, *k.layout, k.row, k.column, count, gathered);
    return;
  }
  const int32_t taps = k.runs.count / s.kernel_h;  // runs of a kernel row
  const ptrdiff_t step = s.stride_w * a.input.pixel_bytes;
  for (int32_t run = 0; run < k.runs.count; ++run) {
    const uint8_t* from = bytes(a.input.row[k.row * s.stride_h + run / taps * s.dilation_h]) +
                          k.column * step + run % taps * s.dilation_w * a.input.pixel_bytes;
    const uint8_t** to = k.room.inputs + static_cast<ptrdiff_t>(run) * k.room.pixels + first;
    for (int32_t i = 0; i < count; ++i) to[i] = from + i * step;
  }
}

inline void next_chunk(Chunk& k) {
  const ConvolutionArguments& a = *k.arguments;
  k.pixels = 0;
  while (k.pixels < k.room.pixels && k.row < a.output_rows) {
    const int32_t count = smaller(k.room.pixels - k.pixels, a.output_width - k.column);
    place_pixels(k, k.pixels, count);
    k.pixels += count;
    k.column += count;
    if (k.column == a.output_width) k.column = 0, ++k.row;
  }
}

inline Tile tile_of(const Chunk& k) {
  Tile t{};
  t.run_step = k.room.pixels;
  t.runs = k.runs;
  t.vector_bytes = k.layout->vector_bytes;
  t.epilogue = &k.arguments->constants->epilogue;
  return t;
}

inline void set_group(const Chunk& k, int32_t group, Tile& t) {
  t.proofs = proofs_of(k.arguments->constants->prepared, group);
  t.input_offset = static_cast<ptrdiff_t>(group) * k.layout->group_inputs;
}

// A block of vectors of one group, `end` counted from the group's first channel.
inline void set_vectors(const Chunk& k, int32_t group, int32_t vector, int32_t vectors, int32_t end,
                        Tile& t) {
  const Layout& l = *k.layout;
  const std::byte* packed = k.arguments->constants->packed;
  const ptrdiff_t index = static_cast<ptrdiff_t>(group) * l.group_vectors + vector;
  t.weights = bytes(packed) + l.bias_bytes + index * l.vector_bytes;
  t.bias = reinterpret_cast<const int32_t*>(packed) + 16 * index;
  t.channel = group * l.group_outputs + vector * 16;
  t.channels = smaller(end - vector * 16, vectors * 16);
}

// The pixels of a chunk from index `from` on.
inline void set_pixels(const Chunk& k, int32_t from, Tile& t) {
  t.inputs = k.room.inputs + from;
  t.output = k.room.output + from;
  if (k.arguments->constants->shape.has_residual) t.residual = k.room.residual + from;
}

// Calls block(vector, vectors) for the output channels [begin, end) in blocks of at most `most`
// vectors, of nearly equal width or, where vectors are finished by four, of four, two and one.
template <class Block>
void each_block(int32_t begin, int32_t end, int32_t most, bool by_four, const Block& block) {
  int32_t vector = begin / 16;
  const int32_t last = divide_up(end, 16);
  while (vector < last) {
    const int32_t left = last - vector;
    int32_t vectors = divide_up(left, divide_up(left, most));
    if (by_four) vectors = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    block(vector, vectors);
    vector += vectors;
  }
}

inline size_t bytes_of(const Layout& l) {
  return static_cast<size_t>(l.bias_bytes + l.vectors * l.vector_bytes);
}

inline void pack_as(const Layout& l, const ConvolutionShape& s, const int8_t* weights,
                    const int32_t* bias, std::byte* packed) {
  __builtin_memset(packed, 0, bytes_of(l));
  int32_t* packed_bias = reinterpret_cast<int32_t*>(packed);
  int8_t* packed_weights = reinterpret_cast<int8_t*>(packed + l.bias_bytes);
  for (int32_t o = 0; o < s.output_channels; ++o) {
    const int32_t group = o / l.group_outputs, in_group = o % l.group_outputs;
    const ptrdiff_t vector = static_cast<ptrdiff_t>(group) * l.group_vectors + in_group / 16;
    const int32_t lane = in_group % 16;
    packed_bias[vector * 16 + lane] = bias[o];
    int8_t* to = packed_weights + vector * l.vector_bytes + lane * 4;
    const int32_t tap_bytes = l.gathered ? l.group_inputs : divide_up(l.group_inputs, 4) * 4;
    for (int32_t tap = 0; tap < l.taps; ++tap) {
      ptrdiff_t k = static_cast<ptrdiff_t>(tap) * tap_bytes;
      const ptrdiff_t end = k + l.group_inputs;
      // Four at a time: loading a plan is packing, more than anything else.
      for (; k % 4 == 0 && k + 4 <= end; k += 4, weights += 4)
        __builtin_memcpy(to + k * 16, weights, 4);
      for (; k < end; ++k) to[k / 4 * 64 + k % 4] = *weights++;
    }
  }
}

}  // namespace
}  // namespace octavo::kernels::avx512::dense
