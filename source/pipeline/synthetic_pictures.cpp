#include "pipeline/synthetic_pictures.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace octavo {

namespace {

// SplitMix64 (Steele, Lea and Flood 2014).
uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(mixed(seed)) {}
  // 0 .. end - 1
  int below(int end) {
    state_ += 0x9e3779b97f4a7c15u;
    return static_cast<int>((mixed(state_) >> 32) * static_cast<uint64_t>(end) >> 32);
  }
  int around_zero(int most) { return below(2 * most + 1) - most; }

 private:
  uint64_t state_;
};

int root(int64_t square) {
  int out = 0;
  while (int64_t{out + 1} * (out + 1) <= square) ++out;
  return out;
}

// -128 .. 127 at each point of a lattice.
int lattice(uint64_t seed, int octave, int x, int y) {
  const uint64_t place =
      (static_cast<uint64_t>(static_cast<uint32_t>(y)) << 32) | static_cast<uint32_t>(x);
  return static_cast<int>(mixed(mixed(seed + static_cast<uint64_t>(octave)) ^ place) >> 56) - 128;
}

// Octaves of equal power, from lattices of 1, 2, 4 .. 32 pixels, between whose points it is
// bilinear; about -128 .. 127.
int grain(uint64_t seed, int x, int y) {
  constexpr int octaves = 6;
  int sum = 0;
  for (int octave = 0; octave < octaves; ++octave) {
    const int cell = 1 << octave, u = x & (cell - 1), v = y & (cell - 1);
    const int left = x >> octave, top = y >> octave;
    const int above =
        lattice(seed, octave, left, top) * (cell - u) + lattice(seed, octave, left + 1, top) * u;
    const int below = lattice(seed, octave, left, top + 1) * (cell - u) +
                      lattice(seed, octave, left + 1, top + 1) * u;
    sum += (above * (cell - v) + below * v) / (cell * cell);
  }
  return sum / 3;
}

struct Disc {
  int x = 0, y = 0, radius = 0;
  std::array<int, 3> colour{};
  int roughness = 0;  // of its grain, in 64ths
};

Disc random_disc(Numbers& numbers, int height, int width, int brightness, int contrast) {
  constexpr int least = 3, one = 1 << 16;
  const int most = std::max(least, std::max(height, width) / 2);
  Disc out;
  out.x = numbers.below(width);
  out.y = numbers.below(height);
  // P(radius > r) = (least / r)^2
  out.radius = std::min(most, root(int64_t{least} * least * one / (1 + numbers.below(one))));
  const int grey = brightness + numbers.around_zero(contrast);
  for (int& c : out.colour) c = grey + numbers.around_zero(contrast / 3);
  out.roughness = numbers.below(24);
  return out;
}

}  // namespace

std::vector<uint8_t> synthetic_picture(int height, int width, int channels, uint64_t seed) {
  Numbers numbers(seed);
  const int brightness = 70 + numbers.below(100), contrast = 50 + numbers.below(90);
  constexpr int pixels_a_disc = 50;  // a disc covers four times as many: little stays bare
  const int discs = 1 + static_cast<int>(int64_t{height} * width / pixels_a_disc);
  const auto row = static_cast<size_t>(width);
  std::vector<Disc> all{random_disc(numbers, height, width, brightness, contrast)};
  std::vector<int> top(static_cast<size_t>(height) * row, 0);  // the ground is the first's colour
  for (int d = 1; d <= discs; ++d) {
    const Disc disc = random_disc(numbers, height, width, brightness, contrast);
    all.push_back(disc);
    for (int y = std::max(0, disc.y - disc.radius); y < std::min(height, disc.y + disc.radius + 1);
         ++y) {
      const int half =
          root(int64_t{disc.radius} * disc.radius - int64_t{y - disc.y} * (y - disc.y));
      const int first = std::max(0, disc.x - half), end = std::min(width, disc.x + half + 1);
      if (first < end) {
        const auto begin = top.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(y) * row);
        std::fill(begin + first, begin + end, d);
      }
    }
  }
  std::vector<uint8_t> out;
  out.reserve(top.size() * static_cast<size_t>(channels));
  for (size_t at = 0; at < top.size(); ++at) {
    const Disc& disc = all[static_cast<size_t>(top[at])];
    const int x = static_cast<int>(at % row), y = static_cast<int>(at / row);
    const int rough = grain(seed, x, y) * disc.roughness / 64;
    for (int c = 0; c < channels; ++c) {
      out.push_back(
          static_cast<uint8_t>(std::clamp(disc.colour[static_cast<size_t>(c)] + rough, 0, 255)));
    }
  }
  return out;
}

}  // namespace octavo
