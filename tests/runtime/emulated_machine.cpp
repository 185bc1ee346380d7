// The runtime asks this instead of machine_features (see CMakeLists.txt), and runs plans by AMX's
// kernels on machines without tiles too.
#include "kernels/tile_emulator.h"

namespace octavo {

FeatureSet real_machine_features() __asm__("__real__ZN6octavo16machine_featuresEv");
FeatureSet emulated_machine_features() __asm__("__wrap__ZN6octavo16machine_featuresEv");

FeatureSet emulated_machine_features() {
  return with_emulated_tiles(real_machine_features());
}

}  // namespace octavo
