#include "zoo/sources.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>

#include "base/text.h"

namespace octavo::zoo {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr double longest_backoff = 60;
constexpr std::chrono::seconds longest_wait{120};  // that a server may ask for

bool stopped(const Patience& patience) {
  return patience.stop && patience.stop->load();
}

// False where the wait was interrupted.
bool wait_until(Clock::time_point when, const Patience& patience) {
  constexpr auto slice = std::chrono::milliseconds(50);
  while (!stopped(patience)) {
    const auto left = when - Clock::now();
    if (left <= Clock::duration::zero()) return true;
    std::this_thread::sleep_for(std::min<Clock::duration>(left, slice));
  }
  return false;
}

// Doubles with each attempt. Shortened by chance, so that many who were thrown out together do
// not come back together.
Seconds backoff(int attempts, const Patience& patience) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  const double longest =
      std::min(longest_backoff, std::ldexp(patience.backoff_seconds, std::max(attempts - 1, 0)));
  return Seconds(std::uniform_real_distribution(0.5, 1.0)(random) * longest);
}

void note_failure(Source& source, Failure failure, const Patience& patience) {
  if (failure.wait > longest_wait) {
    failure.lasting = true;
    failure.reason += concat(" and asks to be left alone for ", failure.wait.count(), " seconds");
  }
  const auto wait = std::max<Seconds>(backoff(source.attempts, patience), failure.wait);
  source.ready = Clock::now() + std::chrono::duration_cast<Clock::duration>(wait);
  source.last = std::move(failure);
}

bool used_up(const Source& source, const Patience& patience) {
  return source.last && (source.last->lasting || source.attempts >= patience.attempts);
}

Source* next_source(std::vector<Source>& sources, const Patience& patience) {
  Source* next = nullptr;
  for (Source& source : sources)
    if (!used_up(source, patience) && (!next || source.ready < next->ready)) next = &source;
  return next;
}

Error all_failed(const std::vector<Source>& sources) {
  Error error = failed("");
  if (std::all_of(sources.begin(), sources.end(),
                  [](const Source& source) { return source.last->wrong_bytes; }))
    error.kind = ErrorKind::rejected;
  for (const Source& source : sources)
    error.message +=
        concat(error.message.empty() ? "" : "; ", quoted(source.url), " ", source.last->reason);
  return error;
}

}  // namespace

Status ask_sources(const std::vector<std::string>& urls, const Patience& patience,
                   const Attempt& attempt) {
  std::vector<Source> sources;
  for (const std::string& url : urls) sources.push_back({.url = url});
  while (Source* source = next_source(sources, patience)) {
    if (!wait_until(source->ready, patience)) return Error{ErrorKind::interrupted, "interrupted"};
    ++source->attempts;
    auto outcome = attempt(*source);
    if (!outcome) return outcome.error();
    if (!*outcome) return {};
    note_failure(*source, std::move(**outcome), patience);
  }
  return all_failed(sources);
}

}  // namespace octavo::zoo
