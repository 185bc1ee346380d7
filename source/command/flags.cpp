#include "command/flags.h"

#include <cmath>

#include "evaluate/host.h"
#include "plan/preprocess_words.h"

namespace octavo::command {

namespace {

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> out;
  while (true) {
    const size_t end = text.find(at);
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

// For --help. A bound that nobody reaches says nothing.
template <class Number>
std::string range_text(Number low, Number high, bool unbounded) {
  return unbounded ? std::string() : concat(low, " to ", high);
}

}  // namespace

CLI::Validator whole_number(int64_t low, int64_t high) {
  const auto check = [low, high](const std::string& text) {
    const auto value = parse_number<int64_t>(text);
    return value && *value >= low && *value <= high
               ? std::string()
               : concat(quoted(text), ": a whole number from ", low, " to ", high, " is needed");
  };
  return {check, range_text(low, high, high >= 100'000)};
}

CLI::Validator real_number(double low, double high) {
  const auto check = [low, high](const std::string& text) {
    const auto value = parse_number<double>(text);
    return value && *value >= low && *value <= high
               ? std::string()
               : concat(quoted(text), ": a number from ", low, " to ", high, " is needed");
  };
  return {check, range_text(low, high, high >= 1e5)};
}

Result<std::array<int, 2>> parse_size(const std::string& flag, const std::string& text) {
  const auto parts = split(text, 'x');
  const auto height = parse_number<int>(parts.front());
  const auto width = parse_number<int>(parts.back());
  if (parts.size() > 2 || !height || !width || *height < 1 || *width < 1 || *height > 8192 ||
      *width > 8192) {
    return usage_error(concat(flag, " ", quoted(text), ": HxW is needed, for example 224x224"));
  }
  return std::array<int, 2>{*height, *width};
}

Result<std::array<float, 3>> parse_triple(const std::string& flag, const std::string& text) {
  const auto parts = split(text, ',');
  std::array<float, 3> out{};
  if (parts.size() == 3 || parts.size() == 1) {
    bool good = true;
    for (size_t i = 0; i < 3; ++i) {
      const auto value = parse_number<float>(parts[parts.size() == 1 ? 0 : i]);
      good = good && value && std::isfinite(*value);
      out[i] = value.value_or(0);
    }
    if (good) return out;
  }
  return usage_error(concat(flag, " ", quoted(text), ": R,G,B in 0..255 units is needed"));
}

Result<std::vector<int>> parse_counts(const std::string& flag, const std::string& text) {
  std::vector<int> out;
  for (const std::string& part : split(text, ',')) {
    const auto value = parse_number<int>(part);
    if (!value || *value < 1 || *value > 1024) {
      return usage_error(
          concat(flag, " ", quoted(text), ": numbers from 1 to 1024, separated by commas"));
    }
    out.push_back(*value);
  }
  return out;
}

std::vector<std::string> split_commas(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    for (std::string& part : split(text, ',')) {
      if (!part.empty()) out.push_back(std::move(part));
    }
  }
  return out;
}

void add_output_flags(CLI::App& command, Output& output) {
  command.add_flag("--json,!--no-json", output.json, "one JSON object on stdout");
  command.add_flag("-q,--quiet,!--no-quiet", output.quiet,
                   "no progress, notes, warnings or summary");
  command.add_flag("-v,--verbose,!--no-verbose", output.verbose, "say more");
}

void PreprocessFlags::add(CLI::App& command) {
  const char* group = "Preprocessing of pictures (an ONNX file's; a plan has its own)";
  command
      .add_option("--preset", preset, "mean, std and colours as that project's models want them")
      ->choices({"torchvision", "timm", "tf", "caffe", "none"})
      ->group(group);
  command.add_option("--size", size, "of the network's input")->value("HxW")->group(group);
  command.add_option("--resize", resize, "the short side before the crop; 0: no resize")
      ->check(whole_number(0, 16384))
      ->value("N")
      ->group(group);
  command
      .add_option("--resize-exact", resize_exact,
                  "or the size to which the whole picture is squashed, whatever its shape")
      ->value("HxW")
      ->group(group);
  command.add_option("--crop-pct", crop_pct, "or the crop's share of the short side")
      ->check(real_number(0.05, 1))
      ->value("F")
      ->group(group);
  command.add_option("--interpolation", interpolation, "Pillow's filter of the resize")
      ->choices({"bilinear", "bicubic", "nearest"})
      ->group(group);
  command.add_option("--mean", mean, "in 0..255 units")->value("R,G,B")->group(group);
  command.add_option("--std", std, "in 0..255 units")->value("R,G,B")->group(group);
  command.add_option("--color", color, "the order of the network's channels")
      ->choices({"rgb", "bgr", "gray"})
      ->group(group);
  exif_option = command
                    .add_flag("--exif-rotate,!--no-exif-rotate", exif_rotate,
                              "turn pictures as their EXIF orientation says")
                    ->group(group);
  command.add_option("--via", via, "nv12: send each picture through NV12 first; none: not")
      ->choices({"nv12", "none"})
      ->group(group);
}

Result<PreprocessChoice> PreprocessFlags::parse() const {
  PreprocessChoice choice;
  choice.preset = preset;
  if (!size.empty()) {
    auto parsed = parse_size("--size", size);
    if (!parsed) return parsed.error();
    choice.size = *parsed;
  }
  if (!resize_exact.empty()) {
    auto parsed = parse_size("--resize-exact", resize_exact);
    if (!parsed) return parsed.error();
    choice.resize_exact = *parsed;
  }
  if (resize >= 0) choice.resize_short = resize;
  if (crop_pct != 0) choice.crop_pct = crop_pct;
  if (!interpolation.empty()) {
    auto parsed = choose("--interpolation", interpolation, interpolation_words);
    if (!parsed) return parsed.error();
    choice.interpolation = *parsed;
  }
  if (!color.empty()) {
    auto parsed = choose("--color", color, color_words);
    if (!parsed) return parsed.error();
    choice.color = *parsed;
  }
  if (!mean.empty()) {
    auto parsed = parse_triple("--mean", mean);
    if (!parsed) return parsed.error();
    choice.mean = *parsed;
  }
  if (!std.empty()) {
    auto parsed = parse_triple("--std", std);
    if (!parsed) return parsed.error();
    choice.std = *parsed;
  }
  if (exif_option != nullptr && exif_option->count() > 0) choice.exif_rotate = exif_rotate;
  if (!via.empty()) {
    auto parsed = choose<bool>("--via", via, {{"nv12", true}, {"none", false}});
    if (!parsed) return parsed.error();
    choice.via_nv12 = *parsed;
  }
  return choice;
}

void MemoryFlag::add(CLI::App& command) {
  command.add_option("--max-memory", mib, "what a plan may take with its weights and sessions")
      ->check(whole_number(1, int64_t{1} << 30))
      ->value("MIB")
      ->with_default("what is free");
}

void ModelFlags::add_output_name(CLI::App& command) {
  command
      .add_option("--output", output_name,
                  "of an ONNX file: the output, node or inner value where the network ends")
      ->value("NAME");
}

namespace {

constexpr std::array<Word<SessionOptions::Wait>, 2> wait_words{
    {{"spin", SessionOptions::Wait::spin}, {"passive", SessionOptions::Wait::passive}}};

}  // namespace

void ModelFlags::add(CLI::App& command) {
  preprocess.add(command);
  max_memory.add(command);
  command.add_flag("--clip,!--no-clip", clip,
                   "clip tensors to what pixels hold, where they are fed to a plan of pictures");
  command.add_flag("--strict,!--no-strict", strict, "refuse pictures that a decoder warns about");
  command.add_option("--isa", isa, "instruction set to use")
      ->value("NAME")
      ->with_default("OCTAVO_ISA, else the best");
  command.add_option("--threads", threads, "of one frame")
      ->check(whole_number(1, 1024))
      ->value("N")
      ->with_default("physical cores");
  command
      .add_option("--wait", wait, "how threads of one frame wait: passive leaves cores to others")
      ->choices({"spin", "passive"});
  command.add_option("--disable", disable, "rewrites of a float graph to leave out, by name")
      ->value("NAME");
}

Result<ModelOptions> ModelFlags::parse() const {
  auto choice = preprocess.parse();
  if (!choice) return choice.error();
  ModelOptions options;
  options.preprocess = *choice;
  options.isa = isa;
  options.most_memory = max_memory.bytes();
  options.output_node = output_name;
  const auto chosen_wait = choose("--wait", wait, wait_words);
  if (!chosen_wait) return chosen_wait.error();
  options.wait = *chosen_wait;
  options.clip = clip;
  options.strict = strict;
  options.disabled_rewrites = split_commas(disable);
  return options;
}

int ModelFlags::thread_count() const {
  return threads > 0 ? threads : physical_cores();
}

}  // namespace octavo::command
