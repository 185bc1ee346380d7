// Inside source/c_api: what the opaque handles hold, and how failures become statuses.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "c_api/plan_source.h"
#include "image/image.h"
#include "octavo/octavo.h"
#include "runtime/program.h"

struct octavo_plan {
  std::shared_ptr<const octavo::Program> program;
  octavo::c_api::PlanSource source;
};

struct octavo_session {
  std::unique_ptr<octavo::Session> session;
  std::vector<uint8_t> pixels;       // the preprocessed picture
  std::atomic<bool> is_used{false};  // by a call that runs
};

namespace octavo::c_api {

// Of the calling thread's last call.
void remember(std::string_view message);
octavo_status report(ErrorKind kind, std::string_view message);
octavo_status report(const Status& status);  // an Error as well

// Runs `body`, turning an exception of the standard library (memory) into a status.
template <class Body>
octavo_status guarded(const Body& body) noexcept {
  remember("");
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return report(ErrorKind::unsupported, "out of memory");
  } catch (const std::exception& error) {
    return report(ErrorKind::failed, error.what());
  } catch (...) {
    return report(ErrorKind::failed, "a fault inside Octavo");
  }
}

// The first of the arguments that is NULL; nullptr where none is.
struct Argument {
  const char* name;
  const void* pointer;
};
const char* missing(std::initializer_list<Argument> arguments);
octavo_status refuse_null(const char* name);

// A struct of the caller's, which may be of an older or a newer version: the fields that both know,
// zeros for the rest.
template <class Struct>
Result<Struct> known_fields(const Struct* given, const char* name) {
  Struct known{};
  if (given == nullptr) return known;
  if (given->size < sizeof given->size) {
    return usage_error(concat(name, ".size is not set; sizeof(", name, ") is expected"));
  }
  std::memcpy(&known, given, std::min(given->size, sizeof known));
  return known;
}

// The other way: what the caller's struct has room for.
template <class Struct>
Status give_fields(Struct filled, Struct* to, const char* name) {
  if (to->size < sizeof to->size) {
    return usage_error(concat(name, ".size is not set; sizeof(", name, ") is expected"));
  }
  filled.size = to->size;
  std::memcpy(to, &filled, std::min(to->size, sizeof filled));
  return {};
}

// A caller's frame, checked; a view of the caller's memory.
Result<Frame> to_frame(const octavo_frame& frame);
// That exactly one of the four is set.
Status check_one_kind(const octavo_input& input);
// Which of the four an input of a session is, checked, run. The session is not in use elsewhere.
octavo_status run_input(octavo_session& session, const octavo_input& input, float* logits,
                        size_t classes);

}  // namespace octavo::c_api
