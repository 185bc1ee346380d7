#include "runtime/interpreter.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace octavo::testing {

namespace {

using Values = std::vector<int32_t>;

template <class T>
T at(const std::vector<T>& values, int c) {
  return values.size() == 1 ? values[0] : values[size_t(c)];
}

class Interpreter {
 public:
  Interpreter(const Plan& plan, std::span<const std::byte> input) : plan_(plan) {
    made_.stored.resize(plan.tensors.size());
    read_input(input);
    for (const Step& step : plan.steps) {
      step_ = &step;
      std::visit([this](const auto& op) { run(op); }, step.op);
    }
  }
  Interpretation take() { return std::move(made_); }

 private:
  const PlanTensor& in(size_t i = 0) const { return plan_.tensors[step_->inputs[i]]; }
  const Values& x(size_t i = 0) const { return made_.stored[step_->inputs[i]]; }
  const PlanTensor& out() const { return plan_.tensors[step_->output]; }

  void read_input(std::span<const std::byte> input) {
    const PlanTensor& tensor = plan_.tensors[plan_.input];
    Values& values = made_.stored[plan_.input];
    if (tensor.type == ElementType::u8) {
      for (const std::byte b : input) values.push_back(int32_t(b));
      return;
    }
    for (size_t i = 0; i < input.size(); i += 2) {
      const auto bits = uint16_t(uint16_t(input[i]) | uint16_t(uint16_t(input[i + 1]) << 8));
      values.push_back(tensor.type == ElementType::u16 ? int32_t(bits) : int16_t(bits));
    }
  }

  // Rows are counted through all n maps of a tensor.
  static int rows(const PlanTensor& t) { return t.shape[0] * t.shape[1]; }
  // Of row y of the output: its map's first row in tensor t, and y inside the map.
  int map_begin(const PlanTensor& t, int y) const { return y / out().shape[1] * t.shape[1]; }
  int inside_map(int y) const { return y % out().shape[1]; }

  static size_t index(const PlanTensor& t, int y, int column, int c) {
    return (size_t(y) * size_t(t.shape[2]) + size_t(column)) * size_t(t.shape[3]) + size_t(c);
  }

  // Calls value(y, x, channel) for each element of the output, in order.
  template <class Value>
  void each_output(const Value& value) {
    for (int y = 0; y < rows(out()); ++y) {
      for (int column = 0; column < out().shape[2]; ++column) {
        for (int c = 0; c < out().shape[3]; ++c) value(y, column, c);
      }
    }
  }

  static float activate(const Epilogue& e, float f, int o) {
    switch (e.activation) {
      case Activation::none:
        return f;
      case Activation::clip:
        return std::min(std::max(f, e.alpha), e.beta) * at(e.output_multiplier, o);
      case Activation::hard_swish:
        return (f * std::min(std::max(f * e.alpha + e.beta, 0.0f), 1.0f)) *
               at(e.output_multiplier, o);
      case Activation::hard_sigmoid:
        return std::min(std::max(f * e.alpha + e.beta, 0.0f), 1.0f) * at(e.output_multiplier, o);
      case Activation::table: {
        const int u = int(std::rint(std::min(std::max(f, -32768.0f), 32767.0f))) + 32768;
        const size_t i = size_t(u >> 10);
        const int d = u & 1023;
        return float(e.table[i] * 1024 + (e.table[i + 1] - e.table[i]) * d) *
               at(e.output_multiplier, o);
      }
    }
    return f;
  }

  void finish(const Epilogue& e, float f, int y, int column, int o) {
    float t = activate(e, f, o);
    if (e.has_residual) {
      const size_t last = step_->inputs.size() - 1;
      const int32_t r = x(last)[index(in(last), y, column, o)];
      t = t + float(r - at(in(last).zero_point, o)) * at(e.residual_multiplier, o);
    }
    if (out().type == ElementType::f32) {
      made_.logits.push_back(t);
      return;
    }
    const int32_t z = at(out().zero_point, o);
    t = std::min(std::max(t, float(at(e.lo, o) - z)), float(at(e.hi, o) - z));
    made_.stored[step_->output].push_back(int32_t(std::rint(t)) + z);
  }

  void run(const ConvolutionStep& op) {
    const PlanTensor& input = in();
    const int per_group = input.shape[3] / op.groups, outputs = out().shape[3] / op.groups;
    each_output([&](int y, int column, int o) {
      int64_t acc = bias_of(op, size_t(o));
      for (int ky = 0; ky < op.kernel[0]; ++ky) {
        for (int kx = 0; kx < op.kernel[1]; ++kx) {
          for (int i = 0; i < per_group; ++i) {
            const int c = o / outputs * per_group + i;
            const int from_y = inside_map(y) * op.stride[0] + ky * op.dilation[0] - op.pads[0];
            const int from_x = column * op.stride[1] + kx * op.dilation[1] - op.pads[1];
            const bool inside =
                from_y >= 0 && from_y < input.shape[1] && from_x >= 0 && from_x < input.shape[2];
            const int from_row = map_begin(input, y) + from_y;
            const int32_t value =
                inside ? x()[index(input, from_row, from_x, c)] : at(input.zero_point, c);
            const size_t w =
                ((size_t(o) * size_t(op.kernel[0]) + size_t(ky)) * size_t(op.kernel[1]) +
                 size_t(kx)) *
                    size_t(per_group) +
                size_t(i);
            acc += int64_t{weight_of(op, w)} * value;
          }
        }
      }
      finish(op.epilogue, float(acc) * at(op.epilogue.multiplier, o), y, column, o);
    });
  }

