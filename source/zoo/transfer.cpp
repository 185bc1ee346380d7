#include <curl/curl.h>

#include <charconv>
#include <exception>
#include <memory>

#include "base/text.h"
#include "zoo/network.h"

namespace octavo::zoo {

namespace {

using Clock = std::chrono::steady_clock;

constexpr long most_redirects = 5;
constexpr double least_rate = 1000;  // bytes a second; slower is a stall

// The state of one transfer, which curl's callbacks share.
struct Exchange {
  CURL* curl;
  const Receiver& receiver;
  const Patience& patience;

  bool begun = false, had_enough = false, stalled = false;
  std::string refusal = {};
  std::optional<Error> error = {};
  std::exception_ptr exception = {};  // must not unwind through curl, which is C
  Clock::time_point window = Clock::now(), ticked = window;
  curl_off_t window_bytes = 0;

  bool stopped() const { return patience.stop && patience.stop->load(); }
};

long status_of(CURL* curl) {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

std::string header(CURL* curl, const char* name) {
  curl_header* found = nullptr;
  return curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value : "";
}

// The number that the text begins with, which is taken off it.
std::optional<uint64_t> take_number(std::string_view& text) {
  uint64_t value = 0;
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(parsed.ptr - text.data()));
  return value;
}

// "bytes 500-999/1000"; the total may be "*".
bool read_content_range(std::string_view text, Head& head) {
  if (!text.starts_with("bytes ")) return false;
  text.remove_prefix(6);
  const auto first = take_number(text);
  if (!first || !text.starts_with('-')) return false;
  text.remove_prefix(1);
  if (!take_number(text) || !text.starts_with('/')) return false;
  text.remove_prefix(1);
  head.first = *first;
  head.total = take_number(text);
  return true;
}

// Whether the answer is one to take bytes from.
bool begin(Exchange& exchange) {
  CURL* curl = exchange.curl;
  const long status = status_of(curl);
  if (status != 200 && status != 206) return false;  // told by its status afterwards
  Head head;
  head.partial = status == 206;
  if (head.partial && !read_content_range(header(curl, "Content-Range"), head)) {
    exchange.refusal = "answers 206 without saying which bytes";
    return false;
  }
  curl_off_t length = -1;
  curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (length >= 0) head.length = static_cast<uint64_t>(length);
  head.etag = header(curl, "ETag");
  if (!head.etag.starts_with('"')) head.etag.clear();  // weak: not for gluing bytes together
  auto refusal = exchange.receiver.begin(head);
  if (!refusal) {
    exchange.error = refusal.error();
    return false;
  }
  exchange.refusal = std::move(*refusal);
  return exchange.refusal.empty();
}

size_t on_bytes(char* data, size_t, size_t count, void* user) {
  constexpr size_t abort = 0;
  Exchange& exchange = *static_cast<Exchange*>(user);
  try {
    if (!exchange.begun && !begin(exchange)) return abort;
    exchange.begun = true;
    const auto more = exchange.receiver.take(std::as_bytes(std::span(data, count)));
    if (!more) exchange.error = more.error();
    exchange.had_enough = more && !*more;
    return more && *more ? count : abort;
  } catch (...) {
    exchange.exception = std::current_exception();
    return abort;
  }
}

// Curl calls this with every piece that comes, and about once a second while none does.
int on_progress(void* user, curl_off_t, curl_off_t bytes, curl_off_t, curl_off_t) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  try {
    const auto now = Clock::now();
    const auto since = [&](Clock::time_point then) {
      return std::chrono::duration<double>(now - then).count();
    };
    if (exchange.receiver.tick && since(exchange.ticked) > 0.1) {
      exchange.ticked = now;
      exchange.receiver.tick();
    }
    if (const double seconds = since(exchange.window); seconds >= exchange.patience.stall_seconds) {
      exchange.stalled = static_cast<double>(bytes - exchange.window_bytes) < least_rate * seconds;
      exchange.window = now;
      exchange.window_bytes = bytes;
    }
    return exchange.stalled || exchange.stopped();
  } catch (...) {
    exchange.exception = std::current_exception();
    return 1;
  }
}

Failure from_status(CURL* curl, long status) {
  curl_off_t wait = 0;
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
  // 416: there is no such byte, but perhaps a whole file. 408, 425 and 429: later.
  const bool later =
      status >= 500 || status == 408 || status == 416 || status == 425 || status == 429;
  return {.reason = concat("answers HTTP status ", status),
          .status = status,
          .lasting = !later,
          .wait = std::chrono::seconds(wait)};
}

Failure from_code(CURLcode code, const char* text) {
  const std::string reason = printable(*text ? text : curl_easy_strerror(code));
  switch (code) {
    case CURLE_TOO_MANY_REDIRECTS:
      return {.reason = concat("redirects more than ", most_redirects, " times"), .lasting = true};
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {.reason = concat("redirects where Octavo does not follow: ", reason),
              .lasting = true};
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return {.reason = reason, .lasting = true};
    default:
      return {.reason = reason};
  }
}

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

void add_header(Headers& headers, const std::string& line) {
  headers.reset(curl_slist_append(headers.release(), line.c_str()));
}

Headers headers_of(const Request& request) {
  Headers headers(nullptr, &curl_slist_free_all);
  add_header(headers, "Accept-Encoding: identity");
  if (request.from > 0) {
    add_header(headers, concat("Range: bytes=", request.from, "-"));
    if (!request.etag.empty()) add_header(headers, concat("If-Range: ", request.etag));
  }
  return headers;
}

void set_up(CURL* curl, const Request& request, const Patience& patience) {
  const bool secure = request.url.starts_with("https:");
  const auto stall = static_cast<long>(patience.stall_seconds * 1000);
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, most_redirects);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, stall);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "octavo/" OCTAVO_VERSION);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);  // signals and threads do not go together
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

}  // namespace

Result<std::optional<Failure>> transfer_by_curl(const Request& request, const Receiver& receiver,
                                                const Patience& patience) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const Handle handle(curl_easy_init(), &curl_easy_cleanup);
  if (ready != CURLE_OK || !handle) return failed("libcurl does not start");
  CURL* curl = handle.get();
  Exchange exchange{.curl = curl, .receiver = receiver, .patience = patience};
  const Headers headers = headers_of(request);
  char text[CURL_ERROR_SIZE] = "";
  set_up(curl, request, patience);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  const CURLcode code = curl_easy_perform(curl);

  if (exchange.exception) std::rethrow_exception(exchange.exception);
  if (exchange.error) return *exchange.error;
  if (exchange.stopped()) return Error{ErrorKind::interrupted, "interrupted"};
  if (exchange.had_enough) return std::optional<Failure>();
  if (!exchange.refusal.empty()) return std::optional(Failure{.reason = exchange.refusal});
  if (exchange.stalled) {
    return std::optional(
        Failure{.reason = concat("stalled: fewer than ", least_rate, " bytes a second for ",
                                 patience.stall_seconds, " seconds")});
  }
  const long status = status_of(curl);
  const bool answered = code == CURLE_OK || code == CURLE_WRITE_ERROR;
  if (answered && status != 200 && status != 206) return std::optional(from_status(curl, status));
  if (code != CURLE_OK) return std::optional(from_code(code, text));
  return std::optional<Failure>();
}

extern "C" {
extern const NetworkEntry octavo_network_entry [[gnu::visibility("default")]];
const NetworkEntry octavo_network_entry = {OCTAVO_VERSION, transfer_by_curl, resolve_url_by_curl,
                                           url_escaped_by_curl};
}

}  // namespace octavo::zoo
