// A small plan that is built in, so that `selftest` works without a file: every kind of
// step, every activation, scales a channel and padding, with the digests of its golden
// inputs as the reference computed them.
#pragma once

#include "base/result.h"
#include "plan/plan.h"

namespace octavo {

Result<Plan> selftest_plan();

}  // namespace octavo
