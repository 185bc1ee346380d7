// One frame on its way from the thread that waits for a source to the one that classifies: the
// newest, or, where none may be lost, the next.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "stream/frame_source.h"

namespace octavo::stream {

class Mailbox {
 public:
  // Puts a frame in; the one that lay there, which nobody will take any more, comes back.
  std::optional<StreamFrame> replace(StreamFrame frame);
  // Waits until there is room. The frame comes back where `stop` was set meanwhile.
  std::optional<StreamFrame> append(StreamFrame frame, const std::atomic<bool>& stop);
  // Nothing more will come, because of this.
  void close(Status end);

  // Waits for a frame: nothing once the box is closed and empty, or soon after `stop`.
  std::optional<StreamFrame> take(const std::atomic<bool>* stop);
  // Of a closed box.
  const Status& end() const { return end_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<StreamFrame> frame_;
  bool closed_ = false;
  Status end_;
};

}  // namespace octavo::stream
