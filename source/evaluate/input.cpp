#include "evaluate/input.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>

#include "base/file.h"
#include "base/text.h"

namespace octavo {

namespace {

constexpr uint64_t largest_input_bytes = uint64_t{1} << 30;

std::string extension(const std::string& path) {
  const size_t dot = path.rfind('.');
  std::string out = dot == std::string::npos ? "" : path.substr(dot + 1);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

Error in_file(const std::string& path, const Error& error) {
  return {error.kind, concat(quoted(path), ": ", error.message)};
}

std::vector<float> to_nhwc(const std::vector<float>& values, const std::array<int, 3>& hwc) {
  const auto [h, w, c] = hwc;
  std::vector<float> out(values.size());
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      for (int k = 0; k < c; ++k) {
        out[(static_cast<size_t>(y) * w + x) * c + k] =
            values[(static_cast<size_t>(k) * h + y) * w + x];
      }
    }
  }
  return out;
}

Status check_finite(const std::string& path, const std::vector<float>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    return rejected(
        concat(quoted(path), " has ", values[i], " among its values; finite ones are expected"));
  }
  return {};
}

Result<std::vector<float>> npy_values(const std::string& path, std::span<const std::byte> bytes,
                                      const std::array<int, 3>& hwc) {
  auto array = decode_npy(bytes);
  if (!array) return in_file(path, array.error());
  if (const Status finite = check_finite(path, array->values); !finite) return finite.error();
  std::vector<int64_t> shape = array->shape;
  if (shape.size() == 4 && shape.front() == 1) shape.erase(shape.begin());
  const std::vector<int64_t> nhwc{hwc[0], hwc[1], hwc[2]}, nchw{hwc[2], hwc[0], hwc[1]};
  if (shape == nchw && nchw != nhwc) return to_nhwc(array->values, hwc);
  const auto count = static_cast<size_t>(hwc[0]) * hwc[1] * hwc[2];
  const bool flat = shape.size() <= 2 && hwc[0] == 1 && hwc[1] == 1;
  if (shape == nhwc || (flat && array->values.size() == count)) return std::move(array->values);
  return rejected(concat(quoted(path), " has shape ", list_text(array->shape),
                         ", the network reads ", list_text(nchw), " or ", list_text(nhwc)));
}

// A size that the network's input has under the other type is worth a word.
Error wrong_size(const std::string& path, size_t bytes, size_t count, DumpType type) {
  const size_t as_float = count * sizeof(float);
  if (type == DumpType::by_size) {
    return rejected(concat(quoted(path), " has ", bytes, " bytes; a dump for this network has ",
                           count, " (uint8) or ", as_float, " (float32)"));
  }
  const bool as_real = type == DumpType::float32;
  const size_t expected = as_real ? as_float : count, other = as_real ? count : as_float;
  return rejected(
      concat(quoted(path), " has ", bytes, " bytes; a ", as_real ? "float32" : "uint8",
             " dump for this network has ", expected,
             bytes == other ? concat(": it is one of ", as_real ? "uint8" : "float32") : ""));
}

}  // namespace

Result<std::vector<float>> decode_dump(const std::string& path, std::span<const std::byte> bytes,
                                       const std::array<int, 3>& hwc, const DumpFormat& format) {
  const size_t count = static_cast<size_t>(hwc[0]) * hwc[1] * hwc[2];
  const bool real = format.type != DumpType::uint8 && bytes.size() == count * sizeof(float);
  const bool whole = format.type != DumpType::float32 && bytes.size() == count;
  if (!real && !whole) return wrong_size(path, bytes.size(), count, format.type);
  std::vector<float> values(count);
  if (real) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  } else {
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(bytes[i]);
  }
  if (const Status finite = check_finite(path, values); !finite) return finite.error();
  return format.channels_first ? to_nhwc(values, hwc) : std::move(values);
}

bool is_tensor_file(const std::string& path) {
  const std::string ending = extension(path);
  return ending == "npy" || ending == "raw" || ending == "bin" || ending == "rgb" ||
         ending == "rgbchw";
}

Result<NetworkInput> decode_network_input(const Model& model, const std::string& path,
                                          std::span<const std::byte> bytes) {
  NetworkInput input;
  if (is_tensor_file(path)) {
    auto values = extension(path) == "npy" ? npy_values(path, bytes, model.input)
                                           : decode_dump(path, bytes, model.input, {});
    if (!values) return values.error();
    input.values = std::move(*values);
    return input;
  }
  if (!model.picture_input) {
    return rejected(concat(quoted(path), ": this network is not fed pictures but .npy tensors"));
  }
  auto picture = decode_picture(bytes, model.preprocess.exif_rotate);
  if (!picture) return in_file(path, picture.error());
  input.pixels.resize(static_cast<size_t>(model.input[0]) * model.input[1] * model.input[2]);
  if (const Status done = preprocess(*picture, model.preprocess, input.pixels); !done) {
    return in_file(path, done.error());
  }
  return input;
}

Result<NetworkInput> load_network_input(const Model& model, const PictureSource& source) {
  if (source.is_frame) {
    if (!model.picture_input) {
      return rejected(
          concat(quoted(source.path), ": this network is not fed pictures but .npy tensors"));
    }
    NetworkInput input;
    auto pixels = load_input(source, model.preprocess);
    if (!pixels) return pixels.error();
    input.pixels = std::move(*pixels);
    return input;
  }
  auto bytes = read_file(source.path, largest_input_bytes);
  if (!bytes) return rejected(bytes.error().message);
  return decode_network_input(model, source.path, *bytes);
}

Status classify(const Classifier& classifier, const NetworkInput& input, std::span<float> logits) {
  return input.pixels.empty() ? classifier.values(input.values, logits)
                              : classifier.pixels(input.pixels, logits);
}

}  // namespace octavo
