#include "onnx/strided.h"

namespace octavo::onnx {

Shape strides_of(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

std::vector<int64_t> axis_offsets(int64_t start, int64_t count, int64_t step, int64_t stride) {
  std::vector<int64_t> offsets(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    offsets[static_cast<size_t>(i)] = (start + i * step) * stride;
  }
  return offsets;
}

Constant gather(const Constant& source, const Offsets& offsets, const Shape& shape) {
  return source.reals ? make_reals(shape, gather(*source.reals, offsets))
                      : make_integers(shape, gather(*source.integers, offsets), source.kind);
}

}  // namespace octavo::onnx
