// What an ONNX value is while a file is imported: a constant that is known now
// (weights, and all the arithmetic on shapes), or a float tensor of the graph.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "onnx/model.h"

namespace octavo::onnx {

// All float types are widened to float32, all integer types to int64.
enum class ElementKind { real, integer, boolean };

std::string_view kind_name(ElementKind kind);

// Row-major. Either `reals` or `integers` is set; shared, since a weight may be large.
// Sizes may be 0 here, unlike in a Graph: a slice of a shape can be empty.
struct Constant {
  ElementKind kind = ElementKind::real;
  Shape shape;
  std::shared_ptr<const std::vector<float>> reals;
  std::shared_ptr<const std::vector<int64_t>> integers;  // booleans are 0 and 1
  std::string name;                                      // of an initializer
  // Of the element type that the file states; integers are widened, but a zero point's
  // type is that of what it quantizes.
  DataType stored = DataType::undefined;

  int64_t size() const { return element_count(shape); }
  double number(size_t index) const {
    return reals ? double{(*reals)[index]} : static_cast<double>((*integers)[index]);
  }
};

Constant make_reals(Shape shape, std::vector<float> values);
Constant make_integers(Shape shape, std::vector<int64_t> values,
                       ElementKind kind = ElementKind::integer);

struct Quantizer;  // quantizer.h

struct Value {
  enum class State { absent, constant, tensor };

  State state = State::absent;
  Constant constant;
  TensorId tensor = 0;
  Shape tensor_shape;
  // Set between a QuantizeLinear and its DequantizeLinear; the tensor is the rounded one.
  std::shared_ptr<const Quantizer> quantized;
  std::optional<TensorId> before_rounding;  // what was rounded, unless it was moved since
  bool bytes = false;  // of an input of uint8 that no Cast has made float yet

  Value() = default;
  Value(Constant value) : state(State::constant), constant(std::move(value)) {}
  Value(TensorId id, Shape shape)
      : state(State::tensor), tensor(id), tensor_shape(std::move(shape)) {}

  bool is_absent() const { return state == State::absent; }
  bool is_constant() const { return state == State::constant; }
  bool is_tensor() const { return state == State::tensor; }
  const Shape& shape() const { return is_constant() ? constant.shape : tensor_shape; }
};

// What folding may still cost. A few bytes of a hostile file can ask for a tensor of
// any size; a real file's constants are a small multiple of its weights.
class Budget {
 public:
  // More of it for every element that the file itself holds.
  void grant(int64_t file_elements);
  // False once the elements or the work do not fit.
  bool spend(int64_t elements, int64_t work);
  // Elements that were spent on a constant come back when nothing holds it any more.
  void lend(Constant& constant) const;

 private:
  // Enough for position encodings and masks. Shared with what is lent.
  std::shared_ptr<int64_t> elements_ = std::make_shared<int64_t>(int64_t{1} << 24);
  int64_t work_ = int64_t{1} << 28;
};

}  // namespace octavo::onnx
