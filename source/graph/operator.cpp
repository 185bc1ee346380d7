#include "graph/operator.h"

#include <cmath>

namespace octavo {

namespace {

struct NameOf {
  std::string_view operator()(const Conv2d&) const { return "conv2d"; }
  std::string_view operator()(const MatMul&) const { return "matmul"; }
  std::string_view operator()(const Binary& op) const {
    switch (op.kind) {
      case Binary::Kind::add:
        return "add";
      case Binary::Kind::subtract:
        return "subtract";
      case Binary::Kind::multiply:
        return "multiply";
      case Binary::Kind::divide:
        return "divide";
      case Binary::Kind::power:
        return "power";
      case Binary::Kind::minimum:
        return "minimum";
      case Binary::Kind::maximum:
        return "maximum";
    }
    return "binary";
  }
  std::string_view operator()(const Unary& op) const {
    switch (op.kind) {
      case Unary::Kind::relu:
        return "relu";
      case Unary::Kind::clip:
        return "clip";
      case Unary::Kind::leaky_relu:
        return "leaky_relu";
      case Unary::Kind::elu:
        return "elu";
      case Unary::Kind::sigmoid:
        return "sigmoid";
      case Unary::Kind::hard_sigmoid:
        return "hard_sigmoid";
      case Unary::Kind::hard_swish:
        return "hard_swish";
      case Unary::Kind::silu:
        return "silu";
      case Unary::Kind::gelu:
        return "gelu";
      case Unary::Kind::gelu_tanh:
        return "gelu_tanh";
      case Unary::Kind::tanh:
        return "tanh";
      case Unary::Kind::erf:
        return "erf";
      case Unary::Kind::exp:
        return "exp";
      case Unary::Kind::log:
        return "log";
      case Unary::Kind::sqrt:
        return "sqrt";
      case Unary::Kind::absolute:
        return "absolute";
      case Unary::Kind::negate:
        return "negate";
      case Unary::Kind::reciprocal:
        return "reciprocal";
      case Unary::Kind::power:
        return "power";
      case Unary::Kind::softplus:
        return "softplus";
      case Unary::Kind::mish:
        return "mish";
      case Unary::Kind::sine:
        return "sine";
      case Unary::Kind::cosine:
        return "cosine";
    }
    return "unary";
  }
  std::string_view operator()(const FakeQuantize&) const { return "fake_quantize"; }
  std::string_view operator()(const ChannelAffine&) const { return "channel_affine"; }
  std::string_view operator()(const Pool2d& op) const {
    return op.kind == Pool2d::Kind::maximum ? "max_pool" : "average_pool";
  }
  std::string_view operator()(const Reduce& op) const {
    switch (op.kind) {
      case Reduce::Kind::mean:
        return "reduce_mean";
      case Reduce::Kind::sum:
        return "reduce_sum";
      case Reduce::Kind::maximum:
        return "reduce_maximum";
      case Reduce::Kind::minimum:
        return "reduce_minimum";
      case Reduce::Kind::l2:
        return "reduce_l2";
    }
    return "reduce";
  }
  std::string_view operator()(const Softmax&) const { return "softmax"; }
  std::string_view operator()(const LayerNorm&) const { return "layer_norm"; }
  std::string_view operator()(const Reshape&) const { return "reshape"; }
  std::string_view operator()(const Transpose&) const { return "transpose"; }
  std::string_view operator()(const Concat&) const { return "concat"; }
  std::string_view operator()(const Slice&) const { return "slice"; }
  std::string_view operator()(const Gather&) const { return "gather"; }
  std::string_view operator()(const Expand&) const { return "expand"; }
  std::string_view operator()(const Pad&) const { return "pad"; }
  std::string_view operator()(const Resize&) const { return "resize"; }
};

}  // namespace

std::string_view operator_name(const Operator& op) {
  return std::visit(NameOf{}, op);
}

bool has_whole_exponent(const Unary& power) {
  return power.alpha == std::rint(power.alpha);
}

}  // namespace octavo
