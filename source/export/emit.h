// Inside the room: the file in the making. Tensors of the plan are float values behind their pair,
// in the layout that a step wants; constants a channel broadcast in either layout.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "export/onnx_file.h"
#include "export/storage.h"

namespace octavo {

// [n, c, h, w], as convolutions and pools are in ONNX; [n, h, w, c], as a plan stores.
enum class AxisOrder : uint8_t { channels_first, channels_last };

// One entry for all channels, or one a channel.
using PerChannel = std::vector<double>;

template <class Function>
PerChannel combined(size_t channels, Function value) {
  PerChannel out(channels);
  for (size_t c = 0; c < channels; ++c) out[c] = value(c);
  return out;
}

class Emitter {
 public:
  Emitter(const Plan& plan, std::vector<Storage> storage)
      : plan_(plan), storage_(std::move(storage)), values_(plan.tensors.size()) {}

  const Plan& plan() const { return plan_; }
  const PlanTensor& tensor(uint32_t t) const { return plan_.tensors[t]; }
  const Storage& storage(uint32_t t) const { return storage_[t]; }
  size_t channels(uint32_t t) const { return static_cast<size_t>(tensor(t).shape[3]); }
  onnx_file::Writer& writer() { return writer_; }

  std::string node(std::string_view op_type, const onnx_file::Names& inputs, std::string_view wish,
                   const std::vector<onnx_file::Attribute>& attributes = {}) {
    return writer_.add_node(op_type, inputs, wish, attributes);
  }
  std::string floats(const onnx_file::Dims& shape, const std::vector<float>& values,
                     std::string_view wish);
  std::string integers(const std::vector<int64_t>& values, std::string_view wish);

  // The dimensions of a tensor in a layout.
  onnx_file::Dims dims(uint32_t t, AxisOrder layout) const;
  // The layout in which the tensor was made.
  AxisOrder layout(uint32_t t) const;
  // The tensor's value; through a transpose, and its pair again, where it was made otherwise.
  std::string value(uint32_t t, AxisOrder layout);
  // The same counted from the zero of each channel: without its offsets.
  std::string centred_value(uint32_t t, AxisOrder layout, std::string_view wish);
  // The value of tensor t was made under the name: it goes through its pair.
  void store(uint32_t t, const std::string& name, AxisOrder layout);

  // Values of tensor t that were moved, through its pair again: runtimes know a move by the pairs
  // on both sides of it.
  std::string through_pair(uint32_t t, const std::string& name, std::string_view wish);
  // The stored values of tensor t, row-major as the plan has them.
  void store_constant(uint32_t t, const std::vector<int16_t>& values);

  // name * factor + offset, without what changes nothing.
  std::string affine(const std::string& name, PerChannel factor, PerChannel offset,
                     AxisOrder layout, std::string_view wish);
  // Values between constants a channel; those that are infinite say nothing.
  std::string bounded(const std::string& name, PerChannel lo, PerChannel hi, AxisOrder layout,
                      std::string_view wish);
  // One value a channel, to broadcast.
  std::string per_channel(const PerChannel& values, AxisOrder layout, std::string_view wish);

  bool uses_int16() const { return uses_int16_; }

 private:
  struct Pair {
    std::string scale, zero_point;
  };
  const Pair& pair_of(uint32_t t);

  const Plan& plan_;
  std::vector<Storage> storage_;
  onnx_file::Writer writer_;
  std::vector<std::array<std::string, 2>> values_;  // by tensor and layout
  std::map<uint32_t, AxisOrder> layouts_;           // in which it was made
  std::map<uint32_t, Pair> pairs_;
  bool uses_int16_ = false;
};

}  // namespace octavo
