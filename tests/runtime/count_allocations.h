// Every allocation of the test program by operator new is counted.
#pragma once

namespace octavo::testing {

long allocation_count();

}  // namespace octavo::testing
