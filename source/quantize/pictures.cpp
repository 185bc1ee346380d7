#include "quantize/pictures.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/parallel.h"
#include "base/text.h"

namespace octavo {

namespace {

// With what a build holds anyway, a network of the size of MobileNetV2 stays below 600 MB.
constexpr uint64_t memory_of_workers = uint64_t{320} << 20;

}  // namespace

uint64_t session_bytes(const Graph& graph) {
  uint64_t constants = 0, largest = 0;
  for (const Tensor& tensor : graph.tensors) {
    const auto elements = static_cast<uint64_t>(element_count(tensor.shape));
    (tensor.values ? constants : largest) =
        tensor.values ? constants + elements : std::max(largest, elements);
  }
  constexpr uint64_t live_at_once = 4;  // of the largest tensor's size: inputs, output, scratch
  return sizeof(float) * (constants + live_at_once * largest);
}

uint64_t activation_bytes(const Graph& graph) {
  uint64_t elements = 0;
  for (const Node& node : graph.nodes) {
    elements += static_cast<uint64_t>(element_count(graph.tensors[node.output].shape));
  }
  return sizeof(float) * elements;
}

Sweep bounded_sweep(Sweep sweep, size_t pictures, uint64_t bytes_a_worker) {
  const uint64_t fit = memory_of_workers / std::max<uint64_t>(bytes_a_worker, 1);
  const uint64_t most = std::min<uint64_t>({fit, pictures, 256});
  sweep.threads = std::max(1, std::min(sweep.threads, static_cast<int>(most)));
  return sweep;
}

size_t sweep_slots(const Sweep& sweep) {
  return 4 * static_cast<size_t>(std::clamp(sweep.threads, 1, 256));
}

namespace {

// Pictures that are being worked at or are done, but for those that are merged: no more than there
// are slots. None waits for the others of a block, since a slot is free as soon as its own is
// merged.
class InOrder {
 public:
  InOrder(size_t slots, size_t count, const std::function<void(size_t, size_t)>& merge)
      : merge_(merge), count_(count), done_(slots, false) {}

  size_t slot_of(size_t i) const { return i % done_.size(); }

  // Until the slot of picture `i` is free; false where it never will be.
  bool wait_for_slot(size_t i) {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return broken_ || i < merged_ + done_.size(); });
    return !broken_;
  }

  // Merges what follows what is merged already, one at a time. told(merged) after a round of slots
  // and at the end.
  template <class Told>
  void done(size_t i, const Told& told) {
    const std::lock_guard lock(mutex_);
    done_[slot_of(i)] = true;
    while (merged_ < count_ && done_[slot_of(merged_)]) {
      const size_t slot = slot_of(merged_);
      done_[slot] = false;
      merge_(merged_++, slot);
      if (merged_ == count_ || slot + 1 == done_.size()) told(merged_);
    }
    moved_.notify_all();
  }

  void give_up() {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    moved_.notify_all();
  }

 private:
  const std::function<void(size_t, size_t)>& merge_;
  const size_t count_;
  std::mutex mutex_;  // of all below
  std::condition_variable moved_;
  std::vector<bool> done_;  // by slot
  size_t merged_ = 0;
  bool broken_ = false;
};

// Who waits for a slot is woken where work ends in any way but with its picture done.
class Attempt {
 public:
  explicit Attempt(InOrder& pictures) : pictures_(pictures) {}
  ~Attempt() {
    if (!succeeded) pictures_.give_up();
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  bool succeeded = false;

 private:
  InOrder& pictures_;
};

}  // namespace

Status for_pictures(const Sweep& sweep, size_t count,
                    const std::function<Status(size_t, size_t, size_t)>& work,
                    const std::function<void(size_t, size_t)>& merge) {
  InOrder pictures(sweep_slots(sweep), count, merge);
  const auto told = [&](size_t merged) {
    if (sweep.progress) sweep.progress(merged, count, sweep.what);
  };
  const Status done = for_each_index(count, {std::clamp(sweep.threads, 1, 256), sweep.stop, {}},
                                     [&](size_t i, size_t worker) -> Status {
                                       if (!pictures.wait_for_slot(i)) return {};
                                       Attempt attempt(pictures);
                                       Status outcome = work(i, pictures.slot_of(i), worker);
                                       if (!outcome) return outcome;
                                       pictures.done(i, told);
                                       attempt.succeeded = true;
                                       return outcome;
                                     });
  if (!done && done.error().kind == ErrorKind::interrupted) {
    return Error{ErrorKind::interrupted, concat("interrupted while ", sweep.what)};
  }
  return done;
}

Result<std::vector<std::unique_ptr<FloatSession>>> create_sessions(const Graph& graph,
                                                                   int threads) {
  std::vector<std::unique_ptr<FloatSession>> sessions;
  for (int i = 0; i < std::clamp(threads, 1, 256); ++i) {
    auto session = create_float_session(graph);
    if (!session) return session.error();
    sessions.push_back(std::move(*session));
  }
  return sessions;
}

InputMapping input_mapping(const Graph& graph, const Preprocess* how) {
  InputMapping mapping;
  const auto channels = static_cast<size_t>(channel_count(graph.tensors[graph.input]));
  mapping.picture = how != nullptr;
  mapping.mean.assign(channels, 0.0);
  mapping.std.assign(channels, 1.0);
  for (size_t c = 0; how != nullptr && c < channels && c < 3; ++c) {
    mapping.mean[c] = how->mean[c];
    mapping.std[c] = how->std[c];
  }
  return mapping;
}

Result<std::vector<float>> load_values(const CalibrationFeed& feed, size_t i,
                                       const InputMapping& mapping, size_t elements) {
  const size_t channels = mapping.mean.size();
  std::vector<float> values;
  if (feed.values) {
    auto loaded = feed.values(i);
    if (!loaded) return loaded.error();
    values = std::move(*loaded);
  } else {
    auto loaded = feed.pixels(i);
    if (!loaded) return loaded.error();
    values.assign(loaded->begin(), loaded->end());
  }
  if (values.size() != elements) {
    return rejected(concat("calibration input ", i, " has ", values.size(),
                           " values where the network takes ", elements));
  }
  if (!mapping.picture) {
    const bool finite =
        std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
    if (!finite) return rejected(concat("calibration input ", i, " holds NaN or infinity"));
    return values;
  }
  const std::vector<float> mean(mapping.mean.begin(), mapping.mean.end());
  const std::vector<float> deviation(mapping.std.begin(), mapping.std.end());
  for (size_t first = 0; first + channels <= values.size(); first += channels) {
    for (size_t c = 0; c < channels; ++c) {
      float pixel = values[first + c];
      if (feed.values) {
        pixel = std::rint(std::min(std::max(pixel * deviation[c] + mean[c], 0.0f), 255.0f));
      }
      values[first + c] = (pixel - mean[c]) / deviation[c];
    }
  }
  return values;
}

bool rises_below(std::span<const size_t> indices, size_t end) {
  return std::adjacent_find(indices.begin(), indices.end(), std::greater_equal<>()) ==
             indices.end() &&
         (indices.empty() || indices.back() < end);
}

std::vector<size_t> spread_indices(std::span<const size_t> indices, size_t most) {
  if (indices.size() <= most) return {indices.begin(), indices.end()};
  std::vector<size_t> out(most);
  for (size_t i = 0; i < most; ++i) out[i] = indices[i * indices.size() / most];
  return out;
}

}  // namespace octavo
