#include "kernels/common/pool.h"

#include "kernels/neon/epilogue.h"
#include "kernels/neon/rows.h"

namespace octavo::kernels::neon {
namespace {

using All = Pool<Vector, Finish>;

}  // namespace

constinit const PoolKernel pool{"neon_pool", feature::neon, All::accepts, All::run};

}  // namespace octavo::kernels::neon
