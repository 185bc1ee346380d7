#include "onnx/value.h"

#include <algorithm>

namespace octavo::onnx {

std::string_view kind_name(ElementKind kind) {
  switch (kind) {
    case ElementKind::real:
      return "float";
    case ElementKind::integer:
      return "integer";
    case ElementKind::boolean:
      return "bool";
  }
  return "";
}

Constant make_reals(Shape shape, std::vector<float> values) {
  Constant out{ElementKind::real, std::move(shape), nullptr, nullptr, ""};
  out.reals = std::make_shared<const std::vector<float>>(std::move(values));
  return out;
}

Constant make_integers(Shape shape, std::vector<int64_t> values, ElementKind kind) {
  Constant out{kind, std::move(shape), nullptr, nullptr, ""};
  out.integers = std::make_shared<const std::vector<int64_t>>(std::move(values));
  return out;
}

// Enough for a few transposes, slices and casts of each weight.
void Budget::grant(int64_t file_elements) {
  *elements_ += 4 * file_elements;
  work_ += 16 * file_elements;
}

bool Budget::spend(int64_t elements, int64_t work) {
  if (elements < 0 || work < 0 || elements > *elements_ || work > work_) return false;
  *elements_ -= elements;
  work_ -= std::max(work, elements);
  return work_ >= 0;
}

namespace {

template <class Number>
void give_back_at_end(std::shared_ptr<const std::vector<Number>>& values,
                      const std::shared_ptr<int64_t>& elements) {
  if (values == nullptr) return;
  const std::vector<Number>* const same = values.get();
  const auto count = static_cast<int64_t>(same->size());
  values = {same, [held = std::move(values), elements, count](const auto*) mutable {
              held.reset();
              *elements += count;
            }};
}

}  // namespace

void Budget::lend(Constant& constant) const {
  give_back_at_end(constant.reals, elements_);
  give_back_at_end(constant.integers, elements_);
}

}  // namespace octavo::onnx
