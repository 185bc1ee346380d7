// AMX on machines without it: the instructions of tiles trap there, and are carried out by the
// handler of the signal. What runs is the object code that machines with AMX run, so that its
// encodings are tested too, and not only its source.
#pragma once

#include <string>
#include <vector>

#include "kernels/isa.h"

namespace octavo {

// What `machine` has, and tiles where they are emulated: if it has all that the kernels of AMX need
// besides, the first call installs the handler.
FeatureSet with_emulated_tiles(FeatureSet machine);

// What tests of kernels may run here.
inline FeatureSet tested_features() {
  return with_emulated_tiles(machine_features());
}

// The names of all sets of features in it, as runnable_isas() lists them.
std::vector<std::string> tested_isas();

}  // namespace octavo
