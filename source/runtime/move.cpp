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

template <class Index, class T>
void look_up_one(const std::byte* x, std::byte* y, const LookupTables& tables) {
  const std::byte* entries = tables.entries;
  const ptrdiff_t step = tables.by_channel ? ptrdiff_t{lookup_levels} * ptrdiff_t{sizeof(T)} : 0;
  for (ptrdiff_t c = 0; c < tables.channels; ++c, entries += step) {
    put<T>(y, c, element<T>(entries, element<Index>(x, c)));
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

void look_up_pixels(const PixelRows& rows, const LookupTables& tables) {
  each_pixel(rows, [&](const std::byte* x, std::byte* y) {
    if (tables.index_bytes == 1 && tables.element_bytes == 1) {
      look_up_one<uint8_t, uint8_t>(x, y, tables);
    } else if (tables.index_bytes == 1) {
      look_up_one<uint8_t, uint16_t>(x, y, tables);
    } else if (tables.element_bytes == 1) {
      look_up_one<uint16_t, uint8_t>(x, y, tables);
    } else {
      look_up_one<uint16_t, uint16_t>(x, y, tables);
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

void fill_halo(const HaloRows& halo) {
  if (halo.left != nullptr) fill_pixels(halo.left, halo.left_pixels, halo);
  for (int32_t r = 0; r < halo.rows; ++r) {
    fill_pixels(halo.right + r * halo.row_bytes, halo.pixels, halo);
  }
}

}  // namespace octavo::runtime
