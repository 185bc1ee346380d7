// The calibration pictures on several threads, with results that do not depend on how many.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "float/engine.h"
#include "graph/graph.h"
#include "plan/preprocess.h"
#include "quantize/quantize.h"
#include "quantize/steps.h"

namespace octavo {

// Where a sweep over pictures gets its threads, its bar and its end from.
struct Sweep {
  int threads = 1;
  const char* what = "";
  std::function<void(size_t done, size_t total, const char* what)> progress;
  const std::atomic<bool>* stop = nullptr;
};

// Memory that a worker of its own costs: a float session of the graph with the weights that it
// packs, and the float values of every node where a pass keeps them.
uint64_t session_bytes(const Graph& graph);
uint64_t activation_bytes(const Graph& graph);
// The sweep with as many threads as there are pictures for and as fit into the memory that a build
// allows itself, however many processors there are; at least one.
Sweep bounded_sweep(Sweep sweep, size_t pictures, uint64_t bytes_a_worker);

// work(i, slot, worker) for i = 0 .. count - 1: several at once, each worker (0 ..
// threads - 1) and each slot (0 .. sweep_slots - 1) used by one at a time. merge(i, slot) follows
// in the order of i, by one thread at a time, while others work on: no picture is more than
// sweep_slots ahead of what is merged. The first Error, in that order, ends the sweep.
size_t sweep_slots(const Sweep& sweep);
Status for_pictures(const Sweep& sweep, size_t count,
                    const std::function<Status(size_t i, size_t slot, size_t worker)>& work,
                    const std::function<void(size_t i, size_t slot)>& merge);

// One float session a worker.
Result<std::vector<std::unique_ptr<FloatSession>>> create_sessions(const Graph& graph, int threads);

// How the picture's bytes p become the input's values: (p - mean) / std, a channel each.
struct InputMapping {
  bool picture = false;
  std::vector<double> mean, std;
};
InputMapping input_mapping(const Graph& graph, const Preprocess* how);

// Picture i as the float network's input. Where the network is fed pictures, float
// values enter as they would on a device: rounded to bytes first (numerics.md, "Borders").
Result<std::vector<float>> load_values(const CalibrationFeed& feed, size_t i,
                                       const InputMapping& mapping, size_t elements);

// Whether each is above the one before it and all are below `end`.
bool rises_below(std::span<const size_t> indices, size_t end);

// At most `most` of the indices, evenly spread.
std::vector<size_t> spread_indices(std::span<const size_t> indices, size_t most);

}  // namespace octavo
