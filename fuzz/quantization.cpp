// Any bytes as a kept quantization, whose plan is one that can be run.
#include "quantize/quantization_file.h"

#include "kept_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  octavo::fuzz::check_kept_file(std::as_bytes(std::span(data, size)),
                                octavo::deserialize_quantization,
                                [](const octavo::KeptQuantization& kept) {
                                  if (!octavo::verify(kept.quantization.plan)) std::abort();
                                  return octavo::serialize_quantization(kept);
                                });
  return 0;
}
