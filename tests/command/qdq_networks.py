"""Small networks that ONNX Runtime quantizes (QDQ), pictures of exactly their size, and what
ONNX Runtime computes of them with exact 8-bit kernels."""

import numpy

from program import SEED

SIZE, CLASSES = 32, 6
FLAGS = ["--preset", "torchvision", "--size", SIZE, "--resize", SIZE]
MEAN = numpy.float32([123.675, 116.28, 103.53])
STD = numpy.float32([58.395, 57.12, 57.375])


class Network:
    """Nodes one after another; weights from a seed."""

    def __init__(self, seed=SEED, shape=(1, 3, SIZE, SIZE)):
        self.random = numpy.random.default_rng(seed)
        self.nodes, self.constants, self.shape = [], {}, list(shape)

    def constant(self, name, values):
        self.constants[name] = numpy.asarray(values)
        return name

    def weight(self, name, *shape, deviation=None):
        fan_in = max(1, int(numpy.prod(shape[1:])))
        values = self.random.normal(0, deviation or (2 / fan_in) ** 0.5, shape)
        return self.constant(name, values.astype(numpy.float32))

    def node(self, op, inputs, name, **attributes):
        from onnx import helper
        inputs = [inputs] if isinstance(inputs, str) else inputs
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def conv(self, x, name, inputs, outputs, size=3, stride=1, groups=1):
        pad = size // 2
        return self.node("Conv", [x, self.weight(name + ".w", outputs, inputs // groups, size, size),
                                  self.weight(name + ".b", outputs, deviation=0.1)], name,
                         strides=[stride] * 2, pads=[pad] * 4, group=groups)

    def head(self, x, channels):
        x = self.node("Flatten", self.node("GlobalAveragePool", x, "pool"), "flat", axis=1)
        return self.node("Gemm", [x, self.weight("head.w", CLASSES, channels, deviation=0.5),
                                  self.weight("head.b", CLASSES)], "logits", transB=1)

    def model(self, opset=17, output=CLASSES):
        from onnx import TensorProto, helper, numpy_helper
        graph = helper.make_graph(
            self.nodes, "net", [helper.make_tensor_value_info("input", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, output])],
            [numpy_helper.from_array(v, k) for k, v in self.constants.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def mobile():
    """Clips to 0..6, a depthwise convolution, a residual, a MaxPool."""
    net = Network()

    def clip(x, name):
        return net.node("Clip", [x, net.constant("zero", numpy.float32(0)),
                                 net.constant("six", numpy.float32(6))], name)
    stem = clip(net.conv("input", "stem", 3, 16, stride=2), "stem6")
    wide = clip(net.conv(stem, "expand", 16, 32, size=1), "expand6")
    deep = clip(net.conv(wide, "deep", 32, 32, groups=32), "deep6")
    narrow = net.conv(deep, "project", 32, 16, size=1)
    both = net.node("Add", [stem, narrow], "add")
    net.head(net.node("MaxPool", both, "max", kernel_shape=[3, 3], strides=[2, 2],
                      pads=[1, 1, 1, 1]), 16)
    return net.model()


def branches():
    """Relus, a Concat, an AveragePool in a branch."""
    net = Network()
    stem = net.node("Relu", net.conv("input", "stem", 3, 12, stride=2), "stem_relu")
    a = net.node("Relu", net.conv(stem, "a", 12, 8), "a_relu")
    b = net.conv(net.node("AveragePool", stem, "mean", kernel_shape=[3, 3], pads=[1, 1, 1, 1],
                          count_include_pad=1), "b", 12, 8, size=1)
    both = net.node("Concat", [a, net.node("Relu", b, "b_relu")], "concat", axis=1)
    net.head(net.node("Relu", net.conv(both, "mix", 16, 16, stride=2), "mix_relu"), 16)
    return net.model()


def curves():
    """HardSwish, Sigmoid behind a rounding of its own, a gate by Mul."""
    net = Network()
    stem = net.node("HardSwish", net.conv("input", "stem", 3, 16, stride=2), "stem_swish")
    a = net.conv(stem, "a", 16, 16)
    gated = net.node("Mul", [a, net.node("Sigmoid", a, "gate")], "silu")
    net.head(net.node("HardSwish", net.conv(gated, "b", 16, 16, size=1), "b_swish"), 16)
    return net.model()


def pictures(count, seed=SEED):
    """Uint8 pictures of the network's size: smooth noise, a colour each."""
    random = numpy.random.default_rng(seed)
    coarse = random.normal(random.integers(60, 190, (count, 1, 1, 3)), 60, (count, 8, 8, 3))
    fine = coarse.repeat(SIZE // 8, 1).repeat(SIZE // 8, 2)
    fine = fine + random.normal(0, 15, fine.shape)
    return fine.clip(0, 255).astype(numpy.uint8)


def normalized(pixels):
    return numpy.ascontiguousarray(((pixels - MEAN) / STD).astype(numpy.float32).transpose(0, 3, 1, 2))


def quantize(model, path, inputs, activations, per_channel, form="QDQ", weights="s8", **options):
    from onnxruntime import quantization
    from onnx import save

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.rest = iter([{"input": x[None]} for x in inputs])

        def get_next(self):
            return next(self.rest, None)

    ready = path.with_suffix(".float.onnx")
    save(model, ready)
    types = {"u8": quantization.QuantType.QUInt8, "s8": quantization.QuantType.QInt8,
             "u16": quantization.QuantType.QUInt16, "s16": quantization.QuantType.QInt16}
    quantization.quantize_static(
        str(ready), str(path), Reader(), quant_format=quantization.QuantFormat[form],
        per_channel=per_channel, activation_type=types[activations],
        weight_type=types[weights], **options)
    return path


def onnxruntime_logits(path, inputs, optimized=True):
    """optimized=False: each operator as ONNX defines it."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return numpy.concatenate([session.run(None, {"input": x[None]})[0] for x in inputs])


def output_scale(path):
    """The scale of the rounding of the logits."""
    from onnx import load, numpy_helper
    graph = load(path).graph
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    node = makers[graph.output[0].name]
    assert node.op_type == "DequantizeLinear"
    return float(values[node.input[1]])
