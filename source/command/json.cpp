#include "command/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace octavo::command {

Json::Json(std::nullptr_t) : value_(nullptr) {}
Json::Json(const char* text) : value_(std::string(text)) {}
Json::Json(std::string_view text) : value_(std::string(text)) {}
Json::Json(std::string text) : value_(std::move(text)) {}

Json::Json(std::initializer_list<double> numbers) : Json(array()) {
  for (const double number : numbers) push_back(number);
}

Json::Json(std::initializer_list<Member> members) : Json(object()) {
  for (const Member& member : members) (*this)[member.name] = member.value;
}

Json Json::array() {
  Json out;
  out.value_ = Array{};
  return out;
}

Json Json::object() {
  Json out;
  out.value_ = Object{};
  return out;
}

Json Json::written(std::string json) {
  Json out;
  out.value_ = Written{std::move(json)};
  return out;
}

Json::Json(const Json&) = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(const Json&) = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

Json& Json::operator[](std::string_view name) {
  auto& [names, values] = std::get<Object>(value_);
  const auto place = std::find(names.begin(), names.end(), name) - names.begin();
  if (static_cast<size_t>(place) == names.size()) {
    names.emplace_back(name);
    values.emplace_back();
  }
  return values[place];
}

void Json::update(const Json& other) {
  const auto& [names, values] = std::get<Object>(other.value_);
  for (size_t i = 0; i < names.size(); ++i) (*this)[names[i]] = values[i];
}

void Json::push_back(Json value) {
  std::get<Array>(value_).items.push_back(std::move(value));
}

size_t Json::size() const {
  return std::get<Array>(value_).items.size();
}

// As nlohmann's value, which knows how numbers and texts are written.
struct Json::Dump {
  using Value = nlohmann::ordered_json;

  Value operator()(const auto& value) const { return value; }
  Value operator()(const Array& array) const {
    Value out = Value::array();
    for (const Json& item : array.items) out.push_back(std::visit(*this, item.value_));
    return out;
  }
  Value operator()(const Object& object) const {
    Value out = Value::object();
    for (size_t i = 0; i < object.names.size(); ++i) {
      out[object.names[i]] = std::visit(*this, object.values[i].value_);
    }
    return out;
  }
  Value operator()(const Written& written) const { return Value::parse(written.json); }
};

std::string Json::dump(int indent) const {
  return std::visit(Dump{}, value_)
      .dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace octavo::command
