// What interpolations and colour orders are called.
#pragma once

#include "base/choose.h"
#include "plan/preprocess.h"

namespace octavo {

inline constexpr std::array<Word<Interpolation>, 3> interpolation_words{
    {{"bilinear", Interpolation::bilinear},
     {"bicubic", Interpolation::bicubic},
     {"nearest", Interpolation::nearest}}};

inline constexpr std::array<Word<ColorOrder>, 3> color_words{
    {{"rgb", ColorOrder::rgb}, {"bgr", ColorOrder::bgr}, {"gray", ColorOrder::gray}}};

}  // namespace octavo
