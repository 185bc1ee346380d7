// NumPy's .npy: magic, version, length of a header that is a Python dict in text,
// then the values. Only little-endian float32 and bytes, in C
// order.
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "image/decode.h"

namespace octavo {

namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view magic = "\x93NUMPY";
constexpr size_t longest_header = 65536;
constexpr size_t most_dimensions = 8;
constexpr int64_t most_values = int64_t{1} << 31;

// What follows `key` and its colon in the dict.
std::optional<std::string_view> value_of(std::string_view header, std::string_view key) {
  const size_t at = header.find(concat("'", key, "'"));
  if (at == std::string_view::npos) return std::nullopt;
  header.remove_prefix(at + key.size() + 2);
  const size_t colon = header.find_first_not_of(' ');
  if (colon == std::string_view::npos || header[colon] != ':') return std::nullopt;
  const size_t value = header.find_first_not_of(' ', colon + 1);
  if (value == std::string_view::npos) return std::nullopt;
  return header.substr(value);
}

// "(1, 3, 224, 224)", "(5,)" or "()".
std::optional<std::vector<int64_t>> read_shape(std::string_view text) {
  const size_t close = text.find(')');
  if (text.empty() || text[0] != '(' || close == std::string_view::npos) return std::nullopt;
  text = text.substr(1, close - 1);
  std::vector<int64_t> shape;
  while (true) {
    const size_t digits = text.find_first_not_of(' ');
    if (digits == std::string_view::npos) return shape;
    text.remove_prefix(digits);
    int64_t size = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), size);
    if (read.ec != std::errc{} || size < 0 || shape.size() == most_dimensions) return std::nullopt;
    shape.push_back(size);
    text.remove_prefix(static_cast<size_t>(read.ptr - text.data()));
    const size_t comma = text.find_first_not_of(' ');
    if (comma == std::string_view::npos) return shape;
    if (text[comma] != ',') return std::nullopt;
    text.remove_prefix(comma + 1);
  }
}

struct Header {
  std::string_view text;
  size_t values_at = 0;
};

Result<Header> find_header(std::span<const std::byte> bytes) {
  if (bytes.size() < 10 || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) {
    return rejected("not a .npy file: it does not begin with \\x93NUMPY");
  }
  const uint32_t version = image::byte_at(bytes, 6);
  if (version < 1 || version > 3) {
    return rejected(concat(".npy version ", version, "; 1 to 3 are read"));
  }
  const size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start) return rejected("the .npy file ends early (truncated) in its header");
  const size_t length = version == 1 ? image::little16(bytes, 8) : image::little32(bytes, 8);
  if (length > longest_header || bytes.size() - start < length) {
    return rejected(concat("the .npy file ends early (truncated): its header is said to have ",
                           length, " bytes"));
  }
  return Header{{reinterpret_cast<const char*>(bytes.data()) + start, length}, start + length};
}

struct Layout {
  std::vector<int64_t> shape;
  bool bytes = false;  // else float32
};

// Of a header that says little-endian float32 or bytes, in C order.
Result<Layout> read_layout(std::string_view header) {
  const auto type = value_of(header, "descr");
  const auto order = value_of(header, "fortran_order");
  const auto shape_text = value_of(header, "shape");
  const auto shape = shape_text ? read_shape(*shape_text) : std::nullopt;
  if (!type || !order || !shape) {
    return rejected("the .npy header lacks a readable descr, fortran_order or shape");
  }
  const bool is_bytes = type->starts_with("'|u1'");
  if (!is_bytes && !type->starts_with("'<f4'")) {
    return rejected(concat("the .npy file holds ",
                           printable(type->substr(0, type->find_first_of(",}"))),
                           "; little-endian float32 ('<f4') and uint8 ('|u1') are read: save "
                           "array.astype('<f4')"));
  }
  if (!order->starts_with("False")) {
    return rejected("the .npy file is in Fortran order; save numpy.ascontiguousarray(array)");
  }
  return Layout{*shape, is_bytes};
}

}  // namespace

Result<NpyArray> decode_npy(std::span<const std::byte> bytes) {
  const Result<Header> header = find_header(bytes);
  if (!header) return header.error();
  const Result<Layout> layout = read_layout(header->text);
  if (!layout) return layout.error();
  const std::vector<int64_t>& shape = layout->shape;
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 1 || size > most_values / count) {
      return rejected(concat("a .npy array of shape ", list_text(shape), "; 1 to ", most_values,
                             " values are read"));
    }
    count *= size;
  }
  const size_t there = bytes.size() - header->values_at;
  const auto needed = static_cast<size_t>(count) * (layout->bytes ? 1 : sizeof(float));
  if (there != needed) {
    return rejected(concat("a .npy array of shape ", list_text(shape), " has ", needed,
                           " bytes, the file ", there));
  }
  NpyArray array{shape, std::vector<float>(static_cast<size_t>(count)), layout->bytes};
  if (!array.bytes) {
    std::memcpy(array.values.data(), bytes.data() + header->values_at, there);
    return array;
  }
  for (size_t i = 0; i < there; ++i) {
    array.values[i] = static_cast<float>(image::byte_at(bytes, header->values_at + i));
  }
  return array;
}

std::vector<std::byte> encode_npy(std::span<const int64_t> shape, std::span<const float> values) {
  constexpr size_t alignment = 64, prefix = 10;
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (const int64_t size : shape) header += concat(size, ",");
  header += "), }";
  header.resize((prefix + header.size() + 1 + alignment - 1) / alignment * alignment - prefix - 1,
                ' ');
  header += '\n';
  const std::string start = concat(magic, '\x01', '\0', static_cast<char>(header.size() & 255),
                                   static_cast<char>(header.size() >> 8), header);
  std::vector<std::byte> bytes(start.size() + values.size_bytes());
  std::memcpy(bytes.data(), start.data(), start.size());
  if (!values.empty()) std::memcpy(bytes.data() + start.size(), values.data(), values.size_bytes());
  return bytes;
}

}  // namespace octavo
