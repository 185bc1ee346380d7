// Views of a picture: where there are few to calibrate with, what else the camera might have shown
// tells more than margins for the unseen can.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace octavo {

// So many of each that there are about 128 inputs, at most 16; 1 from 128 pictures on.
size_t views_a_picture(size_t pictures);

// `pixels`: [height, width, channels], 1 or 3 of them. View 0 is the picture itself, view 1 its
// mirror image, further ones show a window of half to all of its sides, every other one mirrored.
// Integers throughout, the same on every machine.
std::vector<uint8_t> view_of(std::vector<uint8_t> pixels, int height, int width, int channels,
                             size_t view);

}  // namespace octavo
