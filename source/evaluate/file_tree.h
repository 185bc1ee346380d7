// The files below a folder or inside a .tar, seen alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "evaluate/dataset.h"

namespace octavo {

struct FileTree {
  struct File {
    std::string path;               // below the root, parts joined by '/'
    uint64_t offset = 0, size = 0;  // in the archive
  };
  // A folder that could not be listed.
  struct Problem {
    std::string path;    // below the root
    std::string reason;  // one line, with the whole name
  };
  std::string root;  // the folder, or the archive's file name
  bool is_archive = false;
  std::string below;                 // "" or "val/": the part of the archive or folder that is seen
  std::vector<File> files;           // sorted by path, each path once
  std::vector<std::string> folders;  // right below the root, sorted; empty ones too
  std::vector<Problem> problems = {};

  const File* find(std::string_view path) const;  // "./a/b" and "a/b" alike
  // What messages call a path below the root.
  std::string full_name(std::string_view path) const;
  Sample sample(const File& file, int label) const;
  // A path of a list that is not in the tree: it may lie elsewhere on the disk.
  Sample sample_outside(const std::string& path, int label) const;
  Result<std::string> read_text(const File& file) const;
  FileTree subtree(const std::string& folder) const;
};

// Down to four levels, hidden files and folders left out. Links are followed after all else, and a
// folder that was seen already, by its device and inode, is not entered again.
Result<FileTree> list_folder(const std::string& path);
// An uncompressed tar. Where all lies in one folder that is itself a data set (archives
// are often made so), that folder is the root.
Result<FileTree> list_tar(const std::string& path);

}  // namespace octavo
