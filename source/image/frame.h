// Inside source/image: camera frames, a row at a time.
#pragma once

#include "image/image.h"

namespace octavo::image {

// That a frame of this format can have this size.
Status check_frame_size(FrameFormat format, int64_t width, int64_t height);
// Sizes, evenness, strides and planes fit each other; needed before convert_row.
Status check_frame(const Frame& frame);

// Colour channels of a converted row: 1 for gray8, else 3 (RGB).
int32_t frame_channels(const Frame& frame);

// Pixels first..end-1 of row y, interleaved, to `out`. In formats with shared chroma
// `first` is even.
void convert_row(const Frame& frame, int32_t y, int32_t first, int32_t end, uint8_t* out);

// Bytes of a frame whose planes follow each other without gaps, and that frame.
int64_t packed_bytes(FrameFormat format, int32_t width, int32_t height);
Frame packed_frame(FrameFormat format, int32_t width, int32_t height,
                   std::span<const uint8_t> bytes);

}  // namespace octavo::image
