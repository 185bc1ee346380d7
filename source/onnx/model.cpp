#include "onnx/model.h"

#include <protozero/pbf_reader.hpp>

#include "base/text.h"

namespace octavo::onnx {

namespace {

using Reader = protozero::pbf_reader;
using Wire = protozero::pbf_wire_type;

// More of anything than a real file holds: a byte or two on the wire becomes a
// struct in memory, so the count is bounded, not only the bytes.
constexpr int64_t most_messages = int64_t{1} << 20;
// Elements of one tensor written as varints take up to eight times their bytes.
constexpr size_t most_list_elements = size_t{1} << 27;
// Graphs inside attributes of nodes of graphs ...: exporters nest two or three.
constexpr int most_nested_graphs = 16;

// Thrown inside this file only, beside protozero's own exceptions; parse_model
// turns both into an Error.
struct Malformed {
  std::string message;
};

class Parser {
 public:
  explicit Parser(std::string_view bytes) : bytes_(bytes), at_(bytes.data()) {}

  size_t offset() const { return static_cast<size_t>(at_ - bytes_.data()); }

  ModelProto model() {
    ModelProto out;
    bool has_graph = false;
    for (Reader reader(bytes_.data(), bytes_.size()); next(reader);) {
      switch (reader.tag()) {
        case 1:
          out.ir_version = integer(reader);
          break;
        case 2:
          out.producer = text(reader);
          break;
        case 7:
          if (has_graph) throw Malformed{"the file holds two graphs"};
          has_graph = true;
          out.graph = graph(message(reader));
          break;
        case 8:
          out.opsets.push_back(opset(message(reader)));
          break;
        case 14:
          out.metadata.push_back(key_value(message(reader)));
          break;
        case 25:
          out.functions.push_back(function(message(reader)));
          break;
        default:
          reader.skip();
      }
    }
    if (!has_graph) throw Malformed{"the file holds no graph"};
    return out;
  }

 private:
  // Steps to the next field and remembers where it stands.
  bool next(Reader& reader) {
    at_ = reader.data().data();
    return reader.next();
  }

  static void expect(const Reader& reader, Wire wire) {
    if (reader.wire_type() != wire) throw Malformed{"a field has the wrong wire type"};
  }
  static std::string_view text(Reader& reader) {
    expect(reader, Wire::length_delimited);
    const protozero::data_view view = reader.get_view();
    return {view.data(), view.size()};
  }
  static int64_t integer(Reader& reader) {
    expect(reader, Wire::varint);
    return reader.get_int64();
  }
  static float real(Reader& reader) {
    expect(reader, Wire::fixed32);
    return reader.get_float();
  }
  Reader message(Reader& reader) {
    if (++messages_ > most_messages) throw Malformed{"the file holds too many parts"};
    expect(reader, Wire::length_delimited);
    return reader.get_message();
  }
  std::string_view counted_text(Reader& reader) {
    if (++messages_ > most_messages) throw Malformed{"the file holds too many parts"};
    return text(reader);
  }

  // Repeated numbers come packed or one by one, whatever the schema says.
  template <class Number, class One, class Packed>
  static void append(Reader& reader, Wire wire, std::vector<Number>& out, One one, Packed packed) {
    if (reader.wire_type() == wire) {
      out.push_back(one());
    } else {
      expect(reader, Wire::length_delimited);
      for (const auto number : packed()) {
        if (out.size() >= most_list_elements) throw Malformed{"a list is too long"};
        out.push_back(static_cast<Number>(number));
      }
    }
    if (out.size() > most_list_elements) throw Malformed{"a list is too long"};
  }
  static void append_integers(Reader& reader, std::vector<int64_t>& out) {
    append(
        reader, Wire::varint, out, [&] { return reader.get_int64(); },
        [&] { return reader.get_packed_int64(); });
  }
  static void append_reals(Reader& reader, std::vector<float>& out) {
    append(
        reader, Wire::fixed32, out, [&] { return reader.get_float(); },
        [&] { return reader.get_packed_float(); });
  }
  static void append_doubles(Reader& reader, std::vector<double>& out) {
    append(
        reader, Wire::fixed64, out, [&] { return reader.get_double(); },
        [&] { return reader.get_packed_double(); });
  }

