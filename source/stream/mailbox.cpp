#include "stream/mailbox.h"

#include <utility>

#include "stream/sources.h"

namespace octavo::stream {

// Whoever waits wakes up now and then: a signal handler may set `stop`, but notify nobody.

std::optional<StreamFrame> Mailbox::replace(StreamFrame frame) {
  const std::lock_guard lock(mutex_);
  auto late = std::exchange(frame_, std::move(frame));
  changed_.notify_all();
  return late;
}

std::optional<StreamFrame> Mailbox::append(StreamFrame frame, const std::atomic<bool>& stop) {
  std::unique_lock lock(mutex_);
  while (frame_ && !stop) changed_.wait_for(lock, patience);
  if (stop) return frame;
  frame_ = std::move(frame);
  changed_.notify_all();
  return std::nullopt;
}

void Mailbox::close(Status end) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  end_ = std::move(end);
  changed_.notify_all();
}

std::optional<StreamFrame> Mailbox::take(const std::atomic<bool>* stop) {
  std::unique_lock lock(mutex_);
  const auto stopped = [&] { return stop != nullptr && *stop; };
  while (!frame_ && !closed_ && !stopped()) changed_.wait_for(lock, patience);
  if (stopped()) return std::nullopt;
  changed_.notify_all();
  return std::exchange(frame_, std::nullopt);
}

}  // namespace octavo::stream
