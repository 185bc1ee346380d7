// What users read of element types.
#pragma once

#include "plan/plan.h"

namespace octavo {

const char* type_name(ElementType type);  // "uint8", "int16", "float32", ...

}  // namespace octavo
