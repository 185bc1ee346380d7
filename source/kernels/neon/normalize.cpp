#include "kernels/common/normalize.h"

#include "kernels/neon/epilogue.h"
#include "kernels/neon/rows.h"

namespace octavo::kernels::neon {
namespace {

using All = Normalize<Vector, Finish>;
using Kind = NormalizeShape::Kind;

}  // namespace

constinit const NormalizeKernel layer_norm{
    "neon_layer_norm", feature::neon, All::accepts<Kind::layer_norm>,
    nullptr,           nullptr,       All::run<Kind::layer_norm>};
constinit const NormalizeKernel l2{"neon_l2", feature::neon, All::accepts<Kind::l2>,
                                   nullptr,   nullptr,       All::run<Kind::l2>};
constinit const NormalizeKernel softmax{"neon_softmax", feature::neon, All::accepts<Kind::softmax>,
                                        nullptr,        nullptr,       All::run<Kind::softmax>};
constinit const NormalizeKernel long_softmax{
    "neon_long_softmax",         feature::neon, All::accepts<Kind::long_softmax>, nullptr, nullptr,
    All::run<Kind::long_softmax>};

}  // namespace octavo::kernels::neon
