// What the ways to choose ranges are called: by flags, options and plans.
#pragma once

#include "base/choose.h"
#include "quantize/quantize.h"

namespace octavo {

inline constexpr std::array<Word<RangeMethod>, 5> method_words{
    {{"auto", RangeMethod::automatic},
     {"max", RangeMethod::maximum},
     {"percentile", RangeMethod::percentile},
     {"mse", RangeMethod::mse},
     {"kl", RangeMethod::kl}}};

}  // namespace octavo
