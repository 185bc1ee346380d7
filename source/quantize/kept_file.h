// Inside the room: how what is kept from one build for the next is bytes.
//
//   8 bytes  magic       8 bytes  format       8 bytes  XXH3-64 of the rest
//   fields in their order, lists after their length, little-endian; lists of uint32_t, which are
//   counts and mostly 0, seven bits a byte
//
// Which fields a struct has is said once, for writing and for reading, by a visit_fields beside it.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "quantize/calibration_file.h"

namespace octavo {

template <class T, class Of>
concept Is = std::same_as<std::remove_const_t<T>, Of>;

void visit_fields(Is<CalibrationKeyPart> auto& part, auto& visit) {
  visit(part.what, part.value);
}

namespace kept {

struct Kind {
  std::array<char, 8> magic;
  uint64_t format;
  std::string_view name;  // "calibration"
};

template <class T>
concept Number = std::is_arithmetic_v<T> || std::is_enum_v<T>;

// ---- writing

class Writer {
 public:
  void operator()(const auto&... fields) { (put(fields), ...); }
  std::vector<std::byte> take() { return std::move(bytes_); }
  size_t size() const { return bytes_.size(); }

 private:
  void put(const Number auto& value) { append(&value, sizeof value); }
  void put(const std::string& text) {
    put(uint64_t{text.size()});
    append(text.data(), text.size());
  }
  template <class T, size_t size>
  void put(const std::array<T, size>& list) {
    append(list.data(), sizeof list);
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(static_cast<uint8_t>(value.has_value()));
    if (value) put(*value);
  }
  void put(const auto& fields) { visit_fields(fields, *this); }

  template <class T>
  void put(const std::vector<T>& list) {
    put(uint64_t{list.size()});
    if constexpr (std::same_as<T, uint32_t>) {
      for (uint32_t value : list) put_short(value);
    } else if constexpr (Number<T>) {
      append(list.data(), list.size() * sizeof(T));
    } else {
      for (const T& each : list) put(each);
    }
  }
  void put_short(uint32_t value) {
    for (; value >= 128; value >>= 7) bytes_.push_back(static_cast<std::byte>(value | 128));
    bytes_.push_back(static_cast<std::byte>(value));
  }
  void append(const void* from, size_t size) {
    const auto* first = static_cast<const std::byte*>(from);
    bytes_.insert(bytes_.end(), first, first + size);
  }

  std::vector<std::byte> bytes_;
};

// The bytes that a value takes at least, its lists being empty.
template <class T>
size_t least_bytes() {
  Writer writer;
  writer(T{});
  return writer.size();
}

// ---- reading

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

  void operator()(auto&... fields) { (get(fields), ...); }
  bool is_whole() const { return good_ && rest_.empty(); }

 private:
  void get(Number auto& value) { copy(&value, sizeof value); }
  void get(std::string& text) {
    text.resize(length(1));
    copy(text.data(), text.size());
  }
  template <class T, size_t size>
  void get(std::array<T, size>& list) {
    copy(list.data(), sizeof list);
  }
  template <class T>
  void get(std::optional<T>& value) {
    uint8_t is_there = 0;
    get(is_there);
    good_ = good_ && is_there <= 1;
    if (good_ && is_there == 1) get(value.emplace());
  }
  void get(auto& fields) { visit_fields(fields, *this); }

  template <class T>
  void get(std::vector<T>& list) {
    if constexpr (std::same_as<T, uint32_t>) {
      list.resize(length(1));
      for (uint32_t& value : list) value = get_short();
    } else if constexpr (Number<T>) {
      list.resize(length(sizeof(T)));
      copy(list.data(), list.size() * sizeof(T));
    } else {
      list.resize(length(least_bytes<T>()));
      for (T& each : list) get(each);
    }
  }
  uint32_t get_short() {
    uint64_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      uint8_t byte = 0;
      get(byte);
      value |= uint64_t{byte & 127u} << shift;
      if (byte < 128) break;
      good_ = good_ && shift < 28;
    }
    good_ = good_ && value <= UINT32_MAX;
    return static_cast<uint32_t>(value);
  }
  // A list's length: none where its elements, of so many bytes at least, cannot be there.
  size_t length(size_t element_bytes) {
    uint64_t count = 0;
    get(count);
    good_ = good_ && count <= rest_.size() / element_bytes;
    return good_ ? static_cast<size_t>(count) : 0;
  }
  void copy(void* to, size_t size) {
    good_ = good_ && size <= rest_.size();
    if (!good_ || size == 0) return;
    std::memcpy(to, rest_.data(), size);
    rest_ = rest_.subspan(size);
  }

  std::span<const std::byte> rest_;
  bool good_ = true;
};

// Whether the bytes begin as one.
bool looks_like(const Kind& kind, std::span<const std::byte> bytes);
// A writer that has put the head, and the file that it makes.
Writer begin(const Kind& kind);
std::vector<std::byte> finish(Writer writer);
// What lies behind the head. `rejected` where it is none of the kind, of another format, damaged or
// cut short.
Result<std::span<const std::byte>> body(const Kind& kind, std::span<const std::byte> bytes);

}  // namespace kept

}  // namespace octavo
