#include "quantize/calibration_file.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <bit>
#include <concepts>
#include <cstring>
#include <type_traits>

#include "base/text.h"

namespace octavo {

static_assert(std::endian::native == std::endian::little,
              "numbers are little-endian and are copied without conversion");

namespace {

// NUL shows that the file is not text, the line feed whether it was sent as text.
constexpr std::array<char, 8> magic{'O', 'C', 'T', 'C', 'A', 'L', '\0', '\n'};
constexpr uint64_t format = 1;
constexpr size_t hash_offset = 16, body_offset = 24;

// ---- which fields there are: said once, for writing and for reading

template <class T, class Of>
concept Is = std::same_as<std::remove_const_t<T>, Of>;

void visit_fields(Is<ChannelMoments> auto& m, auto& visit) {
  visit(m.minimum, m.maximum, m.sum, m.square_sum, m.nonzero, m.count);
}
void visit_fields(Is<TensorStatistics> auto& s, auto& visit) {
  visit(s.moments, s.histograms, s.whole, s.pictures);
}
void visit_fields(Is<FarPictures::Summary> auto& s, auto& visit) {
  visit(s.tensors, s.pictures, s.tensor, s.picture, s.times);
}
void visit_fields(Is<Calibration> auto& c, auto& visit) {
  visit(c.stored, c.accumulated, c.repair, c.readable, c.unreadable, c.far);
}
void visit_fields(Is<CalibrationKeyPart> auto& part, auto& visit) {
  visit(part.what, part.value);
}
template <class T>
requires Is<T, ChannelHistograms> || Is<T, FarPictures>
void visit_fields(T& fields, auto& visit) {
  std::remove_const_t<T>::visit(fields, visit);
}

template <class T>
concept Number = std::is_arithmetic_v<T>;

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

uint64_t hash_of(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data() + body_offset, bytes.size() - body_offset);
}

}  // namespace

std::string differing_parts(const CalibrationKey& a, const CalibrationKey& b) {
  std::vector<std::string> names;
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i < a.size() && i < b.size() && a[i] == b[i]) continue;
    names.push_back(i < b.size() ? b[i].what : a[i].what);
  }
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    out += concat(i == 0 ? "" : i + 1 == names.size() ? " and " : ", ", names[i]);
  }
  return out;
}

std::vector<std::byte> serialize_calibration(const CalibrationKey& key,
                                             const Calibration& calibration) {
  Writer writer;
  for (const char c : magic) writer(c);
  writer(format, uint64_t{0}, key, calibration);
  std::vector<std::byte> bytes = writer.take();
  const uint64_t hash = hash_of(bytes);
  std::memcpy(bytes.data() + hash_offset, &hash, sizeof hash);
  return bytes;
}

bool looks_like_calibration(std::span<const std::byte> bytes) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

Result<KeptCalibration> deserialize_calibration(std::span<const std::byte> bytes) {
  if (!looks_like_calibration(bytes)) {
    return rejected("no calibration that Octavo kept: it does not begin as one");
  }
  if (bytes.size() < body_offset) return rejected("a calibration that is cut short");
  uint64_t found = 0;  // with the four bytes that are zero
  std::memcpy(&found, bytes.data() + magic.size(), sizeof found);
  if (found != format) {
    return rejected(
        concat("a calibration of format ", found, "; this version of Octavo reads ", format));
  }
  uint64_t hash = 0;
  std::memcpy(&hash, bytes.data() + hash_offset, sizeof hash);
  if (hash != hash_of(bytes)) {
    return rejected(
        "a calibration that is damaged or cut short: its hash is not that of its bytes");
  }
  KeptCalibration out;
  Reader reader(bytes.subspan(body_offset));
  reader(out.key, out.calibration);
  if (!reader.is_whole()) {
    return rejected("a calibration whose lists do not fill its bytes: it is damaged");
  }
  return out;
}

}  // namespace octavo
