#include "runtime/permute.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

namespace octavo::runtime {

namespace {

using Axis = Permutation::Axis;

bool is_dense(const TensorLayout& t) {
  return t.is_flat() && t.pixel_bytes == t.channel_bytes();
}

// Bytes from one entry to the next along an axis of `count` entries that are `stride` elements
// apart in row-major order; none where a pixel or a row ends inside the axis.
std::optional<ptrdiff_t> byte_stride(const TensorLayout& t, ptrdiff_t stride, ptrdiff_t count) {
  if (is_dense(t) || stride * count <= t.channels) return stride * t.element_bytes;
  if (stride % t.channels != 0) return std::nullopt;
  const ptrdiff_t pixels = stride / t.channels;
  if (t.is_flat() || pixels * count <= t.width) return pixels * t.pixel_bytes;
  if (pixels % t.width != 0) return std::nullopt;
  return pixels / t.width * t.row_bytes;
}

// Axes of more than one entry, in the target's order, by elements.
Permutation by_elements(const std::vector<int32_t>& dims, const std::vector<int32_t>& perm) {
  std::vector<ptrdiff_t> strides(dims.size(), 1);
  for (size_t i = dims.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * dims[i];
  Permutation order;
  order.in_bytes = false;
  ptrdiff_t target = 1;
  for (size_t i = perm.size(); i-- > 0;) {
    const auto from = static_cast<size_t>(perm[i]);
    if (dims[from] == 1) continue;
    order.axis[static_cast<size_t>(order.axes++)] = {dims[from], strides[from], target};
    target *= dims[from];
  }
  std::reverse(order.axis.begin(), order.axis.begin() + order.axes);
  return order;
}

// How many entries of an axis lie in a pixel or a row, where the axis goes on beyond it and that
// divides it; else 0.
ptrdiff_t entries_inside(const TensorLayout& t, ptrdiff_t stride, ptrdiff_t count) {
  for (const ptrdiff_t end : {ptrdiff_t{t.channels}, ptrdiff_t{t.channels} * t.width}) {
    const ptrdiff_t entries = end / stride;
    if (end % stride == 0 && entries > 1 && entries < count && count % entries == 0) return entries;
  }
  return 0;
}

// Cuts axes into two where a pixel or a row ends inside them, so that each has one stride in bytes.
void split_axes(Permutation& order, const TensorLayout& x, const TensorLayout& y) {
  for (int i = 0; i < order.axes && order.axes < static_cast<int>(order.axis.size()); ++i) {
    const auto at = order.axis.begin() + i;
    ptrdiff_t inner = 0;
    if (!byte_stride(x, at->source, at->count)) inner = entries_inside(x, at->source, at->count);
    if (inner == 0 && !byte_stride(y, at->target, at->count)) {
      inner = entries_inside(y, at->target, at->count);
    }
    if (inner == 0) continue;
    std::move_backward(at + 1, order.axis.begin() + order.axes,
                       order.axis.begin() + order.axes + 1);
    *(at + 1) = {inner, at->source, at->target};
    *at = {at->count / inner, at->source * inner, at->target * inner};
    ++order.axes;
    --i;  // the outer part may end in rows
  }
}

bool turn_into_bytes(Permutation& order, const TensorLayout& x, const TensorLayout& y) {
  Permutation made = order;
  for (int i = 0; i < order.axes; ++i) {
    Axis& axis = made.axis[static_cast<size_t>(i)];
    const auto source = byte_stride(x, axis.source, axis.count);
    const auto target = byte_stride(y, axis.target, axis.count);
    if (!source || !target) return false;
    axis.source = *source;
    axis.target = *target;
  }
  made.in_bytes = true;
  made.run = x.element_bytes;
  order = made;
  return true;
}

// Two axes that are one on both sides become one; the innermost becomes a run.
void join_axes(Permutation& order) {
  int kept = 0;
  for (int i = 1; i < order.axes; ++i) {
    Axis& outer = order.axis[static_cast<size_t>(kept)];
    const Axis inner = order.axis[static_cast<size_t>(i)];
    if (outer.source == inner.source * inner.count && outer.target == inner.target * inner.count) {
      outer = {outer.count * inner.count, inner.source, inner.target};
    } else {
      order.axis[static_cast<size_t>(++kept)] = inner;
    }
  }
  order.axes = order.axes == 0 ? 0 : kept + 1;
  if (order.axes == 0) return;
  const Axis& last = order.axis[static_cast<size_t>(order.axes - 1)];
  if (last.source != order.run || last.target != order.run) return;
  order.run *= last.count;
  --order.axes;
}

// Brings the axis that lies together in the source beside the one that does in the target.
void find_matrix(Permutation& order, int32_t element_bytes) {
  if (order.axes < 2 || order.run != element_bytes) return;
  const auto end = order.axis.begin() + order.axes;
  if ((end - 1)->target != element_bytes) return;
  const auto found = std::find_if(order.axis.begin(), end - 1,
                                  [&](const Axis& axis) { return axis.source == element_bytes; });
  if (found == end - 1) return;
  std::rotate(found, found + 1, end - 1);
  order.transposes = true;
}

// The place of run `index`: offsets of it, and its indices along the `axes` first axes.
struct Place {
  std::array<ptrdiff_t, Permutation::most_axes> at{};
  ptrdiff_t source = 0, target = 0;

  Place(const Permutation& order, int axes, ptrdiff_t index) {
    for (int i = axes - 1; i >= 0; --i) {
      const Axis& axis = order.axis[static_cast<size_t>(i)];
      const ptrdiff_t entry = index % axis.count;
      index /= axis.count;
      at[static_cast<size_t>(i)] = entry;
      source += entry * axis.source;
      target += entry * axis.target;
    }
  }
  void next(const Permutation& order, int axes) {
    for (int i = axes - 1; i >= 0; --i) {
      const Axis& axis = order.axis[static_cast<size_t>(i)];
      ptrdiff_t& entry = at[static_cast<size_t>(i)];
      source += axis.source;
      target += axis.target;
      if (++entry < axis.count) return;
      source -= axis.count * axis.source;
      target -= axis.count * axis.target;
      entry = 0;
    }
  }
};

// --- matrices ---

// A square of 64-bit rows, each of 64 / bits elements: halves of it change places, then
// quarters, down to the elements.
template <int bits>
void transpose_square(uint64_t* row) {
  constexpr int rows = 64 / bits;
  uint64_t mask = 0xffffffff;
  for (int half = rows / 2; half >= 1; half /= 2) {
    const int shift = half * bits;
    for (int i = 0; i < rows; ++i) {
      if ((i & half) != 0) continue;
      const uint64_t swapped = ((row[i] >> shift) ^ row[i + half]) & mask;
      row[i + half] ^= swapped;
      row[i] ^= swapped << shift;
    }
    mask ^= mask << (shift / 2);
  }
}

// y[j][i] = x[i][j] for j < rows, i < columns; steps are bytes.
template <class Element>
void transpose(const std::byte* x, ptrdiff_t x_step, std::byte* y, ptrdiff_t y_step, ptrdiff_t rows,
               ptrdiff_t columns) {
  constexpr ptrdiff_t bytes = sizeof(Element), side = 8 / bytes;
  const bool by_squares = std::endian::native == std::endian::little;
  const ptrdiff_t whole_rows = by_squares ? rows / side * side : 0;
  const ptrdiff_t whole_columns = by_squares ? columns / side * side : 0;
  for (ptrdiff_t i = 0; i < whole_columns; i += side) {
    for (ptrdiff_t j = 0; j < whole_rows; j += side) {
      uint64_t square[side];
      for (ptrdiff_t k = 0; k < side; ++k) {
        std::memcpy(&square[k], x + (i + k) * x_step + j * bytes, 8);
      }
      transpose_square<8 * bytes>(square);
      for (ptrdiff_t k = 0; k < side; ++k) {
        std::memcpy(y + (j + k) * y_step + i * bytes, &square[k], 8);
      }
    }
  }
  const auto one_by_one = [&](ptrdiff_t j, ptrdiff_t first) {
    for (ptrdiff_t i = first; i < columns; ++i) {
      std::memcpy(y + j * y_step + i * bytes, x + i * x_step + j * bytes, sizeof(Element));
    }
  };
  for (ptrdiff_t j = 0; j < whole_rows; ++j) one_by_one(j, whole_columns);
  for (ptrdiff_t j = whole_rows; j < rows; ++j) one_by_one(j, 0);
}

void permute_matrices(const std::byte* x, std::byte* y, const Permutation& order, ptrdiff_t begin,
                      ptrdiff_t end) {
  const Axis& rows = order.axis[static_cast<size_t>(order.axes - 2)];
  const Axis& columns = order.axis[static_cast<size_t>(order.axes - 1)];
  const auto of_element = order.element_bytes == 1 ? transpose<uint8_t> : transpose<uint16_t>;
  for (ptrdiff_t row = begin; row < end;) {
    const Place place(order, order.axes - 1, row);
    const ptrdiff_t count = std::min(rows.count - row % rows.count, end - row);
    of_element(x + place.source, columns.source, y + place.target, rows.target, count,
               columns.count);
    row += count;
  }
}

// Where element `index` of a tensor, counted row-major, lies.
ptrdiff_t element_offset(const TensorLayout& t, ptrdiff_t index) {
  const ptrdiff_t pixel = index / t.channels, channel = index % t.channels;
  return pixel / t.width * t.row_bytes + pixel % t.width * t.pixel_bytes +
         channel * t.element_bytes;
}

template <class Copy>
void each_run(const Permutation& order, ptrdiff_t begin, ptrdiff_t end, const Copy& copy) {
  Place place(order, order.axes, begin);
  for (ptrdiff_t run = begin; run < end; ++run, place.next(order, order.axes)) {
    copy(place.source, place.target);
  }
}

}  // namespace

Permutation analyse_permute(const std::vector<int32_t>& dims, const std::vector<int32_t>& perm,
                            const TensorLayout& x, const TensorLayout& y) {
  Permutation order = by_elements(dims, perm);
  split_axes(order, x, y);
  if (turn_into_bytes(order, x, y)) {
    join_axes(order);
    find_matrix(order, x.element_bytes);
  }
  order.element_bytes = x.element_bytes;
  const int axes = order.transposes ? order.axes - 1 : order.axes;
  for (int i = 0; i < axes; ++i) order.runs *= order.axis[static_cast<size_t>(i)].count;
  return order;
}

void permute(const std::byte* x, const TensorLayout& x_layout, std::byte* y,
             const TensorLayout& y_layout, const Permutation& order, ptrdiff_t begin,
             ptrdiff_t end) {
  if (order.transposes) return permute_matrices(x, y, order, begin, end);
  if (order.in_bytes) {
    const auto bytes = static_cast<size_t>(order.run);
    return each_run(order, begin, end, [&](ptrdiff_t source, ptrdiff_t target) {
      std::memcpy(y + target, x + source, bytes);
    });
  }
  const auto bytes = static_cast<size_t>(order.element_bytes);
  each_run(order, begin, end, [&](ptrdiff_t source, ptrdiff_t target) {
    std::memcpy(y + element_offset(y_layout, target), x + element_offset(x_layout, source), bytes);
  });
}

}  // namespace octavo::runtime
