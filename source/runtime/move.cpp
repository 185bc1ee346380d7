#include "runtime/move.h"

#include <algorithm>
#include <cstring>

namespace octavo::runtime {

namespace {

// Channels in runs of this many on average are moved run by run.
constexpr size_t long_run = 8;

std::vector<GatherChannels::Run> find_runs(const std::vector<int32_t>& channels) {
  std::vector<GatherChannels::Run> runs;
  for (int32_t c = 0; c < static_cast<int32_t>(channels.size()); ++c) {
    const int32_t from = channels[static_cast<size_t>(c)];
    if (runs.empty() || from != runs.back().from + runs.back().count) {
      runs.push_back({from, c, 0});
    }
    ++runs.back().count;
  }
  if (runs.size() * long_run > channels.size() && runs.size() > 1) runs.clear();
  return runs;
}

bool is_interleaved(const std::vector<int32_t>& channels) {
  if (channels.size() < 4 || channels.size() % 2 != 0) return false;
  for (size_t i = 2; i < channels.size(); ++i) {
    if (channels[i] != channels[i - 2] + 1) return false;
  }
  return true;
}

template <class T>
T element(const std::byte* pixel, ptrdiff_t channel) {
  T value;
  std::memcpy(&value, pixel + channel * ptrdiff_t{sizeof(T)}, sizeof value);
  return value;
}

template <class T>
void put(std::byte* pixel, ptrdiff_t channel, T value) {
  std::memcpy(pixel + channel * ptrdiff_t{sizeof(T)}, &value, sizeof value);
}

template <class T>
void gather_one(const std::byte* x, std::byte* y, const GatherChannels& channels) {
  const auto count = static_cast<ptrdiff_t>(channels.from.size());
  if (channels.is_interleaved) {
    const std::byte* first = x + channels.first * ptrdiff_t{sizeof(T)};
    const std::byte* second = x + channels.second * ptrdiff_t{sizeof(T)};
    for (ptrdiff_t i = 0; i < count / 2; ++i) {
      put<T>(y, 2 * i, element<T>(first, i));
      put<T>(y, 2 * i + 1, element<T>(second, i));
    }
    return;
  }
  for (ptrdiff_t i = 0; i < count; ++i) {
    put<T>(y, i, element<T>(x, channels.from[static_cast<size_t>(i)]));
  }
}

template <class Move>
void each_pixel(const PixelRows& rows, const Move& move) {
  for (int32_t r = 0; r < rows.rows; ++r) {
    const std::byte* x = rows.x + r * rows.x_row_bytes;
    std::byte* y = rows.y + r * rows.y_row_bytes;
    for (int32_t column = 0; column < rows.width; ++column) {
      move(x + column * rows.x_pixel_bytes, y + column * rows.y_pixel_bytes);
    }
  }
}

// A tensor as a sequence of contiguous pieces.
class Pieces {
 public:
  explicit Pieces(const TensorLayout& layout)
      : layout_(layout), dense_(layout.pixel_bytes == layout.channel_bytes()) {}
  ptrdiff_t bytes() const {
    return dense_ ? layout_.width * layout_.channel_bytes() : layout_.channel_bytes();
  }
  ptrdiff_t offset(ptrdiff_t piece) const {
    if (dense_) return piece * layout_.row_bytes;
    return piece / layout_.width * layout_.row_bytes + piece % layout_.width * layout_.pixel_bytes;
  }
  ptrdiff_t count() const {
    return dense_ ? layout_.height : ptrdiff_t{layout_.height} * layout_.width;
  }

 private:
  const TensorLayout& layout_;
  bool dense_;
};

// Where element `index` of a tensor, counted row-major, lies.
class Elements {
 public:
  explicit Elements(const TensorLayout& layout)
      : layout_(layout), dense_(layout.is_flat() && layout.pixel_bytes == layout.channel_bytes()) {}
  bool is_dense() const { return dense_; }
  ptrdiff_t offset(ptrdiff_t index) const {
    if (dense_) return index * layout_.element_bytes;
    const ptrdiff_t pixel = index / layout_.channels, channel = index % layout_.channels;
    return pixel / layout_.width * layout_.row_bytes + pixel % layout_.width * layout_.pixel_bytes +
           channel * layout_.element_bytes;
  }

