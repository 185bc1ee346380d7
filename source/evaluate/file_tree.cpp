#include "evaluate/file_tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/file.h"
#include "base/text.h"
#include "evaluate/tar.h"

namespace octavo {

namespace {

constexpr size_t most_files = size_t{1} << 22;
constexpr uint64_t largest_list_bytes = uint64_t{64} << 20;
constexpr int deepest_level = 4;

Error too_many_files(const std::string& root) {
  return rejected(concat(quoted(root), " holds more than ", most_files, " files"));
}

bool is_hidden(std::string_view name) {
  return name.starts_with('.') || name == "__MACOSX";
}

bool has_hidden_part(std::string_view path) {
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    if (is_hidden(path.substr(start, end - start))) return true;
    start = end + 1;
  }
  return false;
}

std::string_view without_dot(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  return path;
}

// Sorts, and keeps the last of several files of one path, as unpacking would.
void tidy(FileTree& tree, std::set<std::string> folders) {
  auto& files = tree.files;
  std::stable_sort(files.begin(), files.end(),
                   [](const auto& a, const auto& b) { return a.path < b.path; });
  size_t kept = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    if (i + 1 < files.size() && files[i].path == files[i + 1].path) continue;
    if (kept != i) files[kept] = std::move(files[i]);
    ++kept;
  }
  files.resize(kept);
  for (const auto& file : files) {
    const size_t slash = file.path.find('/');
    if (slash != std::string::npos) folders.insert(file.path.substr(0, slash));
  }
  tree.folders.assign(folders.begin(), folders.end());
}

// All lies in the folder's own folders or beside a list of its own.
bool is_dataset_of_its_own(const FileTree& tree) {
  return !tree.folders.empty() || tree.find("labels.txt") || tree.find("list.txt");
}

}  // namespace

const FileTree::File* FileTree::find(std::string_view path) const {
  const std::string_view wanted = without_dot(path);
  const auto found = std::lower_bound(
      files.begin(), files.end(), wanted,
      [](const File& file, std::string_view p) { return std::string_view(file.path) < p; });
  return found != files.end() && found->path == wanted ? &*found : nullptr;
}

std::string FileTree::full_name(std::string_view path) const {
  return concat(root, is_archive ? ":" : "/", below, path);
}

Sample FileTree::sample(const File& file, int label) const {
  Sample out;
  out.path = full_name(file.path);
  out.label = label;
  if (is_archive) {
    out.archive = root;
    out.offset = file.offset;
    out.size = file.size;
  }
  return out;
}

Sample FileTree::sample_outside(const std::string& path, int label) const {
  Sample out;
  out.path = path.starts_with('/') && !is_archive ? path : full_name(path);
  out.label = label;
  return out;
}

Result<std::string> FileTree::read_text(const File& file) const {
  if (is_archive && file.size > largest_list_bytes) {
    return rejected(concat(quoted(full_name(file.path)), " has ", file.size,
                           " bytes; the most that is read of a list is ", largest_list_bytes));
  }
  const auto bytes = is_archive ? read_sample(sample(file, -1))
                                : read_file(full_name(file.path), largest_list_bytes);
  if (!bytes) return bytes.error();
  return std::string(reinterpret_cast<const char*>((*bytes).data()), (*bytes).size());
}

FileTree FileTree::subtree(const std::string& folder) const {
  const std::string prefix = folder + "/";
  FileTree out{root, is_archive, below + prefix, {}, {}};
  for (const File& file : files) {
    if (!file.path.starts_with(prefix)) continue;
    out.files.push_back({file.path.substr(prefix.size()), file.offset, file.size});
  }
  for (const Problem& problem : problems) {
    if (!problem.path.starts_with(prefix)) continue;
    out.problems.push_back({problem.path.substr(prefix.size()), problem.reason});
  }
  tidy(out, {});
  return out;
}

namespace {

namespace fs = std::filesystem;

class FolderWalk {
 public:
  explicit FolderWalk(FileTree& tree) : tree_(tree) {}

