#include "kernels/common/elementwise.h"

#include "kernels/neon/epilogue.h"
#include "kernels/neon/rows.h"

namespace octavo::kernels::neon {
namespace {

using All = Elementwise<Vector, Finish>;

}  // namespace

constinit const ElementwiseKernel elementwise{
    "neon_elementwise", feature::neon, All::accepts, nullptr, nullptr, All::run};

}  // namespace octavo::kernels::neon
