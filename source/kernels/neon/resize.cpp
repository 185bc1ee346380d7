#include "kernels/common/resize.h"

#include "kernels/neon/epilogue.h"
#include "kernels/neon/rows.h"

namespace octavo::kernels::neon {
namespace {

using All = Resize<Vector, Finish>;

}  // namespace

constinit const ResizeKernel resize{"neon_resize", feature::neon, All::accepts, All::run};

}  // namespace octavo::kernels::neon
