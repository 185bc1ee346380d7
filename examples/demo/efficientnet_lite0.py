"""EfficientNet-Lite0 as an ONNX file, from the weights of a PyTorch checkpoint.

usage: efficientnet_lite0.py CHECKPOINT.pth OUT.onnx

The architecture is that of the EfficientNet-Lite release (TensorFlow, 2020): inverted
residuals with ReLU6, no squeeze-and-excite, "same" padding, which is asymmetric where
a stride of 2 meets an even size.
"""

import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

import legacy_checkpoint

# repeats, kernel, stride of the first, expansion, output channels
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
          (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
SIZE = 224
EPSILON = 1e-3  # of every batch normalization
METADATA = {"octavo.mean": "127,127,127", "octavo.std": "128,128,128", "octavo.resize": "256",
            "octavo.interpolation": "bilinear", "octavo.color": "rgb"}


class Network:
    def __init__(self, weights):
        self.weights = weights
        self.nodes, self.constants = [], {}
        self.size = SIZE

    def constant(self, name, value=None):
        if name not in self.constants:
            value = self.weights[name] if value is None else value
            self.constants[name] = numpy_helper.from_array(
                numpy.ascontiguousarray(value, numpy.float32), name)
        return name

    def node(self, operator, inputs, name, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [name + "_out"], name, **attributes))
        return name + "_out"

    def convolution(self, x, name, stride=1, groups=1):
        kernel = self.weights[name + ".weight"].shape[-1]
        total = max((-(-self.size // stride) - 1) * stride + kernel - self.size, 0)
        before, after = total // 2, total - total // 2
        self.size = -(-self.size // stride)
        return self.node("Conv", [x, self.constant(name + ".weight")], name,
                         kernel_shape=[kernel, kernel], strides=[stride, stride], group=groups,
                         pads=[before, before, after, after])

    def normalization(self, x, name):
        parts = ["weight", "bias", "running_mean", "running_var"]
        return self.node("BatchNormalization",
                         [x] + [self.constant(f"{name}.{part}") for part in parts], name,
                         epsilon=EPSILON)

    def relu6(self, x, name):
        zero, six = self.constant("zero", numpy.float32(0)), self.constant("six", numpy.float32(6))
        return self.node("Clip", [x, zero, six], name)

    def block(self, x, index, kernel, stride, expansion, channels):
        prefix = f"_blocks.{index}."
        inner = channels * expansion
        y = x
        if expansion != 1:
            y = self.convolution(y, prefix + "_expand_conv")
            y = self.relu6(self.normalization(y, prefix + "_bn0"), prefix + "relu_0")
        y = self.convolution(y, prefix + "_depthwise_conv", stride, groups=inner)
        y = self.relu6(self.normalization(y, prefix + "_bn1"), prefix + "relu_1")
        y = self.convolution(y, prefix + "_project_conv")
        return self.normalization(y, prefix + "_bn2")


def build(weights):
    net = Network(weights)
    x = net.convolution("input", "_conv_stem", 2)
    x = net.relu6(net.normalization(x, "_bn0"), "relu_stem")
    channels, index = 32, 0
    for repeats, kernel, first_stride, expansion, output in STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            y = net.block(x, index, kernel, stride, expansion, channels)
            if stride == 1 and channels == output:
                y = net.node("Add", [y, x], f"_blocks.{index}.add")
            x, channels, index = y, output, index + 1
    x = net.convolution(x, "_conv_head")
    x = net.relu6(net.normalization(x, "_bn1"), "relu_head")
    x = net.node("GlobalAveragePool", [x], "pool")
    x = net.node("Flatten", [x], "flatten", axis=1)
    net.nodes.append(helper.make_node(
        "Gemm", [x, net.constant("_fc.weight"), net.constant("_fc.bias")], ["logits"], "_fc",
        transB=1))
    graph = helper.make_graph(
        net.nodes, "efficientnet_lite0",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1000])],
        list(net.constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, METADATA)
    onnx.checker.check_model(model)
    return model


def main():
    checkpoint, output = sys.argv[1:]
    onnx.save(build(legacy_checkpoint.read(checkpoint)), output)


if __name__ == "__main__":
    main()
