#include "runtime/float_input.h"

#include <cmath>
#include <cstring>

#include "plan/element_type.h"

namespace octavo::runtime {

namespace {

template <class T>
T of_channel(const std::vector<T>& values, size_t c) {
  return values.size() == 1 ? values[0] : values[c];
}

float clamp(float value, float least, float most) {
  const float above = value > least ? value : least;
  return above < most ? above : most;
}

int32_t of_picture(const Preprocess& how, float x, size_t c) {
  const float pixel = x * how.std[c] + how.mean[c];
  return static_cast<int32_t>(std::rint(clamp(pixel, 0.0f, 255.0f)));
}

int32_t of_tensor(const PlanTensor& tensor, float x, size_t c) {
  const int32_t zero = of_channel(tensor.zero_point, c);
  const StoredLevels levels = levels_of(tensor.type);
  const float t = clamp(x / of_channel(tensor.scale, c), static_cast<float>(levels.lo - zero),
                        static_cast<float>(levels.hi - zero));
  return static_cast<int32_t>(std::rint(t)) + zero;
}

}  // namespace

void quantize_input(const Plan& plan, std::span<const float> input, const TensorLayout& layout,
                    std::byte* pixels) {
  const PlanTensor& tensor = plan.tensors[plan.input];
  const float* x = input.data();
  for (int32_t row = 0; row < layout.height; ++row) {
    for (int32_t column = 0; column < layout.width; ++column) {
      std::byte* pixel = pixels + row * layout.row_bytes + column * layout.pixel_bytes;
      for (size_t c = 0; c < static_cast<size_t>(layout.channels); ++c, ++x) {
        const int32_t q =
            plan.picture_input ? of_picture(plan.preprocess, *x, c) : of_tensor(tensor, *x, c);
        if (tensor.type == ElementType::u8) {
          pixel[c] = static_cast<std::byte>(q);
        } else {
          const auto value = static_cast<uint16_t>(q);  // i16 has the same bits
          std::memcpy(pixel + c * sizeof value, &value, sizeof value);
        }
      }
    }
  }
}

}  // namespace octavo::runtime
