// What the subcommands print as JSON: built here, written by print_json. nlohmann's library is a
// header whose constructors every file that builds with them compiles anew, for each length of a
// name; here it is compiled once, in json.cpp.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace octavo::command {

class Json {
 public:
  struct Member;

  Json(std::nullptr_t = nullptr);
  Json(const char* text);
  Json(std::string_view text);
  Json(std::string text);
  template <class Number>
  requires std::is_arithmetic_v<Number> Json(Number number) : value_(widened(number)) {}
  template <class Value>
  Json(const std::optional<Value>& value) : Json(value ? Json(*value) : Json()) {}
  template <class Value>
  Json(const std::vector<Value>& values) : Json(array()) {
    for (const Value& value : values) push_back(value);
  }
  template <class Value, size_t count>
  Json(const std::array<Value, count>& values) : Json(array()) {
    for (const Value& value : values) push_back(value);
  }
  // {low, high}.
  Json(std::initializer_list<double> numbers);
  // {{"name", value}, ...}: an object, whose members stay in this order.
  Json(std::initializer_list<Member> members);
  static Json array();
  static Json object();
  // Text that is JSON already.
  static Json written(std::string json);

  // Compiled once: whoever builds a value ends a dozen.
  Json(const Json&);
  Json(Json&&) noexcept;
  Json& operator=(const Json&);
  Json& operator=(Json&&) noexcept;
  ~Json();

  // The member of that name, added as null where there is none. Of an object.
  Json& operator[](std::string_view name);
  // Adds those members, in place of what has their names. Both are objects.
  void update(const Json& other);
  // Of an array.
  void push_back(Json value);
  size_t size() const;

  // indent: below 0 for one line. Names come from files and may be no UTF-8: replaced, never a
  // throw.
  std::string dump(int indent) const;

 private:
  struct Array {
    std::vector<Json> items;
  };
  struct Object {
    std::vector<std::string> names;
    std::vector<Json> values;
  };
  struct Written {
    std::string json;
  };
  struct Dump;

  template <class Number>
  static auto widened(Number number) {
    if constexpr (std::same_as<Number, bool>) {
      return number;
    } else if constexpr (std::floating_point<Number>) {
      return static_cast<double>(number);
    } else if constexpr (std::is_signed_v<Number>) {
      return static_cast<int64_t>(number);
    } else {
      return static_cast<uint64_t>(number);
    }
  }

  std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, Array, Object, Written>
      value_;
};

struct Json::Member {
  std::string_view name;
  Json value;
};

}  // namespace octavo::command
