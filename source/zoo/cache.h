// The folder of pulled files, which several processes share:
//
//   CACHE/sha256/DIGEST/FILE    whole and right; only ever made by a rename
//   CACHE/sha256/DIGEST/.part   what has come of it so far
//
// Who writes there holds the lock of the folder DIGEST.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "zoo/descriptor.h"
#include "zoo/index.h"

namespace octavo::zoo {

struct CachePaths {
  std::string folder;      // CACHE/sha256/DIGEST
  std::string file, part;  // in it
};

CachePaths cache_paths(const std::string& cache, const Entry& entry);

// Whether the file is there and right. All of it is read: that takes a second for a gigabyte, and
// a disk does not say what it lost.
Result<bool> is_cached(const CachePaths& paths, const Entry& entry);

// The bytes that have come; the lock is to be held. What is written after a failure of the disk is
// not worth keeping: such a part is removed, so that a full disk is not left full.
class Part {
 public:
  // Goes on with what an earlier process left, unless it is too large to be of this file.
  static Result<Part> open(const CachePaths& paths, const Entry& entry);

  uint64_t size() const { return size_; }
  Status append(std::span<const std::byte> bytes);
  Status clear();
  void remove();
  Result<std::string> sha256() const;
  // To disk and under its final name.
  Status publish();

 private:
  Part(const CachePaths& paths, Descriptor file, uint64_t size)
      : paths_(paths), file_(std::move(file)), size_(size) {}
  Error fail(const std::string& what) const;

  CachePaths paths_;
  Descriptor file_;
  uint64_t size_ = 0;
};

}  // namespace octavo::zoo
