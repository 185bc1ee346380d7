// What an index may say, and what is refused with which words.
#include "zoo/index.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace octavo::zoo {
namespace {

const std::string digest(64, 'a');
const std::string there = "http://host.example/models/index.json";

// An element of "files"; `members` come after, and replace those of the same name.
std::string file(const std::string& name, const std::string& url = "sub/a.onnx") {
  return R"({"name": ")" + name + R"(", "file": ")" + name + R"(.onnx", "url": ")" + url +
         R"(", "size": 10, "sha256": ")" + digest + R"("})";
}

std::string index_of(const std::string& files) {
  return R"({"schema_version": 1, "files": [)" + files + "]}";
}

// The file with one member's text exchanged.
std::string with(const std::string& old_text, const std::string& new_text) {
  std::string text = index_of(file("A"));
  const size_t at = text.find(old_text);
  EXPECT_NE(at, std::string::npos) << old_text;
  return text.replace(at, old_text.size(), new_text);
}

std::string refusal(const std::string& text, const std::string& location = there) {
  const auto index = parse_index(text, location);
  if (index) return "accepted";
  EXPECT_EQ(index.error().kind, ErrorKind::rejected);
  EXPECT_EQ(index.error().message.find('\n'), std::string::npos);
  EXPECT_LT(index.error().message.size(), 2000u);
  return index.error().message;
}

#define EXPECT_REFUSED(text, words) \
  EXPECT_NE(refusal(text).find(words), std::string::npos) << refusal(text)

TEST(Index, ReadsJsonAndResolvesUrlsBesideItself) {
  const auto index =
      parse_index(index_of(file("A") + "," + file("B", "https://else.example/b")), there);
  ASSERT_TRUE(index) << index.error().message;
  ASSERT_EQ(index->files.size(), 2u);
  EXPECT_EQ(index->files[0].name, "A");
  EXPECT_EQ(index->files[0].file, "A.onnx");
  EXPECT_EQ(index->files[0].url, "http://host.example/models/sub/a.onnx");
  EXPECT_EQ(index->files[0].size, 10u);
  EXPECT_EQ(index->files[0].sha256, digest);
  EXPECT_EQ(index->files[0].weights, "");
  EXPECT_EQ(index->files[1].url, "https://else.example/b");
  EXPECT_EQ(index->location, there);
}

TEST(Index, ReadsTheSameAsToml) {
  const auto index = parse_index(
      "# a comment\nschema_version = 1\n[[files]]\nname = 'A'\nfile = 'A.onnx'\nurl = '../a'\n"
      "size = 10\nsha256 = '" +
          digest + "'\nweights = 'made up, seed 1'\n",
      there);
  ASSERT_TRUE(index) << index.error().message;
  ASSERT_EQ(index->files.size(), 1u);
  EXPECT_EQ(index->files[0].url, "http://host.example/a");
  EXPECT_EQ(index->files[0].weights, "made up, seed 1");
}

TEST(Index, TakesAByteOrderMarkAndAnEmptyList) {
  const auto index = parse_index("\xef\xbb\xbf \n" + index_of(""), there);
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_TRUE(index->files.empty());
}

TEST(Index, RefusesDuplicatesWhateverTheirCase) {
  EXPECT_REFUSED(index_of(file("A") + "," + file("a")), "two files are of the name 'a'");
  std::string other = file("B");
  other.replace(other.find("B.onnx"), 6, "a.ONNX");
  EXPECT_REFUSED(index_of(file("A") + "," + other), "two files are called 'a.ONNX'");
}

TEST(Index, RefusesFileNamesThatLeaveTheirFolder) {
  for (const char* name : {"../a", "/etc/passwd", "a/b", "..", ".", ".hidden", "-flag", "",
                           "a\\\\b", "a\\u0000b", "a\\nb", "a\\u007fb"}) {
    EXPECT_REFUSED(with("A.onnx", name), "'file'");
  }
  EXPECT_REFUSED(with("A.onnx", std::string(201, 'x')), "at most 200 bytes");
  EXPECT_REFUSED(with("\"A\"", "\"../A\""), "'name'");
}

TEST(Index, RefusesOtherSchemesAndUrlsThatAreNone) {
  for (const char* url : {"file:///etc/passwd", "ftp://host.example/a", "gopher://h/", "scp://h/a"})
    EXPECT_REFUSED(with("sub/a.onnx", url), "only http and https");
  for (const char* url : {"", "http://", "https://host:99999999/", "http://a b/"})
    EXPECT_REFUSED(with("sub/a.onnx", url), "'url'");
}

TEST(Index, NeedsAbsoluteUrlsInALocalFile) {
  EXPECT_NE(refusal(index_of(file("A")), "folder/index.json").find("absolute URL"),
            std::string::npos);
  EXPECT_EQ(refusal(index_of(file("A", "https://h.example/a")), "folder/index.json"), "accepted");
}

