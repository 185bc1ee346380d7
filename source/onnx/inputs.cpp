#include "onnx/inputs.h"

#include "base/text.h"

namespace octavo::onnx {

namespace {

constexpr int64_t most_input_size = 1 << 15;

std::string shape_text(const std::vector<Dimension>& dimensions) {
  std::vector<std::string> parts;
  for (const Dimension& dimension : dimensions) {
    parts.push_back(dimension.value            ? concat(*dimension.value)
                    : dimension.symbol.empty() ? "?"
                                               : std::string(dimension.symbol.substr(0, 40)));
  }
  return list_text(parts);
}

bool may_be_channels(const Dimension& dimension) {
  return dimension.value &&
         (*dimension.value == 1 || *dimension.value == 3 || *dimension.value == 4);
}

// Where height stands: 2 in [n, c, h, w], 1 in [n, h, w, c].
size_t height_axis(const std::vector<Dimension>& dimensions) {
  return !may_be_channels(dimensions[1]) && may_be_channels(dimensions[3]) ? 1 : 2;
}

Status apply_size(std::vector<Dimension>& dimensions, const ImportOptions& options,
                  const std::string& what) {
  const size_t height = height_axis(dimensions);
  for (size_t i = 0; i < 2; ++i) {
    Dimension& dimension = dimensions[height + i];
    if (!options.size) {
      if (dimension.value) continue;
      return rejected(concat(what, " leaves height or width open; give them with --size HxW"));
    }
    const int64_t size = (*options.size)[i];
    if (dimension.value && *dimension.value != size) {
      return rejected(concat(what, " has a fixed size, --size asks for ", (*options.size)[0], "x",
                             (*options.size)[1]));
    }
    dimension.value = size;
  }
  return {};
}

}  // namespace

Result<Shape> input_shape(const ValueInfoProto& input, const ImportOptions& options,
                          std::vector<std::string>& notes) {
  std::string what = concat("input ", quoted(input.name));
  if (!input.is_tensor || !input.shape) {
    return rejected(concat(what, " has no shape, expected [n, c, h, w] or [n, h, w, c]"));
  }
  std::vector<Dimension> dimensions = *input.shape;
  what += concat(" ", shape_text(dimensions));
  if (input.data_type != DataType::float32 && input.data_type != DataType::float16 &&
      input.data_type != DataType::float64 && input.data_type != DataType::bfloat16) {
    return rejected(
        concat(what, " is of type ", data_type_name(input.data_type), ", expected float32"));
  }
  if (input.data_type != DataType::float32) {
    notes.push_back(
        concat(what, " of type ", data_type_name(input.data_type), " taken as float32"));
  }
  if (dimensions.size() != 4 && dimensions.size() != 2) {
    return rejected(concat(what, " has ", dimensions.size(), " axes, expected four (or two)"));
  }
  if (!dimensions[0].value) {
    dimensions[0].value = 1;
    notes.push_back(concat("symbolic batch of ", what, " taken as 1"));
  }
  if (dimensions.size() == 4) {
    if (*dimensions[0].value != 1) {
      return rejected(concat(what, " has a fixed batch, expected 1 or a symbol"));
    }
    const Status sized = apply_size(dimensions, options, what);
    if (!sized) return sized.error();
  }
  Shape shape;
  for (const Dimension& dimension : dimensions) {
    if (!dimension.value) return rejected(concat(what, " leaves the channels open"));
    if (*dimension.value < 1 || *dimension.value > most_input_size) {
      return rejected(concat(what, ": every size must lie between 1 and ", most_input_size));
    }
    shape.push_back(*dimension.value);
  }
  return shape;
}

}  // namespace octavo::onnx
