#include "model/input.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>

#include "base/file.h"
#include "base/text.h"

namespace octavo {

namespace {

constexpr uint64_t largest_input_bytes = uint64_t{1} << 31;

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

// The axes of one input: those of the network, which a leading 1 may precede.
bool is_input_shape(std::span<const int64_t> shape, const std::array<int, 3>& hwc) {
  const std::vector<int64_t> nhwc{hwc[0], hwc[1], hwc[2]}, nchw{hwc[2], hwc[0], hwc[1]};
  return std::equal(shape.begin(), shape.end(), nhwc.begin(), nhwc.end()) ||
         std::equal(shape.begin(), shape.end(), nchw.begin(), nchw.end());
}

// n of [n, h, w, c] or [n, c, h, w], where n is more than 1.
std::optional<size_t> frames_of(const std::vector<int64_t>& shape, const std::array<int, 3>& hwc) {
  if (shape.size() != 4 || shape.front() < 2) return std::nullopt;
  if (!is_input_shape(std::span(shape).subspan(1), hwc)) return std::nullopt;
  return static_cast<size_t>(shape.front());
}

Result<NpyArray> npy_array(const std::string& path, std::span<const std::byte> bytes) {
  auto array = decode_npy(bytes);
  if (!array) return in_file(path, array.error());
  if (const Status finite = check_finite(path, array->values); !finite) return finite.error();
  return array;
}

// One input of the array, as [h, w, c].
Result<std::vector<float>> npy_values(const std::string& path, NpyArray array,
                                      const std::array<int, 3>& hwc, std::optional<size_t> frame) {
  std::vector<int64_t> shape = array.shape;
  const auto count = static_cast<size_t>(hwc[0]) * hwc[1] * hwc[2];
  if (const auto frames = frames_of(shape, hwc)) {
    if (!frame || *frame >= *frames) {
      return rejected(concat(quoted(path), " holds ", *frames,
                             " inputs; one a file is read here: save them apart"));
    }
    const auto begin = array.values.begin() + static_cast<std::ptrdiff_t>(*frame * count);
    array.values = std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(count));
    shape.front() = 1;
  }
  if (shape.size() == 4 && shape.front() == 1) shape.erase(shape.begin());
  const std::vector<int64_t> nhwc{hwc[0], hwc[1], hwc[2]}, nchw{hwc[2], hwc[0], hwc[1]};
  if (shape == nchw && nchw != nhwc) return to_nhwc(array.values, hwc);
  const bool flat = shape.size() <= 2 && hwc[0] == 1 && hwc[1] == 1;
  // Tokens [t, c] are a map of one column.
  const bool tokens = hwc[1] == 1 && (shape == std::vector<int64_t>{hwc[0], hwc[2]} ||
                                      shape == std::vector<int64_t>{1, hwc[0], hwc[2]});
  if (shape == nhwc || tokens || (flat && array.values.size() == count)) {
    return std::move(array.values);
  }
  return rejected(concat(quoted(path), " has shape ", list_text(array.shape),
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

BeyondPixels beyond_pixels(const Preprocess& how, std::span<const float> values) {
  const auto channels = static_cast<size_t>(how.channels());
  BeyondPixels out;
  out.all = values.size();
  for (size_t i = 0; i < values.size(); ++i) {
    const float pixel = values[i] * how.std[i % channels] + how.mean[i % channels];
    out.least = i == 0 ? pixel : std::min(out.least, pixel);
    out.most = i == 0 ? pixel : std::max(out.most, pixel);
    if (!(pixel >= -0.5f && pixel <= 255.5f)) ++out.count;
  }
  return out;
}

std::string beyond_pixels_text(const BeyondPixels& found) {
  return concat(found.count, " of ", found.all,
                " values are beyond what pixels hold: as pixels, by mean and std, they reach from ",
                found.least, " to ", found.most, ", and 0 to 255 are held");
}

namespace {

// A plan of pictures stores its input as pixels.
Status check_pixels(const Model& model, const std::string& path, NetworkInput& input) {
  if (model.is_float() || !model.picture_input) return {};
  const BeyondPixels found = beyond_pixels(model.preprocess, input.values);
  if (found.count == 0) return {};
  const std::string text = concat(quoted(path), ": ", beyond_pixels_text(found));
  if (!model.clip) {
    return rejected(concat(text, "; build with the --mean and --std of these values, or --clip"));
  }
  input.warning = text + "; they were clipped";
  return {};
}

Result<NetworkInput> decode_tensor_input(const Model& model, const std::string& path,
                                         std::span<const std::byte> bytes,
                                         std::optional<size_t> frame) {
  NetworkInput input;
  bool pixels = false;
  Result<std::vector<float>> values = failed("not read");
  if (extension(path) == "npy") {
    auto array = npy_array(path, bytes);
    if (!array) return array.error();
    pixels = array->bytes && model.picture_input;
    values = npy_values(path, *std::move(array), model.input, frame);
  } else {
    values = decode_dump(path, bytes, model.input, {});
  }
  if (!values) return values.error();
  if (pixels) {  // bytes are pixels, in front of mean and std
    input.pixels.assign(values->begin(), values->end());
    return input;
  }
  input.values = std::move(*values);
  if (const Status held = check_pixels(model, path, input); !held) return held.error();
  return input;
}

// A picture or a frame.
Result<NetworkInput> decode_pixels(const Model& model, const PictureSource& source,
                                   std::span<const std::byte> bytes) {
  if (!model.picture_input) {
    return rejected(
        concat(quoted(source.path), ": this network is not fed pictures but .npy tensors"));
  }
  auto decoded = decode_input(source, bytes, model.preprocess);
  if (!decoded) return decoded.error();
  NetworkInput input;
  input.pixels = std::move(decoded->pixels);
  if (decoded->warning.empty()) return input;
  input.warning = concat(quoted(source.path), ": ", decoded->warning);
  if (model.strict) return rejected(concat(input.warning, " (refused with --strict)"));
  return input;
}

}  // namespace

size_t frames_in(const Model& model, const std::string& path, std::span<const std::byte> bytes) {
  if (extension(path) != "npy") return 1;
  const auto array = decode_npy(bytes);
  return array ? frames_of(array->shape, model.input).value_or(1) : 1;
}

Result<NetworkInput> decode_network_input(const Model& model, const std::string& path,
                                          std::span<const std::byte> bytes,
                                          std::optional<size_t> frame) {
  if (is_tensor_file(path)) return decode_tensor_input(model, path, bytes, frame);
  return decode_pixels(model, {.path = path}, bytes);
}

Result<std::vector<NetworkInput>> load_network_inputs(const Model& model,
                                                      const PictureSource& source) {
  auto bytes = read_file(source.path, largest_input_bytes);
  if (!bytes) return rejected(bytes.error().message);
  std::vector<NetworkInput> inputs;
  if (source.is_frame) {
    auto pixels = decode_pixels(model, source, *bytes);
    if (!pixels) return pixels.error();
    inputs.push_back(std::move(*pixels));
    return inputs;
  }
  const size_t frames = frames_in(model, source.path, *bytes);
  for (size_t frame = 0; frame < frames; ++frame) {
    auto input = decode_network_input(model, source.path, *bytes, frame);
    if (!input) return input.error();
    inputs.push_back(std::move(*input));
  }
  return inputs;
}

Result<NetworkInput> load_network_input(const Model& model, const PictureSource& source) {
  auto inputs = load_network_inputs(model, source);
  if (!inputs) return inputs.error();
  if (inputs->size() == 1) return std::move(inputs->front());
  return rejected(concat(quoted(source.path), " holds ", inputs->size(),
                         " inputs; one a file is read here: save them apart"));
}

Status classify(const Classifier& classifier, const NetworkInput& input, std::span<float> logits) {
  return input.pixels.empty() ? classifier.values(input.values, logits)
                              : classifier.pixels(input.pixels, logits);
}

}  // namespace octavo
