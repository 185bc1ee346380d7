#include "zoo/pull.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>

#include "base/parallel.h"
#include "base/text.h"
#include "zoo/cache.h"
#include "zoo/lock.h"
#include "zoo/sources.h"
#include "zoo/transfer.h"
#include "zoo/url.h"

namespace octavo::zoo {

namespace {

// MIRROR/FILE of each mirror, then the index's own.
std::vector<std::string> urls_of(const Entry& entry, const std::vector<std::string>& mirrors) {
  std::vector<std::string> urls;
  for (const std::string& mirror : mirrors)
    urls.push_back(concat(mirror, mirror.ends_with('/') ? "" : "/", url_escaped(entry.file)));
  urls.push_back(entry.url);
  return urls;
}

// One file on its way into the cache.
class Fetch {
 public:
  Fetch(const Entry& entry, Part& part, const Patience& patience, std::function<void()> tick)
      : entry_(entry),
        part_(part),
        patience_(patience),
        tick_(std::move(tick)),
        furthest_(part.size()) {}

  // Asks one source for what is missing. Nothing: the file is whole and right.
  Result<std::optional<Failure>> ask(Source& source) {
    // Bytes of several answers that do not fit together say nothing about the last one: it is
    // asked once more, for all of them.
    while (true) {
      const bool glued = source.ranges && part_.size() > 0;
      auto failure = part_.size() < entry_.size ? receive(source) : std::optional<Failure>();
      if (!failure) return failure.error();
      note_progress(source);
      if (part_.size() < entry_.size) {
        if (!*failure)
          *failure = Failure{
              .reason = concat("ended after ", part_.size(), " of ", entry_.size, " bytes")};
        return failure;
      }
      const auto digest = part_.sha256();
      if (!digest) return digest.error();
      if (*digest == entry_.sha256) return std::optional<Failure>();
      if (const Status cleared = part_.clear(); !cleared) return cleared.error();
      if (!glued) return wrong_bytes(source, *digest);
    }
  }

 private:
  Result<std::optional<Failure>> receive(Source& source) {
    const uint64_t from = source.ranges ? part_.size() : 0;
    const Receiver receiver{.begin = [&](const Head& head) { return begin(source, from, head); },
                            .take = [&](std::span<const std::byte> bytes) -> Result<bool> {
                              const uint64_t missing = entry_.size - part_.size();
                              const auto wanted = std::min<uint64_t>(bytes.size(), missing);
                              if (const Status kept = part_.append(bytes.first(wanted)); !kept)
                                return kept.error();
                              return part_.size() < entry_.size;
                            },
                            .tick = tick_};
    auto failure = transfer({source.url, from, source.etag}, receiver, patience_);
    if (failure && *failure && (*failure)->status == 416) source.ranges = false;
    return failure;
  }

  // Refuses an answer that is not of this file, before the bytes that are there are touched.
  Result<std::string> begin(Source& source, uint64_t from, const Head& head) {
    const uint64_t first = head.partial ? head.first : 0;
    if (head.partial && (from == 0 || first != from)) {
      source.ranges = false;
      return concat("answers with the bytes from ", first, " on, asked for those from ", from);
    }
    const uint64_t missing = entry_.size - first;
    const bool other_length = head.partial ? head.total.value_or(entry_.size) != entry_.size ||
                                                 head.length.value_or(missing) > missing
                                           : head.length.value_or(missing) != missing;
    if (other_length)
      return concat("announces ", head.partial && head.total ? *head.total : *head.length,
                    " bytes; the index says ", entry_.size);
    source.etag = head.etag;
    if (!head.partial)
      if (const Status cleared = part_.clear(); !cleared) return cleared.error();
    return std::string();
  }

  // An attempt that brought the file forward is not counted, or a connection that breaks every
  // few megabytes would never bring a large one. A hundredth of the file at least, so that the
  // attempts stay bounded.
  void note_progress(Source& source) {
    if (part_.size() < furthest_ + entry_.size / 100 + 1) return;
    furthest_ = part_.size();
    source.attempts = 0;
  }

  // The same bytes twice are what the source has; once may be an accident on the way.
  std::optional<Failure> wrong_bytes(Source& source, const std::string& digest) const {
    return Failure{.reason = concat("has other bytes: SHA-256 ", entry_.sha256, " is expected, ",
                                    digest, " was found"),
                   .lasting = ++source.wrong == 2,
                   .wrong_bytes = true};
  }

  const Entry& entry_;
  Part& part_;
  const Patience& patience_;
  std::function<void()> tick_;
  uint64_t furthest_;  // that any attempt has come
};

Result<Pulled> pull_one(const Entry& entry, const PullOptions& options,
                        const std::function<void(uint64_t)>& report) {
  const CachePaths paths = cache_paths(options.cache, entry);
  const auto done = [&](bool was_cached) {
    report(entry.size);
    return Pulled{&entry, paths.file, was_cached};
  };
  // First without the lock, so that a cache that may only be read will do.
  auto cached = is_cached(paths, entry);
  if (!cached) return cached.error();
  if (*cached) return done(true);

  const auto lock = FolderLock::wait(paths.folder, options.patience.stop);
  if (!lock) return lock.error();
  cached = is_cached(paths, entry);  // who held the lock may have fetched it
  if (!cached) return cached.error();
  if (*cached) return done(true);

  auto part = Part::open(paths, entry);
  if (!part) return part.error();
  Fetch fetch(entry, *part, options.patience, [&] { report(part->size()); });
  const Status fetched = ask_sources(urls_of(entry, options.mirrors), options.patience,
                                     [&](Source& source) { return fetch.ask(source); });
  if (!fetched) {
    if (part->size() == 0) part->remove();
    return fetched.error();
  }
  if (const Status published = part->publish(); !published) return published.error();
  return done(false);
}

}  // namespace

std::vector<Result<Pulled>> pull(const std::vector<const Entry*>& entries,
                                 const PullOptions& options) {
  if (options.cache.empty()) {
    return {entries.size(),
            usage_error("no folder to keep files in: set --cache, OCTAVO_CACHE or HOME")};
  }
  std::mutex reporting;
  std::vector<std::optional<Result<Pulled>>> results(entries.size());
  const Status ran = for_each_index(
      entries.size(), {options.parallel, options.patience.stop, {}},
      [&](size_t i, size_t) -> Status {
        const Entry& entry = *entries[i];
        auto pulled = pull_one(entry, options, [&](uint64_t bytes) {
          const std::lock_guard lock(reporting);
          if (options.progress) options.progress(entry, bytes);
        });
        if (!pulled && pulled.error().kind != ErrorKind::interrupted)
          pulled = Error{pulled.error().kind, concat(entry.name, ": ", pulled.error().message)};
        results[i] = std::move(pulled);
        return {};
      });
  std::vector<Result<Pulled>> out;
  for (auto& result : results)
    out.push_back(result ? std::move(*result) : Result<Pulled>(ran.error()));  // or not begun
  return out;
}

}  // namespace octavo::zoo
