#include "zoo/url.h"

#include <curl/curl.h>

#include <memory>
#include <optional>

#include "base/text.h"
#include "zoo/network.h"

namespace octavo::zoo {

namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::optional<std::string> part_of(const Url& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, 0) != CURLUE_OK) return std::nullopt;
  const std::unique_ptr<char, decltype(&curl_free)> owned(text, &curl_free);
  return std::string(text);
}

}  // namespace

Result<std::string> resolve_url_by_curl(const std::string& text, const std::string& base) {
  if (text.empty()) return rejected("no URL");
  const Url url(curl_url(), &curl_url_cleanup);
  if (!base.empty()) curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0);
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return rejected(base.empty() ? "an absolute URL is needed in an index that is a local file"
                                 : "no URL");
  const std::string scheme = part_of(url, CURLUPART_SCHEME).value_or("");
  if (scheme != "http" && scheme != "https")
    return rejected(concat("scheme ", quoted(scheme), ": only http and https are read"));
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  const auto whole = part_of(url, CURLUPART_URL);
  if (!whole || part_of(url, CURLUPART_HOST).value_or("").empty()) return rejected("no host");
  return *whole;
}

std::string url_escaped_by_curl(const std::string& name) {
  const std::unique_ptr<char, decltype(&curl_free)> escaped(
      curl_easy_escape(nullptr, name.data(), static_cast<int>(name.size())), &curl_free);
  return escaped ? escaped.get() : name;
}

}  // namespace octavo::zoo
