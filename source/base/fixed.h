// Numbers as people read them.
#pragma once

#include <string>

namespace octavo {

// With so many digits behind the point, whatever the locale; no "-0.00".
std::string fixed(double number, int digits);

}  // namespace octavo
