// Pictures in place of photographs, where there are none to calibrate with: opaque discs before one
// another, small ones more often than large ones by the cube of their radius ("dead leaves", Lee,
// Mumford and Huang 2001), which gives the spectrum of photographs, amplitudes that fall as
// 1 / frequency, and edges, as no noise of that spectrum alone has. Each disc has a colour, whose
// channels vary together for the most part, and a grain in octaves.
#pragma once

#include <cstdint>
#include <vector>

namespace octavo {

// u8 [height, width, channels], of the seed alone: integers, the same on every machine.
std::vector<uint8_t> synthetic_picture(int height, int width, int channels, uint64_t seed);

}  // namespace octavo
