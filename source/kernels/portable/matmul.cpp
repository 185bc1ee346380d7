// Products of two activations as quantized files store them, in plain C++ for every machine. Both
// operands are taken less their zero points: bytes then fit words, whose products are summed in
// parts that fit 32 bits; what is wider is summed in 64.
#include <algorithm>

#include "kernels/portable/words.h"
#include "kernels/reference/epilogue.h"
#include "kernels/scratch.h"

namespace octavo::kernels::portable::matmul {

namespace {

using reference::finish;
using reference::stored;

constexpr int32_t part = 32768;  // products of up to 255 * 255 whose sum fits 32 bits

bool is_byte(ElementType type) {
  return type == ElementType::u8 || type == ElementType::i8;
}

// The right operand of a row as [channels, depth], and a pixel of the left one.
template <class T>
struct Room {
  T* right;
  T* left;
};

template <class T>
Room<T> take_room(const MatMulShape& s, Scratch& scratch) {
  Room<T> room{};
  room.right = scratch.take<T>(int64_t{s.channels} * s.depth);
  room.left = scratch.take<T>(s.depth);
  return room;
}

template <class T>
void stage_right(const MatMulArguments& m, int32_t r, T* right) {
  const MatMulShape& s = m.constants->shape;
  const int32_t pixels = s.transpose_b ? s.channels : s.depth;
  const int32_t entries = s.transpose_b ? s.depth : s.channels;
  for (int32_t pixel = 0; pixel < pixels; ++pixel) {
    const std::byte* b = m.b.row[r] + pixel * m.b.pixel_bytes;
    for (int32_t i = 0; i < entries; ++i) {
      const int64_t at =
          s.transpose_b ? int64_t{pixel} * s.depth + i : int64_t{i} * s.depth + pixel;
      right[at] = static_cast<T>(stored(s.b, b, i) - m.constants->b_zero);
    }
  }
}

int64_t dot(const int16_t* a, const int16_t* b, int32_t count) {
  int64_t sum = 0;
  for (int32_t begin = 0; begin < count; begin += part) {
    const int32_t end = std::min(count, begin + part);
    int32_t of_part = 0;
    for (int32_t k = begin; k < end; ++k) of_part += int32_t{a[k]} * b[k];
    sum += of_part;
  }
  return sum;
}

int64_t dot(const int32_t* a, const int32_t* b, int32_t count) {
  int64_t sum = 0;
  for (int32_t k = 0; k < count; ++k) sum += int64_t{a[k]} * b[k];
  return sum;
}

template <class T>
void multiply(const MatMulArguments& m) {
  const MatMulShape& s = m.constants->shape;
  Scratch scratch(m.scratch);
  const Room<T> room = take_room<T>(s, scratch);
  for (int32_t r = 0; r < m.rows; ++r) {
    stage_right(m, r, room.right);
    for (int32_t x = 0; x < m.width; ++x) {
      const std::byte* a = m.a.row[r] + x * m.a.pixel_bytes;
      for (int32_t k = 0; k < s.depth; ++k) {
        room.left[k] = static_cast<T>(stored(s.a, a, k) - m.constants->a_zero);
      }
      const std::byte* residual =
          s.has_residual ? m.residual.row[r] + x * m.residual.pixel_bytes : nullptr;
      std::byte* output = m.output.row[r] + x * m.output.pixel_bytes;
      for (int32_t c = 0; c < s.channels; ++c) {
        const int64_t acc = dot(room.left, room.right + int64_t{c} * s.depth, s.depth);
        finish(m.constants->epilogue, c,
               static_cast<float>(acc) * m.constants->epilogue.multiplier[c], residual, output);
      }
    }
  }
}

bool fits_words(const MatMulShape& s) {
  return is_byte(s.a) && is_byte(s.b);
}

}  // namespace

bool accepts(const MatMulShape&) {
  return true;
}

size_t scratch_bytes(const MatMulShape& s) {
  Scratch scratch;
  if (fits_words(s)) {
    take_room<int16_t>(s, scratch);
  } else {
    take_room<int32_t>(s, scratch);
  }
  return scratch.bytes();
}

void run(const MatMulArguments& m) {
  fits_words(m.constants->shape) ? multiply<int16_t>(m) : multiply<int32_t>(m);
}

}  // namespace octavo::kernels::portable::matmul
