// Flags that several subcommands share, under the names of docs/reference.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/choose.h"
#include "base/result.h"
#include "base/text.h"
#include "command/command.h"
#include "model/model.h"

namespace octavo::command {

void add_output_flags(CLI::App& command, Output& output);

// --preset, --size, --resize, --crop-pct, --interpolation, --mean, --std, --color,
// --exif-rotate, --via: as typed. parse() turns them into a PreprocessChoice.
struct PreprocessFlags {
  std::string preset, size, resize_exact, interpolation, mean, std, color, via;
  int resize = -1;
  double crop_pct = 0;
  bool exif_rotate = false;
  CLI::Option* exif_option = nullptr;

  void add(CLI::App& command);
  Result<PreprocessChoice> parse() const;
};

// --max-memory: of plans; 0 where it is not given.
struct MemoryFlag {
  int64_t mib = 0;

  void add(CLI::App& command);
  size_t bytes() const { return static_cast<size_t>(mib) << 20; }
};

struct ModelFlags {
  PreprocessFlags preprocess;
  MemoryFlag max_memory;
  std::string isa;
  int threads = 0;  // 0: physical cores
  std::string wait = "spin";
  std::vector<std::string> disable;
  std::string output_name;
  bool clip = false, strict = false;

  void add(CLI::App& command);
  // --output NAME, apart: build has had a flag of that name for its file.
  void add_output_name(CLI::App& command);
  Result<ModelOptions> parse() const;
  int thread_count() const;
};

// Checks of numbers: CLI11's own take -1 for an unsigned number and let NaN and
// overflow pass.
CLI::Validator whole_number(int64_t low, int64_t high);
CLI::Validator real_number(double low, double high);

// "224x224" as height, width.
Result<std::array<int, 2>> parse_size(const std::string& flag, const std::string& text);
// "a,b,c"; one value stands for all three.
Result<std::array<float, 3>> parse_triple(const std::string& flag, const std::string& text);
// "1,2,4": positive, at most 1024.
Result<std::vector<int>> parse_counts(const std::string& flag, const std::string& text);
// "a,b" to {"a", "b"}.
std::vector<std::string> split_commas(const std::vector<std::string>& texts);

}  // namespace octavo::command
