// Many inputs over several sessions at once.
#include <algorithm>
#include <string>

#include "base/parallel.h"
#include "c_api/handles.h"

using namespace octavo;
using namespace octavo::c_api;

namespace {

struct Batch {
  octavo_session* const* sessions;
  size_t session_count;
  const octavo_input* inputs;
  size_t count;
  float* logits;
  size_t classes;
  octavo_status* statuses;

  // Elements are as long as the caller's version of the struct says.
  Result<octavo_input> input(size_t index) const {
    const auto* first = reinterpret_cast<const char*>(inputs);
    const auto* at = reinterpret_cast<const octavo_input*>(first + index * inputs->size);
    if (at->size != inputs->size) {
      return usage_error(concat("octavo_input.size of input ", index, " is ", at->size,
                                ", of the first input ", inputs->size));
    }
    return known_fields(at, "octavo_input");
  }
};

Status check_sessions(const Batch& batch) {
  std::vector<const octavo_session*> seen;
  for (size_t i = 0; i < batch.session_count; ++i) {
    if (batch.sessions[i] == nullptr)
      return usage_error(concat("session ", i, " is a null pointer"));
    seen.push_back(batch.sessions[i]);
  }
  std::sort(seen.begin(), seen.end());
  if (std::adjacent_find(seen.begin(), seen.end()) != seen.end()) {
    return usage_error("a session is given twice; each works at one input at a time");
  }
  return {};
}

// A failure of each input, kept where it happened: octavo_last_error is the worker's own.
struct Failure {
  octavo_status status = OCTAVO_OK;
  std::string message;
};

Failure run_one(const Batch& batch, size_t index, size_t worker) {
  Failure failure;
  failure.status = guarded([&] {
    const Result<octavo_input> input = batch.input(index);
    if (!input) return report(input.error());
    return run_input(*batch.sessions[worker], *input, batch.logits + index * batch.classes,
                     batch.classes);
  });
  if (failure.status != OCTAVO_OK) failure.message = octavo_last_error();
  return failure;
}

octavo_status run(const Batch& batch) {
  if (const Status fine = check_sessions(batch); !fine) return report(fine);
  if (batch.inputs->size < sizeof batch.inputs->size) {
    return report(ErrorKind::usage,
                  "octavo_input.size is not set; sizeof(octavo_input) is expected");
  }
  std::vector<Failure> failures(batch.count);
  Parallel how;
  how.threads = static_cast<int>(std::min(batch.session_count, batch.count));
  const Status done = for_each_index(batch.count, how, [&](size_t index, size_t worker) -> Status {
    failures[index] = run_one(batch, index, worker);
    if (batch.statuses != nullptr) batch.statuses[index] = failures[index].status;
    return {};
  });
  if (!done) return report(done);
  for (size_t i = 0; i < batch.count; ++i) {
    if (failures[i].status == OCTAVO_OK) continue;
    remember(concat("input ", i, ": ", failures[i].message));
    return failures[i].status;
  }
  remember("");
  return OCTAVO_OK;
}

}  // namespace

octavo_status octavo_run_batch(octavo_session* const* sessions, size_t session_count,
                               const octavo_input* inputs, size_t count, float* logits,
                               size_t classes, octavo_status* statuses) {
  return guarded([&] {
    if (count == 0) return OCTAVO_OK;
    if (const char* name =
            missing({{"sessions", sessions}, {"inputs", inputs}, {"logits", logits}})) {
      return refuse_null(name);
    }
    if (session_count < 1) return report(ErrorKind::usage, "a batch needs at least one session");
    return run({sessions, session_count, inputs, count, logits, classes, statuses});
  });
}
