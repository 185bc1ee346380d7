// Calibration inputs and progress by functions of the caller's.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "c_api/build.h"
#include "c_api/handles.h"

namespace octavo::c_api {

namespace {

std::string name_of(size_t index) {
  return concat("calibration input ", index);
}

Error named(size_t index, const Error& error) {
  return {error.kind, concat(name_of(index), ": ", error.message)};
}

Status check_count(const octavo_input& input, const Model& model) {
  const auto& [height, width, channels] = model.input;
  const size_t expected = static_cast<size_t>(height) * width * channels;
  if (input.count == expected) return {};
  return rejected(concat("count is ", input.count, "; the network reads ", height, "x", width, "x",
                         channels, ", ", expected, " of them"));
}

Status check_fed_pictures(const Model& model) {
  if (model.picture_input) return {};
  return rejected("this network is not fed pictures but values");
}

// What is not encoded, copied.
Result<NetworkInput> copied(const octavo_input& input, const Model& model) {
  NetworkInput out;
  if (input.values != nullptr) {
    if (const Status fits = check_count(input, model); !fits) return fits.error();
    out.values.assign(input.values, input.values + input.count);
    if (!std::all_of(out.values.begin(), out.values.end(),
                     [](float v) { return std::isfinite(v); }))
      return rejected("it has a value that is not finite");
    return out;
  }
  if (const Status fed = check_fed_pictures(model); !fed) return fed.error();
  if (input.pixels != nullptr) {
    if (const Status fits = check_count(input, model); !fits) return fits.error();
    out.pixels.assign(input.pixels, input.pixels + input.count);
    return out;
  }
  const auto frame = to_frame(*input.frame);
  if (!frame) return frame.error();
  const auto& [height, width, channels] = model.input;
  out.pixels.resize(static_cast<size_t>(height) * width * channels);
  if (const Status done = preprocess(*frame, model.preprocess, out.pixels); !done) {
    return done.error();
  }
  return out;
}

}  // namespace

void Callbacks::attach(BuildOptions& build) {
  build.quantize.stop = &stop_;
  if (given_.progress != nullptr) {
    build.quantize.progress = [this](size_t done, size_t total, const char* what) {
      tell(done, total, what);
    };
  }
  if (given_.input == nullptr) return;
  build.inputs.count = given_.input_count;
  build.inputs.load = [this](const Model& model, size_t index) { return load(model, index); };
}

void Callbacks::tell(size_t done, size_t total, const char* what) {
  const std::lock_guard lock(mutex_);
  if (stop_) return;
  if (given_.progress(given_.context, done, total, what) != 0) stop_ = true;
}

Result<NetworkInput> Callbacks::load(const Model& model, size_t index) {
  std::vector<std::byte> encoded;
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return Error{ErrorKind::interrupted, "interrupted"};
    octavo_input input = {};
    input.size = sizeof input;
    if (const int32_t returned = given_.input(given_.context, index, &input); returned != 0) {
      gave_up_ = failed(concat(name_of(index), ": the caller's function returned ", returned));
      stop_ = true;
      return Error{ErrorKind::interrupted, "interrupted"};
    }
    if (const Status one = check_one_kind(input); !one) return named(index, one.error());
    if (input.picture == nullptr) {
      auto out = copied(input, model);
      if (!out) return named(index, out.error());
      return out;
    }
    const auto* bytes = static_cast<const std::byte*>(input.picture);
    encoded.assign(bytes, bytes + input.count);
  }
  // By its content: a name without an extension is no tensor's.
  return decode_network_input(model, name_of(index), encoded);
}

}  // namespace octavo::c_api
