// The tables of the steps whose activations are smooth (table.h), over what calibration saw of
// their arguments. A convolution's bias takes the middle of its table off where its sums have room
// for that (StoredConvolution::centre), else the table is centred at zero.
#pragma once

#include "quantize/pass.h"

namespace octavo {

StepTables make_tables(const PassInputs& inputs, const Quantization& q);

}  // namespace octavo
