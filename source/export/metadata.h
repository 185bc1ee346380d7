// Inside the room: what a plan says besides its steps, as metadata of the file. Preprocessing is
// under the keys that the importer reads (model/float_model.cpp).
#pragma once

#include "export/onnx_file.h"
#include "plan/plan.h"

namespace octavo {

void add_metadata(onnx_file::Writer& writer, const Plan& plan);

}  // namespace octavo
