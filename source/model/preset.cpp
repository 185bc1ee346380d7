#include <cmath>

#include "base/text.h"
#include "model/model.h"

namespace octavo {

namespace {

struct Preset {
  const char* name;
  Interpolation interpolation;
  double crop_pct;
  ColorOrder color;
  std::array<float, 3> mean, std;
};

// The recipes under which published weights were trained or are usually evaluated.
constexpr std::array<float, 3> imagenet_mean{123.675f, 116.28f, 103.53f};
constexpr std::array<float, 3> imagenet_std{58.395f, 57.12f, 57.375f};
constexpr Preset presets[] = {
    {"torchvision", Interpolation::bilinear, 0.875, ColorOrder::rgb, imagenet_mean, imagenet_std},
    {"timm", Interpolation::bicubic, 0.875, ColorOrder::rgb, imagenet_mean, imagenet_std},
    {"tf",
     Interpolation::bilinear,
     0.875,
     ColorOrder::rgb,
     {127.5f, 127.5f, 127.5f},
     {127.5f, 127.5f, 127.5f}},
    {"caffe",
     Interpolation::bilinear,
     0.875,
     ColorOrder::bgr,
     {103.939f, 116.779f, 123.68f},
     {1, 1, 1}},
    {"none", Interpolation::bilinear, 1.0, ColorOrder::rgb, {0, 0, 0}, {1, 1, 1}},
};

int short_side(int size, double crop_pct) {
  return static_cast<int>(std::floor(size / crop_pct));
}

Result<Preprocess> from_preset(const std::string& name, int height, int width, int channels) {
  for (const Preset& preset : presets) {
    if (name != preset.name) continue;
    Preprocess out;
    out.height = height;
    out.width = width;
    out.resize_short = short_side(std::min(height, width), preset.crop_pct);
    out.interpolation = preset.interpolation;
    out.color = channels == 1 ? ColorOrder::gray : preset.color;
    out.mean = preset.mean;
    out.std = preset.std;
    return out;
  }
  const std::string near = nearest_name(name, preset_names());
  return usage_error(concat("unknown preset ", quoted(name),
                            near.empty() ? "; known: torchvision, timm, tf, caffe, none"
                                         : concat("; did you mean ", near, "?")));
}

Status check(const Preprocess& how) {
  if (how.height < 1 || how.width < 1 || how.height > 8192 || how.width > 8192) {
    return usage_error(concat("input size ", how.height, "x", how.width, " is outside 1..8192"));
  }
  if (how.resize_short < 0 || how.resize_short > 16384) {
    return usage_error(concat("--resize ", how.resize_short, " is outside 0..16384"));
  }
  for (int c = 0; c < how.channels(); ++c) {
    if (!std::isfinite(how.mean[c]) || !std::isfinite(how.std[c]) || how.std[c] <= 0 ||
        std::fabs(how.mean[c]) > 1e6f || how.std[c] > 1e6f || how.std[c] < 1e-6f) {
      return usage_error(concat("--mean ", how.mean[c], " --std ", how.std[c],
                                ": finite values in 0..255 units are needed, std above 0"));
    }
  }
  return {};
}

}  // namespace

const std::vector<std::string>& preset_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Preset& preset : presets) out.emplace_back(preset.name);
    return out;
  }();
  return names;
}

Result<Preprocess> resolve_preprocess(const PreprocessChoice& choice,
                                      const std::optional<Preprocess>& stored, int height,
                                      int width, int channels) {
  if (channels != 1 && channels != 3) {
    return rejected(concat("pictures have 1 or 3 channels, the network's input has ", channels,
                           "; feed it .npy tensors"));
  }
  if (choice.size && ((*choice.size)[0] != height || (*choice.size)[1] != width)) {
    return usage_error(concat("--size ", (*choice.size)[0], "x", (*choice.size)[1],
                              " contradicts the network's input of ", height, "x", width));
  }
  Preprocess how;
  if (stored && choice.preset.empty()) {
    how = *stored;
    if (how.height != height || how.width != width || how.channels() != channels) {
      return rejected(concat("the file's preprocessing gives ", how.height, "x", how.width, "x",
                             how.channels(), ", its network reads ", height, "x", width, "x",
                             channels));
    }
  } else {
    auto preset =
        from_preset(choice.preset.empty() ? "torchvision" : choice.preset, height, width, channels);
    if (!preset) return preset.error();
    how = *preset;
  }
  if (choice.crop_pct) {
    if (choice.resize_short) return usage_error("--resize and --crop-pct exclude each other");
    if (!(*choice.crop_pct > 0.05 && *choice.crop_pct <= 1)) {
      return usage_error("--crop-pct is a fraction above 0.05, at most 1");
    }
    how.resize_short = short_side(std::min(height, width), *choice.crop_pct);
  }
  if (choice.resize_exact) {
    if (choice.resize_short || choice.crop_pct) {
      return usage_error("--resize-exact excludes --resize and --crop-pct");
    }
    how.resize_exact = *choice.resize_exact;
  } else if (choice.resize_short || choice.crop_pct) {
    how.resize_exact = {0, 0};
  }
  if (choice.resize_short) how.resize_short = *choice.resize_short;
  if (choice.interpolation) how.interpolation = *choice.interpolation;
  if (choice.mean) how.mean = *choice.mean;
  if (choice.std) how.std = *choice.std;
  if (choice.color) {
    if ((*choice.color == ColorOrder::gray) != (channels == 1)) {
      return usage_error(concat("--color contradicts the network's ", channels, " input channels"));
    }
    how.color = *choice.color;
  }
  if (choice.exif_rotate) how.exif_rotate = *choice.exif_rotate;
  if (choice.via_nv12) how.via_nv12 = *choice.via_nv12;
  if (const Status valid = check(how); !valid) return valid.error();
  return how;
}

PreprocessChoice override_choice(PreprocessChoice below, const PreprocessChoice& above) {
  if (!above.preset.empty()) {
    below.preset = above.preset;
    below.mean = below.std = std::nullopt;
    below.color = std::nullopt;
  }
  if (above.size) below.size = above.size;
  if (above.resize_short || above.crop_pct) below.resize_exact = std::nullopt;
  if (above.resize_exact) {
    below.resize_exact = above.resize_exact;
    below.resize_short = std::nullopt;
    below.crop_pct = std::nullopt;
  }
  if (above.resize_short) below.resize_short = above.resize_short;
  if (above.crop_pct) below.crop_pct = above.crop_pct;
  if (above.interpolation) below.interpolation = above.interpolation;
  if (above.mean) below.mean = above.mean;
  if (above.std) below.std = above.std;
  if (above.color) below.color = above.color;
  if (above.exif_rotate) below.exif_rotate = above.exif_rotate;
  if (above.via_nv12) below.via_nv12 = above.via_nv12;
  return below;
}

}  // namespace octavo
