// Any bytes as an ONNX file: refused with a sentence, or a graph that verifies.
#include <cstdlib>

#include "onnx/import.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  octavo::ImportOptions options;
  options.size = {{8, 8}};
  const auto import = octavo::import_onnx(bytes, "", options);
  if (!import) {
    if (import.error().message.find('\n') != std::string::npos) std::abort();
    return 0;
  }
  if (!octavo::verify(import->graph)) std::abort();
  return 0;
}
