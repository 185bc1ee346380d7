#include "evaluate/dataset.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "evaluate/file_tree.h"
#include "evaluate/sample_list.h"

namespace octavo {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t largest_sample_bytes = uint64_t{1} << 30;

constexpr std::string_view extensions[] = {"jpg",  "jpeg", "jpe", "jfif", "png",
                                           "webp", "bmp",  "ppm", "pgm",  "pnm",
                                           "npy",  "raw",  "bin", "rgb",  "rgbchw"};

bool in_folder(std::string_view path) {
  return path.find('/') != std::string_view::npos;
}

// Samples of a list; a path is looked for below the root, then below val/.
Result<std::vector<Sample>> listed_samples(const FileTree& tree, std::vector<ListedFile> listed,
                                           const std::string& list_name) {
  std::vector<Sample> samples;
  for (const ListedFile& entry : listed) {
    if (entry.path.empty()) {
      return rejected(concat(quoted(list_name), " line ", entry.line,
                             ": expected `path class`, found a class alone"));
    }
    const FileTree::File* file = tree.find(entry.path);
    if (!file) file = tree.find("val/" + entry.path);
    samples.push_back(file ? tree.sample(*file, entry.label)
                           : tree.sample_outside(entry.path, entry.label));
  }
  return samples;
}

// A class a line: for the pictures in the order of their names.
Result<std::vector<Sample>> numbered_samples(const FileTree& tree,
                                             const std::vector<ListedFile>& listed,
                                             const std::string& list_name) {
  std::vector<Sample> samples;
  for (const FileTree::File& file : tree.files) {
    const bool placed = !in_folder(file.path) || file.path.starts_with("val/");
    if (!placed || !is_sample_file(file.path)) continue;
    if (samples.size() < listed.size()) {
      samples.push_back(tree.sample(file, listed[samples.size()].label));
    } else {
      samples.push_back(tree.sample(file, -1));
    }
  }
  if (samples.size() != listed.size()) {
    return rejected(concat(quoted(list_name), " has ", listed.size(), " classes for ",
                           samples.size(), " pictures"));
  }
  return samples;
}

Result<std::vector<Sample>> samples_of_list(const FileTree& tree, const FileTree::File& list,
                                            const DataSetOptions& options) {
  const std::string name = tree.full_name(list.path);
  const Result<std::string> text = tree.read_text(list);
  if (!text) return text.error();
  Result<std::vector<ListedFile>> listed = parse_list(*text, name, options);
  if (!listed) return listed.error();
  const bool numbered =
      !(*listed).empty() && std::all_of((*listed).begin(), (*listed).end(),
                                        [](const ListedFile& entry) { return entry.path.empty(); });
  return numbered ? numbered_samples(tree, *listed, name)
                  : listed_samples(tree, *std::move(listed), name);
}

// The list that a folder carries. The development kit's ground truth is none: it counts
// the classes in an order of its own.
const FileTree::File* find_list(const FileTree& tree) {
  for (const char* name : {"labels.txt", "list.txt", "val.txt"}) {
    if (const FileTree::File* file = tree.find(name)) return file;
  }
  for (const FileTree::File& file : tree.files) {
    const bool named = file.path.starts_with("ILSVRC2012_val") && file.path.ends_with(".txt");
    const bool ground_truth = file.path.find("ground_truth") != std::string::npos;
    if (named && !ground_truth && !in_folder(file.path)) return &file;
  }
  return nullptr;
}

Result<std::vector<Sample>> class_folder_samples(const FileTree& tree,
                                                 const DataSetOptions& options) {
  const bool numbers = std::all_of(tree.folders.begin(), tree.folders.end(),
                                   [](const std::string& name) { return parse_class(name); });
  std::map<std::string_view, int> classes;
  for (size_t i = 0; i < tree.folders.size(); ++i) {
    const std::string& name = tree.folders[i];
    const int label = numbers ? *parse_class(name) : static_cast<int>(i);
    const Result<int> checked =
        checked_label(label, options, concat("class folder ", quoted(tree.full_name(name))));
    if (!checked) return checked.error();
    classes[name] = *checked;
  }
  std::vector<Sample> samples;
  std::map<std::string_view, size_t> held;
  for (const FileTree::File& file : tree.files) {
    if (!is_sample_file(file.path)) continue;
    const std::string_view folder = std::string_view(file.path).substr(0, file.path.find('/'));
    samples.push_back(tree.sample(file, classes.at(folder)));
    ++held[folder];
  }
  for (const std::string& name : tree.folders) {
    if (options.notice && !held.contains(name)) {
      options.notice(concat("the class folder ", quoted(tree.full_name(name)), " (class ",
                            classes.at(name), ") holds no pictures"));
    }
  }
  return samples;
}

// The folders that could not be listed are told as what cannot be read.
std::vector<Sample> with_problems(std::vector<Sample> samples, const FileTree& tree) {
  for (const FileTree::Problem& problem : tree.problems) {
    Sample sample;
    sample.path = tree.full_name(problem.path);
    sample.problem = problem.reason;
    samples.push_back(std::move(sample));
  }
  return samples;
}

// Of the ILSVRC layout the part to read: "val", or "train" where no labels are needed.
std::optional<std::string> split_of(const FileTree& tree, const DataSetOptions& options) {
  size_t samples = 0;
  for (const FileTree::File& file : tree.files) {
    if (!is_sample_file(file.path)) continue;
    if (!in_folder(file.path)) return std::nullopt;
    ++samples;
  }
  const auto has_folder = [&](const char* folder) {
    return std::find(tree.folders.begin(), tree.folders.end(), folder) != tree.folders.end();
  };
  if (samples == 0 || !has_folder("val")) return std::nullopt;
  return !options.labels_needed && has_folder("train") ? "train" : "val";
}

Result<std::vector<Sample>> samples_without_list(const FileTree& tree,
                                                 const DataSetOptions& options) {
  std::vector<const FileTree::File*> files;
  for (const FileTree::File& file : tree.files) {
    if (is_sample_file(file.path)) files.push_back(&file);
  }
  const std::string name = tree.below.empty() ? tree.root : tree.full_name("");
  if (files.empty()) {
    if (!tree.problems.empty()) return rejected(tree.problems.front().reason);
    return rejected(concat(quoted(name),
                           " holds no pictures (.jpg, .png, .webp, .bmp, .ppm) and "
                           "no tensors (.npy, .raw, .bin)"));
  }
  if (std::all_of(files.begin(), files.end(),
                  [](const FileTree::File* file) { return in_folder(file->path); })) {
    return class_folder_samples(tree, options);
  }
  if (options.labels_needed) {
    return rejected(concat(quoted(name),
                           " holds pictures but no classes: expected labels.txt with "
                           "`path class` lines, or a folder for each class"));
  }
  std::vector<Sample> samples;
  for (const FileTree::File* file : files) samples.push_back(tree.sample(*file, -1));
  return samples;
}

Result<std::vector<Sample>> samples_of_tree(const FileTree& tree, const DataSetOptions& options) {
  if (const FileTree::File* list = find_list(tree)) return samples_of_list(tree, *list, options);
  if (const auto split = split_of(tree, options)) {
    return samples_of_tree(tree.subtree(*split), options);
  }
  auto samples = samples_without_list(tree, options);
  if (!samples) return samples;
  return with_problems(*std::move(samples), tree);
}

bool is_tar(const std::string& path) {
  if (path.ends_with(".tar")) return true;
  const auto magic = read_file_part(path, 257, 5);
  return magic &&
         std::string_view(reinterpret_cast<const char*>(magic->data()), magic->size()) == "ustar";
}

Result<std::vector<Sample>> all_samples(const std::string& path, const DataSetOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    return failed(concat("the data set ", quoted(path), " does not exist"));
  }
  if (!fs::is_directory(status) && !fs::is_regular_file(status)) {
    return rejected(concat("the data set ", quoted(path),
                           " is neither a folder nor a file: pipes and devices are not read"));
  }
  if (fs::is_directory(status)) {
    const Result<FileTree> tree = list_folder(path);
    if (!tree) return tree.error();
    return samples_of_tree(*tree, options);
  }
  if (is_tar(path)) {
    const Result<FileTree> tree = list_tar(path);
    if (!tree) return tree.error();
    return samples_of_tree(*tree, options);
  }
  const size_t slash = path.rfind('/');
  const FileTree folder{
      slash == std::string::npos ? "." : path.substr(0, slash), false, "", {}, {}};
  return samples_of_list(folder, {path.substr(slash == std::string::npos ? 0 : slash + 1), 0, 0},
                         options);
}

}  // namespace

