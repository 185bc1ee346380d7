#include "evaluate/file_tree.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>

#include "base/file.h"
#include "base/text.h"

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

struct CloseArchive {
  void operator()(archive* open) const { archive_read_free(open); }
};

Error archive_error(const std::string& path, archive* open) {
  const char* reason = archive_error_string(open);
  return rejected(concat(quoted(path), " is no uncompressed tar archive that can be read: ",
                         reason ? reason : "unknown reason"));
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
  tidy(out, {});
  return out;
}

Result<FileTree> list_folder(const std::string& path) {
  namespace fs = std::filesystem;
  FileTree tree{path, false, "", {}, {}};
  while (tree.root.size() > 1 && tree.root.ends_with('/')) tree.root.pop_back();
  std::set<std::string> folders;
  std::error_code error;
  fs::recursive_directory_iterator entry(path, fs::directory_options::follow_directory_symlink,
                                         error);
  for (const auto end = fs::end(entry); !error && entry != end; entry.increment(error)) {
    const bool folder = entry->is_directory(error);
    if (error) error.clear();  // a dangling link is no file either
    if (is_hidden(entry->path().filename().string())) {
      if (folder) entry.disable_recursion_pending();
      continue;
    }
    if (folder) {
      if (entry.depth() == 0) folders.insert(entry->path().filename().string());
      if (entry.depth() + 1 >= deepest_level) entry.disable_recursion_pending();
    } else {
      tree.files.push_back({entry->path().lexically_relative(path).generic_string(), 0, 0});
      if (tree.files.size() > most_files) return too_many_files(path);
    }
  }
  if (error) return failed(concat("cannot list ", quoted(path), ": ", error.message()));
  tidy(tree, std::move(folders));
  return tree;
}

Result<FileTree> list_tar(const std::string& path) {
  const std::unique_ptr<archive, CloseArchive> open(archive_read_new());
  if (!open) return unsupported("there is not enough memory to read an archive");
  archive_read_support_format_tar(open.get());
  archive_read_support_filter_none(open.get());  // only so do members lie in the file as they are
  if (archive_read_open_filename(open.get(), path.c_str(), 65536) != ARCHIVE_OK) {
    return archive_error(path, open.get());
  }
  FileTree tree{path, true, "", {}, {}};
  std::set<std::string> folders;
  while (true) {
    archive_entry* entry = nullptr;
    const int state = archive_read_next_header(open.get(), &entry);
    if (state == ARCHIVE_EOF) break;
    if (state != ARCHIVE_OK && state != ARCHIVE_WARN) return archive_error(path, open.get());
    const char* name = archive_entry_pathname(entry);
    if (!name) return rejected(concat(quoted(path), " holds a name that cannot be read"));
    std::string_view member = without_dot(name);
    if (archive_entry_filetype(entry) == AE_IFDIR) {
      while (member.ends_with('/')) member.remove_suffix(1);
      const bool first_level = !member.empty() && member.find('/') == std::string_view::npos;
      if (first_level && !has_hidden_part(member)) folders.emplace(member);
    }
    if (archive_entry_filetype(entry) != AE_IFREG || has_hidden_part(member)) continue;
    if (archive_entry_sparse_count(entry) > 0 || archive_entry_hardlink(entry)) {
      return rejected(concat(quoted(path), " holds ", quoted(member),
                             " as a link or with holes; make the archive anew from plain files"));
    }
    tree.files.push_back({std::string(member),
                          static_cast<uint64_t>(archive_filter_bytes(open.get(), 0)),
                          static_cast<uint64_t>(archive_entry_size(entry))});
    if (tree.files.size() > most_files) return too_many_files(path);
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