  void run(const PoolStep& op) {
    const PlanTensor& input = in();
    each_output([&](int y, int column, int c) {
      int32_t maximum = INT32_MIN, sum = 0, n = 0;
      for (int ky = 0; ky < op.kernel[0]; ++ky) {
        for (int kx = 0; kx < op.kernel[1]; ++kx) {
          const int from_y = inside_map(y) * op.stride[0] + ky - op.pads[0];
          const int from_x = column * op.stride[1] + kx - op.pads[1];
          const bool inside =
              from_y >= 0 && from_y < input.shape[1] && from_x >= 0 && from_x < input.shape[2];
          const bool padding = !inside && from_y < input.shape[1] + op.pads[2] &&
                               from_x < input.shape[2] + op.pads[3];
          if (inside) {
            const int32_t value = x()[index(input, map_begin(input, y) + from_y, from_x, c)];
            maximum = std::max(maximum, value);
            sum += value - at(input.zero_point, c);
            ++n;
          } else if (padding && op.count_include_pad) {
            ++n;
          }
        }
      }
      if (op.kind == PoolStep::Kind::maximum) {
        made_.stored[step_->output].push_back(maximum);
        return;
      }
      const float f = (float(sum) * at(op.epilogue.multiplier, c)) * (1.0f / float(n));
      finish(op.epilogue, f, y, column, c);
    });
  }

  // Stored value less zero point of input i; one pixel serves the whole map.
  int32_t difference(size_t i, int y, int column, int c) const {
    const PlanTensor& t = in(i);
    const bool one_pixel = t.shape != out().shape;
    const int row = one_pixel ? map_begin(t, y) : y;
    return x(i)[index(t, row, one_pixel ? 0 : column, c)] - at(t.zero_point, c);
  }

  void run(const AddStep& op) {
    each_output([&](int y, int column, int c) {
      const float a = float(difference(0, y, column, c)) * at(op.epilogue.multiplier, c);
      const float b = float(difference(1, y, column, c)) * at(op.b_multiplier, c);
      finish(op.epilogue, a + b, y, column, c);
    });
  }

  void run(const MultiplyStep& op) {
    each_output([&](int y, int column, int c) {
      const int64_t product = int64_t{difference(0, y, column, c)} * difference(1, y, column, c);
      finish(op.epilogue, float(product) * at(op.epilogue.multiplier, c), y, column, c);
    });
  }

  void run(const DivideStep& op) {
    each_output([&](int y, int column, int c) {
      const int32_t below = difference(1, y, column, c);
      const float above = float(difference(0, y, column, c)) * at(op.epilogue.multiplier, c);
      finish(op.epilogue, above / (below == 0 ? 0.5f : float(below)), y, column, c);
    });
  }

  void run(const RescaleStep& op) {
    each_output([&](int y, int column, int c) {
      const float scaled = float(difference(0, y, column, c)) * at(op.epilogue.multiplier, c);
      finish(op.epilogue, scaled + at(op.offset, c), y, column, c);
    });
  }

  void run(const GatherStep& op) {
    each_output([&](int y, int column, int c) {
      made_.stored[step_->output].push_back(x()[index(in(), y, column, op.channels[size_t(c)])]);
    });
  }

  void run(const ConcatStep&) {
    each_output([&](int y, int column, int c) {
      size_t i = 0;
      while (c >= in(i).shape[3]) c -= in(i++).shape[3];
      made_.stored[step_->output].push_back(x(i)[index(in(i), y, column, c)]);
    });
  }

  // Calls pixel(y, column) for each pixel of the output, in order.
  template <class Pixel>
  void each_pixel(const Pixel& pixel) {
    for (int y = 0; y < rows(out()); ++y) {
      for (int column = 0; column < out().shape[2]; ++column) pixel(y, column);
    }
  }
  int64_t centred(int y, int column, int c) const {
    return x()[index(in(), y, column, c)] - in().zero_point[0];
  }

  void run(const LayerNormStep& op) {
    const int64_t count = in().shape[3];
    each_pixel([&](int y, int column) {
      int64_t s1 = 0, s2 = 0;
      for (int c = 0; c < count; ++c) {
        const int64_t value = centred(y, column, c);
        s1 += value;
        s2 += value * value;
      }
      const float deviation = std::sqrt(float(count * s2 - s1 * s1) + op.epsilon);
      for (int c = 0; c < count; ++c) {
        const float normal = float(count * centred(y, column, c) - s1) * (1.0f / deviation);
        finish(op.epilogue, normal * at(op.epilogue.multiplier, c) + at(op.offset, c), y, column,
               c);
      }
    });
  }