 private:
  const TensorLayout& layout_;
  bool dense_;
};

// Calls move(source, target), indices of a run's first elements, for the runs [begin, end).
template <class Move>
void each_run(const Permutation& order, ptrdiff_t begin, ptrdiff_t end, const Move& move) {
  std::array<ptrdiff_t, plan_limit::permuted_axes> at{};
  ptrdiff_t source = 0;
  for (ptrdiff_t axis = order.axes - 1, rest = begin; axis >= 0; --axis) {
    const auto i = static_cast<size_t>(axis);
    at[i] = rest % order.count[i];
    rest /= order.count[i];
    source += at[i] * order.stride[i];
  }
  for (ptrdiff_t run = begin; run < end; ++run) {
    move(source, run * order.run);
    for (ptrdiff_t axis = order.axes - 1; axis >= 0; --axis) {
      const auto i = static_cast<size_t>(axis);
      source += order.stride[i];
      if (++at[i] < order.count[i]) break;
      source -= order.count[i] * order.stride[i];
      at[i] = 0;
    }
  }
}

void fill_pixels(std::byte* to, ptrdiff_t pixels, const HaloRows& halo) {
  if (halo.channel_bytes == halo.pixel_bytes) {
    std::memcpy(to, halo.zeros, static_cast<size_t>(pixels * halo.pixel_bytes));
    return;
  }
  for (ptrdiff_t i = 0; i < pixels; ++i) {
    std::memcpy(to + i * halo.pixel_bytes, halo.zeros, static_cast<size_t>(halo.channel_bytes));
  }
}

}  // namespace

GatherChannels analyse_gather(const std::vector<int32_t>& channels) {
  GatherChannels made;
  made.from = channels;
  made.runs = find_runs(channels);
  made.is_interleaved = is_interleaved(channels);
  if (made.is_interleaved) {
    made.first = channels[0];
    made.second = channels[1];
  }
  return made;
}

void copy_pixels(const PixelRows& rows, ptrdiff_t bytes) {
  if (rows.x_pixel_bytes == bytes && rows.y_pixel_bytes == bytes) {
    for (int32_t r = 0; r < rows.rows; ++r) {
      std::memcpy(rows.y + r * rows.y_row_bytes, rows.x + r * rows.x_row_bytes,
                  static_cast<size_t>(rows.width * bytes));
    }
    return;
  }
  each_pixel(rows, [bytes](const std::byte* x, std::byte* y) {
    std::memcpy(y, x, static_cast<size_t>(bytes));
  });
}

void gather_pixels(const PixelRows& rows, const GatherChannels& channels, int32_t element_bytes) {
  if (!channels.runs.empty()) {
    each_pixel(rows, [&](const std::byte* x, std::byte* y) {
      for (const GatherChannels::Run& run : channels.runs) {
        std::memcpy(y + run.to * ptrdiff_t{element_bytes}, x + run.from * ptrdiff_t{element_bytes},
                    static_cast<size_t>(run.count * element_bytes));
      }
    });
    return;
  }
  each_pixel(rows, [&](const std::byte* x, std::byte* y) {
    if (element_bytes == 1) {
      gather_one<uint8_t>(x, y, channels);
    } else {
      gather_one<uint16_t>(x, y, channels);
    }
  });
}

void reshape(const std::byte* x, const TensorLayout& x_layout, std::byte* y,
             const TensorLayout& y_layout) {
  const Pieces from(x_layout), to(y_layout);
  ptrdiff_t from_piece = 0, from_done = 0, to_piece = 0, to_done = 0;
  while (from_piece < from.count() && to_piece < to.count()) {
    const ptrdiff_t bytes = std::min(from.bytes() - from_done, to.bytes() - to_done);
    std::memcpy(y + to.offset(to_piece) + to_done, x + from.offset(from_piece) + from_done,
                static_cast<size_t>(bytes));
    from_done += bytes;
    to_done += bytes;
    if (from_done == from.bytes()) ++from_piece, from_done = 0;
    if (to_done == to.bytes()) ++to_piece, to_done = 0;
  }
}

Permutation analyse_permute(const std::vector<int32_t>& dims, const std::vector<int32_t>& perm) {
  std::vector<ptrdiff_t> strides(dims.size(), 1);
  for (size_t i = dims.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * dims[i];
  Permutation order;
  for (const int32_t from : perm) {
    const auto i = static_cast<size_t>(from);
    if (dims[i] == 1) continue;
    order.count[static_cast<size_t>(order.axes)] = dims[i];
    order.stride[static_cast<size_t>(order.axes)] = strides[i];
    ++order.axes;
    order.runs *= dims[i];
  }
  while (order.axes > 0 && order.stride[static_cast<size_t>(order.axes - 1)] == order.run) {
    --order.axes;
    const ptrdiff_t joined = order.count[static_cast<size_t>(order.axes)];
    order.run *= joined;
    order.runs /= joined;
  }
  return order;
}

void permute(const std::byte* x, const TensorLayout& x_layout, std::byte* y,
             const TensorLayout& y_layout, const Permutation& order, ptrdiff_t begin,
             ptrdiff_t end) {
  const Elements from(x_layout), to(y_layout);
  const ptrdiff_t bytes = x_layout.element_bytes;
  if (from.is_dense() && to.is_dense() && order.run * bytes > 1) {
    each_run(order, begin, end, [&](ptrdiff_t source, ptrdiff_t target) {
      std::memcpy(y + target * bytes, x + source * bytes, static_cast<size_t>(order.run * bytes));
    });
    return;
  }
  if (from.is_dense() && to.is_dense()) {
    each_run(order, begin, end, [&](ptrdiff_t source, ptrdiff_t target) { y[target] = x[source]; });
    return;
  }
  each_run(order, begin, end, [&](ptrdiff_t source, ptrdiff_t target) {
    for (ptrdiff_t i = 0; i < order.run; ++i) {
      std::memcpy(y + to.offset(target + i), x + from.offset(source + i),
                  static_cast<size_t>(bytes));
    }
  });
}

void fill_halo(const HaloRows& halo) {
  if (halo.left != nullptr) fill_pixels(halo.left, halo.left_pixels, halo);
  for (int32_t r = 0; r < halo.rows; ++r) {
    fill_pixels(halo.right + r * halo.row_bytes, halo.pixels, halo);
  }
}

}  // namespace octavo::runtime
