// One answer over HTTP(S): its bytes go to a receiver, its faults come back as a sentence.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "zoo/patience.h"

namespace octavo::zoo {

struct Request {
  std::string url;
  uint64_t from = 0;  // first byte that is asked for
  std::string etag;   // where there is one: from there only if the file is still this one
};

// What an answer says of itself before its first byte.
struct Head {
  bool partial = false;            // 206
  uint64_t first = 0;              // of a partial answer, from Content-Range
  std::optional<uint64_t> total;   // of the whole file, as far as Content-Range says it
  std::optional<uint64_t> length;  // of this answer's body, if declared
  std::string etag;                // if strong
};

struct Receiver {
  // Before the first byte of a 200 or 206; a reason to refuse the answer, or "".
  std::function<Result<std::string>(const Head&)> begin;
  // The next bytes; false: no more are wanted. An Error ends the transfer and is its outcome.
  std::function<Result<bool>(std::span<const std::byte>)> take;
  std::function<void()> tick;  // a few times a second; may be empty
};

// Why an answer was not whole.
struct Failure {
  std::string reason;
  long status = 0;               // of HTTP, where that is the reason
  bool lasting = false;          // asking the same URL again would not help
  bool wrong_bytes = false;      // it answers, but with another file
  std::chrono::seconds wait{0};  // how long the server asks to be left alone
};

// Nothing where the server ended its answer or the receiver had enough. An Error is not the
// server's fault: the receiver's own, or the interrupt.
//
// Follows at most 5 redirects, to http and https only (from https to https only); takes proxies
// from the environment as curl does; decodes no content encoding; keeps no cookies.
Result<std::optional<Failure>> transfer(const Request& request, const Receiver& receiver,
                                        const Patience& patience);

}  // namespace octavo::zoo