bool is_sample_file(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string ending(path.substr(dot + 1));
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::find(std::begin(extensions), std::end(extensions), ending) != std::end(extensions);
}

Result<std::vector<std::byte>> read_sample(const Sample& sample) {
  if (!sample.problem.empty()) return rejected(sample.problem);
  if (sample.archive.empty()) return read_file(sample.path, largest_sample_bytes);
  if (sample.size > largest_sample_bytes) {
    return rejected(concat(quoted(sample.path), " has ", sample.size,
                           " bytes; the most that is read here is ", largest_sample_bytes));
  }
  auto bytes = read_file_part(sample.archive, sample.offset, sample.size);
  if (bytes && bytes->size() < sample.size) {
    return failed(concat("cannot read ", quoted(sample.path), ": the archive ends before"));
  }
  return bytes;
}

Result<std::vector<Sample>> open_dataset(const std::string& path, const DataSetOptions& options) {
  Result<std::vector<Sample>> samples = all_samples(path, options);
  if (!samples) return samples.error();
  if ((*samples).empty()) return rejected(concat(quoted(path), " names no pictures"));
  if (options.limit > 0) {
    size_t seen = 0;
    std::erase_if(*samples, [&](const Sample& sample) {
      return sample.problem.empty() && ++seen > options.limit;
    });
  }
  return samples;
}

std::vector<Sample> spread_samples(std::vector<Sample> samples, size_t count, uint64_t seed) {
  // Own shuffling: std::shuffle differs between standard libraries.
  std::mt19937_64 random(seed);
  const auto shuffle = [&](auto& values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random() % i]);
  };
  std::map<int, std::vector<size_t>> by_label;
  std::vector<Sample> problems;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].problem.empty()) {
      by_label[samples[i].label].push_back(i);
    } else {
      problems.push_back(std::move(samples[i]));
    }
  }
  std::vector<std::vector<size_t>> classes;
  for (auto& [label, members] : by_label) {
    shuffle(members);
    classes.push_back(std::move(members));
  }
  shuffle(classes);

  std::vector<Sample> chosen;
  count = std::min(count, samples.size() - problems.size());
  for (size_t round = 0; chosen.size() < count; ++round) {
    for (const auto& members : classes) {
      if (round < members.size() && chosen.size() < count) {
        chosen.push_back(std::move(samples[members[round]]));
      }
    }
  }
  chosen.insert(chosen.end(), std::make_move_iterator(problems.begin()),
                std::make_move_iterator(problems.end()));
  return chosen;
}

}  // namespace octavo