  KeyValue key_value(Reader reader) {
    KeyValue out;
    while (next(reader)) {
      switch (reader.tag()) {
        case 1:
          out.first = text(reader);
          break;
        case 2:
          out.second = text(reader);
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  std::pair<std::string_view, int64_t> opset(Reader reader) {
    std::pair<std::string_view, int64_t> out;
    while (next(reader)) {
      switch (reader.tag()) {
        case 1:
          out.first = text(reader);
          break;
        case 2:
          out.second = integer(reader);
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  FunctionProto function(Reader reader) {
    FunctionProto out;
    while (next(reader)) {
      switch (reader.tag()) {
        case 1:
          out.name = text(reader);
          break;
        case 4:
          out.inputs.push_back(counted_text(reader));
          break;
        case 5:
          out.outputs.push_back(counted_text(reader));
          break;
        case 7:
          out.nodes.push_back(node(message(reader)));
          break;
        case 9:
          out.opsets.push_back(opset(message(reader)));
          break;
        case 10:
          out.domain = text(reader);
          break;
        case 11:
          out.defaults.push_back(attribute(message(reader)));
          break;
        case 13:
          out.overload = text(reader);
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  GraphProto graph(Reader reader) {
    GraphProto out;
    while (next(reader)) {
      switch (reader.tag()) {
        case 1:
          out.nodes.push_back(node(message(reader)));
          break;
        case 5:
          out.initializers.push_back(tensor(message(reader)));
          break;
        case 11:
          out.inputs.push_back(value_info(message(reader)));
          break;
        case 12:
          out.outputs.push_back(value_info(message(reader)));
          break;
        case 15:
          out.has_sparse_initializers = true;
          reader.skip();
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  NodeProto node(Reader reader) {
    NodeProto out;
    while (next(reader)) {
      switch (reader.tag()) {
        case 1:
          out.inputs.push_back(counted_text(reader));
          break;
        case 2:
          out.outputs.push_back(counted_text(reader));
          break;
        case 3:
          out.name = text(reader);
          break;
        case 4:
          out.op_type = text(reader);
          break;
        case 5:
          out.attributes.push_back(attribute(message(reader)));
          break;
        case 7:
          out.domain = text(reader);
          break;
        case 8:
          out.overload = text(reader);
          break;
        case 9:
          out.metadata.push_back(key_value(message(reader)));
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  AttributeProto attribute(Reader reader) {
    using Kind = AttributeProto::Kind;
    AttributeProto out;
    std::optional<int64_t> type;
    Kind found = Kind::other;
    while (next(reader)) {
      switch (reader.tag()) {
        case 1:
          out.name = text(reader);
          break;
        case 2:
          out.real = real(reader), found = Kind::real;
          break;
        case 3:
          out.integer = integer(reader), found = Kind::integer;
          break;
        case 4:
          out.string = text(reader), found = Kind::string;
          break;
        case 5:
          out.tensor = tensor(message(reader)), found = Kind::tensor;
          break;
        case 6:
          out.graph = nested_graph(message(reader)), found = Kind::graph;
          break;
        case 7:
          append_reals(reader, out.reals), found = Kind::reals;
          break;
        case 8:
          append_integers(reader, out.integers), found = Kind::integers;
          break;
        case 20:
          type = integer(reader);
          break;
        case 21:
          out.reference = text(reader);
          break;
        default:
          reader.skip();
      }
    }
    // `type` says which field holds, also when that field is an empty list or a default.
    out.kind = type ? kind_of(*type) : found;
    const bool is_missing =
        (out.kind == Kind::tensor && !out.tensor) || (out.kind == Kind::graph && !out.graph);
    if (is_missing) out.kind = Kind::other;
    return out;
  }

  std::shared_ptr<const GraphProto> nested_graph(Reader reader) {
    if (++depth_ > most_nested_graphs) throw Malformed{"its graphs are nested too deeply"};
    auto out = std::make_shared<const GraphProto>(graph(reader));
    --depth_;
    return out;
  }

  static AttributeProto::Kind kind_of(int64_t type) {
    using Kind = AttributeProto::Kind;
    switch (type) {
      case 1:
        return Kind::real;
      case 2:
        return Kind::integer;
      case 3:
        return Kind::string;
      case 4:
        return Kind::tensor;
      case 5:
        return Kind::graph;
      case 6:
        return Kind::reals;
      case 7:
        return Kind::integers;
      case 8:
        return Kind::strings;
      default:
        return Kind::other;
    }
  }

  TensorProto tensor(Reader reader) {
    TensorProto out;
    while (next(reader)) {
      switch (reader.tag()) {
        case 1:
          append_integers(reader, out.dims);
          break;
        case 2:
          out.data_type = static_cast<DataType>(integer(reader));
          break;
        case 3:
          out.segmented = true;
          reader.skip();
          break;
        case 4:
          append_reals(reader, out.float_data);
          break;
        case 5:
        case 7:
        case 11:
          append_integers(reader, out.integer_data);
          break;
        case 6:
          out.has_string_data = true;
          reader.skip();
          break;
        case 8:
          out.name = text(reader);
          break;
        case 9:
          out.raw_data = text(reader);
          break;
        case 10:
          append_doubles(reader, out.double_data);
          break;
        case 13:
          out.external_data.push_back(key_value(message(reader)));
          break;
        case 14:
          out.external = integer(reader) == 1;
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  ValueInfoProto value_info(Reader reader) {
    ValueInfoProto out;
    while (next(reader)) {
      switch (reader.tag()) {
        case 1:
          out.name = text(reader);
          break;
        case 2:
          read_type(message(reader), out);
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  void read_type(Reader reader, ValueInfoProto& out) {
    while (next(reader)) {
      if (reader.tag() != 1) {
        reader.skip();
        continue;
      }
      out.is_tensor = true;
      for (Reader type = message(reader); next(type);) {
        switch (type.tag()) {
          case 1:
            out.data_type = static_cast<DataType>(integer(type));
            break;
          case 2:
            out.shape = dimensions(message(type));
            break;
          default:
            type.skip();
        }
      }
    }
  }

  std::vector<Dimension> dimensions(Reader reader) {
    std::vector<Dimension> out;
    while (next(reader)) {
      if (reader.tag() != 1) {
        reader.skip();
        continue;
      }
      Dimension dimension;
      for (Reader part = message(reader); next(part);) {
        switch (part.tag()) {
          case 1:
            dimension.value = integer(part);
            break;
          case 2:
            dimension.symbol = text(part);
            break;
          default:
            part.skip();
        }
      }
      out.push_back(dimension);
    }
    return out;
  }

  std::string_view bytes_;
  const char* at_;
  int64_t messages_ = 0;
  int depth_ = 0;  // of graphs inside graphs
};

}  // namespace

std::string_view data_type_name(DataType type) {
  switch (type) {
    case DataType::undefined:
      return "undefined";
    case DataType::float32:
      return "float32";
    case DataType::uint8:
      return "uint8";
    case DataType::int8:
      return "int8";
    case DataType::uint16:
      return "uint16";
    case DataType::int16:
      return "int16";
    case DataType::int32:
      return "int32";
    case DataType::int64:
      return "int64";
    case DataType::string:
      return "string";
    case DataType::boolean:
      return "bool";
    case DataType::float16:
      return "float16";
    case DataType::float64:
      return "float64";
    case DataType::uint32:
      return "uint32";
    case DataType::uint64:
      return "uint64";
    case DataType::bfloat16:
      return "bfloat16";
    case DataType::uint4:
      return "uint4";
    case DataType::int4:
      return "int4";
    case DataType::float8e4m3fn:
      return "float8e4m3fn";
    case DataType::float8e4m3fnuz:
      return "float8e4m3fnuz";
    case DataType::float8e5m2:
      return "float8e5m2";
    case DataType::float8e5m2fnuz:
      return "float8e5m2fnuz";
    case DataType::float8e8m0:
      return "float8e8m0";
    case DataType::float4e2m1:
      return "float4e2m1";
    case DataType::uint2:
      return "uint2";
    case DataType::int2:
      return "int2";
  }
  return "an unknown type";
}

int64_t own_opset(const Opsets& opsets) {
  int64_t out = 0;
  for (const auto& [domain, version] : opsets) {
    if (domain.empty() || domain == "ai.onnx") out = version;
  }
  return out;
}

std::string operator_text(std::string_view op_type) {
  const std::string with_quotes = quoted(op_type);
  return with_quotes.substr(1, with_quotes.size() - 2);
}

std::string node_text(const NodeProto& node, size_t index) {
  return concat("node ", index, " ", quoted(node.name), " (", operator_text(node.op_type), ")");
}

Result<ModelProto> parse_model(std::span<const std::byte> bytes) {
  if (bytes.empty()) return rejected("not an ONNX file: it is empty");
  Parser parser({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto wrong = [&](std::string_view why) {
    return rejected(
        concat("not a whole ONNX file: ", why, " at byte ", parser.offset(), " of ", bytes.size()));
  };
  try {
    ModelProto model = parser.model();
    if (model.opsets.empty() && !model.ir_version) return wrong("no ir_version and no opset");
    return model;
  } catch (const Malformed& malformed) {
    return wrong(malformed.message);
  } catch (const protozero::end_of_buffer_exception&) {
    return wrong("a field ends behind the file or the message that holds it,");
  } catch (const protozero::exception&) {
    return wrong("no protobuf field can be read");
  }
}

}  // namespace octavo::onnx
