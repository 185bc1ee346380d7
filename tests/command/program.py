"""Running the program, and a small network and small pictures made from a seed."""

import os
import pathlib
import subprocess

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("OCTAVO_BINARY", ROOT / "build/release/octavo"))
SEED = 4711
CLASSES = 4


def run(*arguments, **options):
    return subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, **options)


def colour(label):
    return [(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 60)][label]


def make_network(path, size=32):
    """Convolution, depthwise with HardSwish, squeeze-and-excite, residual, pool, Gemm."""
    from onnx import TensorProto, helper, numpy_helper, save
    random = numpy.random.default_rng(SEED)
    constants = {}

    def weight(name, *shape):
        fan_in = max(1, int(numpy.prod(shape[1:])))
        constants[name] = random.normal(0, (2 / fan_in) ** 0.5, shape).astype(numpy.float32)
        return name

    node = helper.make_node
    nodes = [
        node("Conv", ["input", weight("w0", 16, 3, 3, 3), weight("b0", 16)], ["c0"], "stem",
             strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Relu", ["c0"], ["r0"], "stem_relu"),
        node("Conv", ["r0", weight("w1", 16, 1, 3, 3)], ["c1"], "deep", group=16, pads=[1, 1, 1, 1]),
        node("HardSwish", ["c1"], ["h1"], "deep_hard_swish"),
        node("GlobalAveragePool", ["h1"], ["p"], "squeeze"),
        node("Conv", ["p", weight("w2", 8, 16, 1, 1), weight("b2", 8)], ["c2"], "reduce"),
        node("Relu", ["c2"], ["r2"], "reduce_relu"),
        node("Conv", ["r2", weight("w3", 16, 8, 1, 1), weight("b3", 16)], ["c3"], "expand"),
        node("HardSigmoid", ["c3"], ["g"], "gate", alpha=1 / 6, beta=0.5),
        node("Mul", ["h1", "g"], ["m"], "excite"),
        node("Conv", ["m", weight("w4", 16, 16, 1, 1), weight("b4", 16)], ["c4"], "project"),
        node("Add", ["c4", "r0"], ["s"], "residual"),
        node("GlobalAveragePool", ["s"], ["q"], "pool"),
        node("Flatten", ["q"], ["f"], "flatten", axis=1),
        node("Gemm", ["f", weight("w5", CLASSES, 16), weight("b5", CLASSES)], ["logits"], "head",
             transB=1),
    ]
    graph = helper.make_graph(
        nodes, "small", [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CLASSES])],
        [numpy_helper.from_array(v, k) for k, v in constants.items()])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def quantize_network(path, out):
    """By ONNX Runtime, as pairs; calibrated on noise."""
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            random = numpy.random.default_rng(SEED)
            self.rest = iter([{"input": random.normal(0, 1, (1, 3, 32, 32)).astype(numpy.float32)}
                              for _ in range(8)])

        def get_next(self):
            return next(self.rest, None)

    quantization.quantize_static(str(path), str(out), Reader(), per_channel=True,
                                 quant_format=quantization.QuantFormat.QDQ)


def make_pictures(folder, count, seed):
    """Noisy squares of one colour a class, sizes vary; list.txt beside them."""
    from PIL import Image
    random = numpy.random.default_rng(seed)
    folder.mkdir()
    lines = []
    for index in range(count):
        label = index % CLASSES
        h, w = random.integers(40, 90, 2)
        pixels = random.normal(colour(label), 40, (h, w, 3)).clip(0, 255).astype(numpy.uint8)
        name = f"{index:03}.{'png' if index % 3 else 'jpg'}"
        Image.fromarray(pixels).save(folder / name)
        lines.append(f"{name} {label}")
    (folder / "list.txt").write_text("\n".join(lines) + "\n")


def residual_network(path, blocks=4, channels=16, wide=96):
    """A stream in which a channel and the one `channels / 2` behind it are nearly the same, to which blocks of two pointwise
    convolutions add little. The logits are differences of such two: what rounds the stream is most of their noise."""
    from onnx import TensorProto, helper, numpy_helper, save
    random = numpy.random.default_rng(5)
    nodes, weights = [], []

    def conv(name, x, inputs, outputs, size=1, stride=1, gain=1.0):
        kernel = random.normal(0, gain / (inputs * size * size) ** 0.5, (outputs, inputs, size, size))
        bias = numpy.full(outputs, 0.1, numpy.float32)
        if outputs == channels:
            half = channels // 2
            kernel[half:] = kernel[:half] + 0.01 * kernel[half:]
        weights.append(numpy_helper.from_array(kernel.astype(numpy.float32), name + ".w"))
        weights.append(numpy_helper.from_array(bias, name + ".b"))
        nodes.append(helper.make_node("Conv", [x, name + ".w", name + ".b"], [name], name, strides=[stride] * 2, pads=[size // 2] * 4))
        return name

    def node(op, name, *inputs, **attributes):
        nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    x = node("Relu", "stem.relu", conv("stem", "input", 3, channels, 3, 2))
    for block in range(blocks):
        inner = node("Relu", f"relu{block}", conv(f"expand{block}", x, channels, wide))
        x = node("Add", f"add{block}", x, conv(f"project{block}", inner, wide, channels, gain=0.3))
    x = node("Flatten", "flat", node("GlobalAveragePool", "pool", x))
    head = random.normal(0, 1, (channels // 2, 4))
    weights.append(numpy_helper.from_array(numpy.concatenate([head, -head]).astype(numpy.float32), "head.w"))
    node("MatMul", "logits", x, "head.w")
    graph = helper.make_graph(nodes, "residual", [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4])], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
