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

namespace {

bool is_float(DataType type) {
  return type == DataType::float32 || type == DataType::float16 || type == DataType::float64 ||
         type == DataType::bfloat16;
}

// Colours first or last of three axes, and longer sides beside them; a first axis of 1 or a
// symbol is a batch.
bool is_picture_without_batch(const std::vector<Dimension>& dimensions) {
  const auto is_side = [](const Dimension& d) { return !d.value || *d.value > 4; };
  const Dimension &a = dimensions[0], &b = dimensions[1], &c = dimensions[2];
  if (!a.value || *a.value == 1 || !is_side(b)) return false;
  return may_be_channels(a) ? is_side(c) : is_side(a) && may_be_channels(c);
}

}  // namespace

Result<FileInput> file_input(const ValueInfoProto& input, const ImportOptions& options,
                             std::vector<std::string>& notes) {
  std::string what = concat("input ", quoted(input.name));
  if (!input.is_tensor || !input.shape) {
    return rejected(concat(what, " has no shape, expected [n, c, h, w] or [n, h, w, c]"));
  }
  std::vector<Dimension> dimensions = *input.shape;
  what += concat(" ", shape_text(dimensions));
  FileInput out;
  out.bytes = input.data_type == DataType::uint8;
  if (!is_float(input.data_type) && !out.bytes) {
    return rejected(
        concat(what, " is of type ", data_type_name(input.data_type), ", expected float32"));
  }
  if (out.bytes) {
    notes.push_back(concat(what, " is of type uint8: pixels enter as they are"));
  } else if (input.data_type != DataType::float32) {
    notes.push_back(
        concat(what, " of type ", data_type_name(input.data_type), " taken as float32"));
  }
  if (dimensions.size() < 2 || dimensions.size() > 4) {
    return rejected(concat(what, " has ", dimensions.size(), " axes, expected two to four"));
  }
  const bool three = dimensions.size() == 3;
  const bool without_batch = three && is_picture_without_batch(dimensions);
  if (without_batch) {
    notes.push_back(concat(what, " taken as a picture without a batch"));
    dimensions.insert(dimensions.begin(), Dimension{1, {}});
  } else if (three) {  // [n, t, c] as [n, t, 1, c]
    dimensions.insert(dimensions.begin() + 2, Dimension{1, {}});
  }
  if (!dimensions[0].value) {
    dimensions[0].value = 1;
    notes.push_back(concat("symbolic batch of ", what, " taken as 1"));
  }
  if (dimensions.size() == 4) {
    out.frames = *dimensions[0].value;
    const Status sized = three && !without_batch ? Status() : apply_size(dimensions, options, what);
    if (!sized) return sized.error();
  }
  for (const Dimension& dimension : dimensions) {
    if (!dimension.value) {
      return rejected(concat(what, " leaves ", three ? "a size" : "the channels",
                             " open; export it with fixed sizes"));
    }
    if (*dimension.value < 1 || *dimension.value > most_input_size) {
      return rejected(concat(what, ": every size must lie between 1 and ", most_input_size));
    }
    out.fed.push_back(*dimension.value);
  }
  out.shape = out.fed;
  if (three) {  // the axis that was put in goes out again
    out.shape.erase(out.shape.begin() + (without_batch ? 0 : 2));
  }
  return out;
}

}  // namespace octavo::onnx