  void run(const L2NormalizeStep& op) {
    each_pixel([&](int y, int column) {
      int64_t s2 = 0;
      for (int c = 0; c < in().shape[3]; ++c) {
        s2 += centred(y, column, c) * centred(y, column, c);
      }
      const float length = std::max(std::sqrt(float(s2)), op.floor);
      for (int c = 0; c < in().shape[3]; ++c) {
        const float f = float(centred(y, column, c)) * (at(op.epilogue.multiplier, c) / length);
        finish(op.epilogue, f, y, column, c);
      }
    });
  }

  void run(const SoftmaxStep& op) {
    each_pixel([&](int y, int column) {
      const int count = in().shape[3];
      const auto first = x().begin() + std::ptrdiff_t(index(in(), y, column, 0));
      const int32_t most = *std::max_element(first, first + count);
      std::vector<uint64_t> e;
      uint64_t sum = 0;
      const bool is_long = op.fine.size() == 512;
      const auto entry = [&](const std::vector<uint16_t>& table, size_t i) {
        return is_long ? table[2 * i] + uint64_t{65536} * table[2 * i + 1] : uint64_t{table[i]};
      };
      const uint64_t one = is_long ? 1 << 30 : 1 << 15;
      for (int c = 0; c < count; ++c) {
        const auto d = size_t(most - first[c]);
        const uint64_t product = entry(op.coarse, d / 256) * entry(op.fine, d % 256);
        e.push_back((product + one / 2) / one);
        sum += e.back();
      }
      for (int c = 0; c < count; ++c) {
        const float share = at(op.epilogue.multiplier, c) / float(sum);
        finish(op.epilogue, float(e[size_t(c)]) * share, y, column, c);
      }
    });
  }

  void run(const MatMulStep& op) {
    each_output([&](int y, int column, int c) {
      int64_t acc = 0;
      for (int k = 0; k < in().shape[3]; ++k) {
        const size_t right = op.transpose_b ? index(in(1), y, c, k) : index(in(1), y, k, c);
        acc += centred(y, column, k) * x(1)[right];
      }
      finish(op.epilogue, float(acc) * at(op.epilogue.multiplier, c), y, column, c);
    });
  }

  void run(const ResizeStep& op) {
    each_output([&](int y, int column, int c) {
      int32_t acc = 0;
      for (const int down : {0, 1}) {
        for (const int right : {0, 1}) {
          const size_t row = size_t(inside_map(y));
          const int from_y = map_begin(in(), y) + std::min(op.row[row] + down, in().shape[1] - 1);
          const int from_x = std::min(op.column[size_t(column)] + right, in().shape[2] - 1);
          const int wy = down ? op.row_weight[row] : 128 - op.row_weight[row];
          const int wx =
              right ? op.column_weight[size_t(column)] : 128 - op.column_weight[size_t(column)];
          acc += wy * wx * (x()[index(in(), from_y, from_x, c)] - at(in().zero_point, c));
        }
      }
      finish(op.epilogue, float(acc) * at(op.epilogue.multiplier, c), y, column, c);
    });
  }

  // Each source element knows its place: the other way round than the runtime does it.
  void run(const PermuteStep& op) {
    Values& made = made_.stored[step_->output];
    made.resize(x().size());
    for (size_t from = 0; from < x().size(); ++from) {
      std::vector<size_t> place(op.dims.size());
      size_t rest = from, to = 0;
      for (size_t i = op.dims.size(); i-- > 0;) {
        place[i] = rest % size_t(op.dims[i]);
        rest /= size_t(op.dims[i]);
      }
      for (const int32_t axis : op.perm)
        to = to * size_t(op.dims[size_t(axis)]) + place[size_t(axis)];
      made[to] = x()[from];
    }
  }

  void run(const ConstantStep& op) {
    for (const int16_t bits : op.values) made_.stored[step_->output].push_back(held(bits));
  }

  // Of a constant or a table: u16 as the int16 of the same bits.
  int32_t held(int16_t bits) const {
    return out().type == ElementType::u16 ? int32_t(uint16_t(bits)) : int32_t(bits);
  }

  void run(const LookupStep& op) {
    const size_t levels = in().type == ElementType::u8 ? 256 : 65536;
    each_output([&](int y, int column, int c) {
      const size_t table = op.table.size() == levels ? 0 : levels * size_t(c);
      const auto code = size_t(x()[index(in(), y, column, c)]);
      made_.stored[step_->output].push_back(held(op.table[table + code]));
    });
  }

  void run(const ReshapeStep&) { made_.stored[step_->output] = x(); }

  const Plan& plan_;
  const Step* step_ = nullptr;
  Interpretation made_;
};

}  // namespace

Interpretation interpret(const Plan& plan, std::span<const std::byte> input) {
  return Interpreter(plan, input).take();
}

std::vector<std::byte> as_bytes(const std::vector<int32_t>& stored, ElementType type) {
  std::vector<std::byte> bytes;
  for (const int32_t value : stored) {
    bytes.push_back(std::byte(value & 255));
    const bool words = type == ElementType::i16 || type == ElementType::u16;
    if (words) bytes.push_back(std::byte((value >> 8) & 255));
  }
  return bytes;
}

}  // namespace octavo::testing