  Status run() {
    if (Status listed = enter(Place{"", 0}); !listed) return listed;
    while (!links_.empty()) {  // what a link leads to may have been seen under its own name
      const Place place = links_.front();
      links_.pop_front();
      if (Status listed = enter(place); !listed) return listed;
    }
    return {};
  }
  std::set<std::string> folders;  // right below the root

 private:
  struct Place {
    std::string path;  // below the root
    int depth = 0;
  };

  // Errors: of the root, and of too many files.
  Status enter(const Place& place) {
    const std::string whole = place.path.empty() ? tree_.root : tree_.full_name(place.path);
    struct stat info {};
    if (::stat(whole.c_str(), &info) == 0 && !seen_.insert({info.st_dev, info.st_ino}).second) {
      return {};
    }
    std::error_code error;
    std::vector<std::string> below;
    fs::directory_iterator entry(whole, error);
    for (const auto end = fs::end(entry); !error && entry != end; entry.increment(error)) {
      if (Status taken = take(*entry, place, below); !taken) return taken;
    }
    if (error) {
      const std::string reason = concat("cannot list ", quoted(whole), ": ", error.message());
      if (place.path.empty()) return failed(reason);
      tree_.problems.push_back({place.path, reason});
    }
    std::sort(below.begin(), below.end());
    for (const std::string& path : below) {
      if (Status listed = enter({path, place.depth + 1}); !listed) return listed;
    }
    return {};
  }

  Status take(const fs::directory_entry& entry, const Place& place,
              std::vector<std::string>& below) {
    const std::string name = entry.path().filename().string();
    if (is_hidden(name)) return {};
    std::string path = place.path.empty() ? name : concat(place.path, "/", name);
    std::error_code ignored;  // a dangling link is no folder
    if (!entry.is_directory(ignored)) {
      tree_.files.push_back({std::move(path), 0, 0});
      return tree_.files.size() > most_files ? Status(too_many_files(tree_.root)) : Status();
    }
    if (place.depth == 0) folders.insert(name);
    if (place.depth + 1 >= deepest_level) return {};
    if (entry.is_symlink(ignored)) {
      links_.push_back({std::move(path), place.depth + 1});
    } else {
      below.push_back(std::move(path));
    }
    return {};
  }

  FileTree& tree_;
  std::set<std::pair<dev_t, ino_t>> seen_;
  std::deque<Place> links_;
};

}  // namespace

Result<FileTree> list_folder(const std::string& path) {
  FileTree tree{path, false, "", {}, {}};
  while (tree.root.size() > 1 && tree.root.ends_with('/')) tree.root.pop_back();
  FolderWalk walk(tree);
  if (const Status walked = walk.run(); !walked) return walked.error();
  tidy(tree, std::move(walk.folders));
  std::sort(tree.problems.begin(), tree.problems.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return tree;
}

Result<FileTree> list_tar(const std::string& path) {
  const auto members = list_tar_members(path, most_files);
  if (!members) return members.error();
  FileTree tree{path, true, "", {}, {}};
  std::set<std::string> folders;
  for (const TarMember& found : *members) {
    std::string_view member = without_dot(found.path);
    if (found.is_folder) {
      while (member.ends_with('/')) member.remove_suffix(1);
      const bool first_level = !member.empty() && member.find('/') == std::string_view::npos;
      if (first_level && !has_hidden_part(member)) folders.emplace(member);
    } else if (!has_hidden_part(member)) {
      if (!found.is_plain) {
        return rejected(concat(quoted(path), " holds ", quoted(member),
                               " as a link or with holes; make the archive anew from plain files"));
      }
      tree.files.push_back({std::string(member), found.offset, found.size});
    }
  }
  tidy(tree, std::move(folders));
  const bool wrapped = tree.folders.size() == 1 && !tree.files.empty() &&
                       tree.files.front().path.find('/') != std::string::npos &&
                       tree.files.back().path.find('/') != std::string::npos;
  if (wrapped) {
    FileTree inside = tree.subtree(tree.folders.front());
    if (is_dataset_of_its_own(inside)) return inside;
  }
  return tree;
}

}  // namespace octavo
