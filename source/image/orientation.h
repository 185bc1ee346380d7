// Inside source/image: the EXIF orientation of a JPEG, and turning a picture by it.
#pragma once

#include "image/decode.h"

namespace octavo::image {

// 1..8 from the first EXIF segment before the scan; 1 where there is none or where it
// is damaged or holds an illegal value. `bytes` may be anything.
int exif_orientation(Bytes bytes);

// As Pillow's ImageOps.exif_transpose: 2 mirrored, 3 half a turn, 4 upside down,
// 5 transposed, 6 a quarter clockwise, 7 transversed, 8 a quarter counter-clockwise.
Picture apply_orientation(Picture picture, int orientation);

}  // namespace octavo::image