TEST(Index, RefusesDigestsThatCannotBe) {
  EXPECT_REFUSED(with(digest, std::string(63, 'a')), "not 63 characters");
  EXPECT_REFUSED(with(digest, std::string(65, 'a')), "not 65 characters");
  EXPECT_REFUSED(with(digest, std::string(64, 'A')), "lower-case");
  EXPECT_REFUSED(with(digest, std::string(63, 'a') + "g"), "64 lower-case hexadecimal digits");
  EXPECT_REFUSED(with("\"" + digest + "\"", "5"), "a text is needed");
}

TEST(Index, RefusesSizesThatCannotBe) {
  for (const char* size :
       {"0", "-1", "1.5", "1e3", "17179869185", "18446744073709551616", "\"10\"", "null"})
    EXPECT_REFUSED(with("10", size), "whole number of bytes");
  EXPECT_REFUSED(with("10", "1e999"), "a number is too large");
}

TEST(Index, RefusesWhatItDoesNotKnowOrMisses) {
  EXPECT_REFUSED(with("\"size\"", "\"bytes\""), "'size': is missing");
  EXPECT_REFUSED(with("\"size\"", "\"colour\": 1, \"size\""), "'colour': no key of a file");
  EXPECT_REFUSED(with("\"files\"", "\"colour\": 1, \"files\""), "'colour': no key of an index");
  EXPECT_REFUSED(with("\"schema_version\": 1", "\"schema_version\": 2"), "1 is read here");
  EXPECT_REFUSED(with("\"size\"", "\"size\": 11, \"size\""), "twice in one object");
  EXPECT_REFUSED("{}", "an array 'files'");
  EXPECT_REFUSED("{\"files\": {}}", "an array 'files'");
  EXPECT_REFUSED(index_of("1"), "an object is needed");
}

TEST(Index, RefusesWhatIsNoText) {
  EXPECT_REFUSED("", "an array 'files'");
  EXPECT_REFUSED("{\"files\": [", "no JSON");
  EXPECT_REFUSED("{\"files\": []} x", "no JSON");
  EXPECT_REFUSED(with("A.onnx", "\xff\xfe"), "no JSON");
  EXPECT_REFUSED("<html>\xff</html>", "neither JSON nor TOML");
  EXPECT_REFUSED(std::string("\0\0\0", 3), "neither JSON nor TOML");
}

TEST(Index, RefusesDeepNestingWithoutBuildingIt) {
  const std::string open(4'000'000, '[');
  EXPECT_REFUSED("{\"files\": " + open + std::string(open.size(), ']') + "}", "nested deeper");
  EXPECT_REFUSED("{\"files\": " + open, "no JSON");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_REFUSED(objects + "1" + std::string(100'000, '}'), "nested deeper");
  EXPECT_REFUSED("a = " + open, "neither JSON nor TOML");
}

TEST(Index, FindsNamesWhateverTheirCaseAndNamesTheNearest) {
  const auto index = parse_index(index_of(file("MobileOne_S0") + "," + file("own_network")), there);
  ASSERT_TRUE(index);
  const auto found = find_entry(*index, "mobileone_s0");
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->name, "MobileOne_S0");

  const auto near = find_entry(*index, "own_netwrok");
  ASSERT_FALSE(near);
  EXPECT_EQ(near.error().kind, ErrorKind::usage);
  EXPECT_NE(near.error().message.find("did you mean own_network?"), std::string::npos);

  const auto elsewhere = find_entry(*index, "mobileone_s1");
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().kind, ErrorKind::usage);
  EXPECT_NE(elsewhere.error().message.find("the zoo has MobileOne_S1, but the index"),
            std::string::npos);
}

// Sets or unsets a variable until the test ends.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, was_set_ = true;
    if (value)
      ::setenv(name, value, 1);
    else
      ::unsetenv(name);
  }
  ~Variable() {
    if (was_set_)
      ::setenv(name_, old_.c_str(), 1);
    else
      ::unsetenv(name_);
  }

 private:
  const char* name_;
  std::string old_;
  bool was_set_ = false;
};

TEST(Cache, IsWhereTheEnvironmentSays) {
  const Variable own("OCTAVO_CACHE", nullptr), home("HOME", "/home/someone");
  {
    const Variable xdg("XDG_CACHE_HOME", "/var/xdg");
    EXPECT_EQ(default_cache(), "/var/xdg/octavo");
    const Variable set("OCTAVO_CACHE", "here");
    EXPECT_EQ(default_cache(), "here");
  }
  const Variable xdg("XDG_CACHE_HOME", "relative");
  EXPECT_EQ(default_cache(), "/home/someone/.cache/octavo");
  const Variable nowhere("HOME", nullptr);
  EXPECT_EQ(default_cache(), "");
}

}  // namespace
}  // namespace octavo::zoo
