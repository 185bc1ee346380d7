// Room for sums: 16-bit tensors whose products could leave int32, or squares int64, count fewer
// steps, 15 down to 12 bits. Bytes always fit, or a row of weights is raised until they do.
#pragma once

#include "quantize/pass.h"

namespace octavo {

// `q.scales` with coarser scales where that is needed.
std::vector<StoredTensor> make_headroom(const PassInputs& inputs, const Quantization& q);

}  // namespace octavo
