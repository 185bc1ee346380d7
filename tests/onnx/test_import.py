"""Every operator that the importer knows, against ONNX Runtime.

Each case is a small classifier: x [1, 3, h, w], a few nodes that make y, a Flatten.
The importer's graph runs in the float engine by `octavo classify --logits`. The binary
is build/release/octavo, or OCTAVO_BINARY.
"""

import os
import pathlib
import subprocess

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("OCTAVO_BINARY", ROOT / "build/release/octavo"))
SHARED = pathlib.Path(os.environ.get("OCTAVO_SHARED", ROOT.parent / "shared"))

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason=f"{BINARY} is not built")

SEED = 20240611
RANDOM = np.random.default_rng(SEED)
CASES = []


def node(op_type, inputs, outputs=("y",), **attributes):
    return helper.make_node(op_type, list(inputs), list(outputs), **attributes)


def floats(*shape, low=-1.0, high=1.0):
    return RANDOM.uniform(low, high, shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def case(name, nodes, constants=None, opsets=(11, 13, 17), shape=(1, 3, 8, 7)):
    """One test an opset; `nodes` and `constants` may be functions of the opset."""
    nodes = nodes if isinstance(nodes, (list, tuple)) or callable(nodes) else [nodes]
    for opset in opsets:
        CASES.append(pytest.param(nodes, constants or {}, opset, shape, id=f"{name}-{opset}"))


def make_model(nodes, constants, opset, shape, declared=None):
    nodes = nodes(opset) if callable(nodes) else nodes
    constants = constants(opset) if callable(constants) else constants
    graph = helper.make_graph(
        list(nodes) + [node("Flatten", ["y"], ["logits"], axis=1)],
        "case",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, declared or shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    domains = sorted({each.domain for each in graph.node if each.domain})
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)], ir_version=8 if opset < 19 else 9 if opset < 21 else 11
    )


def octavo_logits(model_path, x, folder, extra=()):
    np.save(folder / "x.npy", x)
    command = [BINARY, "classify", model_path, folder / "x.npy", "--logits", folder / "y.npy"]
    done = subprocess.run([*command, *extra], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return np.load(folder / "y.npy")


def runtime_logits(model_bytes, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model_bytes, options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def assert_close(found, expected):
    expected = expected.reshape(1, -1)
    assert found.shape == expected.shape
    assert np.isfinite(expected).all(), "the case itself is wrong"
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max() + 1e-6)


# Convolutions and pools

for kernel, pads, strides, dilations, group in [
    ((3, 3), (1, 1, 1, 1), (1, 1), (1, 1), 1),
    ((3, 2), (1, 0, 2, 1), (2, 1), (1, 1), 1),
    ((3, 3), (2, 2, 2, 2), (1, 2), (2, 2), 3),
    ((1, 1), (0, 0, 0, 0), (2, 2), (1, 1), 1),
    ((5, 5), (2, 1, 2, 3), (1, 1), (1, 1), 3),
]:
    case(
        f"Conv{kernel}{pads}{strides}{dilations}{group}",
        node("Conv", ["x", "w", "b"], kernel_shape=kernel, pads=pads, strides=strides,
             dilations=dilations, group=group),
        {"w": floats(6, 3 // group, *kernel), "b": floats(6)},
        opsets=(11, 17, 22),
    )
case("Conv_without_attributes", node("Conv", ["x", "w"]), {"w": floats(4, 3, 3, 3)})
ROWS = node("Reshape", ["x", "rows"], ["r"])
case("Conv_of_rows", [ROWS, node("Conv", ["r", "w", "b"], pads=[1, 2], strides=[2], dilations=[2])],
     {"rows": ints(1, 3, 56), "w": floats(5, 3, 3), "b": floats(5)})
case("Conv_of_rows_same", [ROWS, node("Conv", ["r", "w"], auto_pad="SAME_UPPER", strides=[3])],
     {"rows": ints(1, 3, 56), "w": floats(5, 3, 5)})
for kernel, attributes in [
    ((3, 1, 2), {"pads": [1, 0, 0, 2, 0, 1], "strides": [2, 1, 1], "dilations": [1, 1, 2]}),
    ((3, 3, 1), {"pads": [1, 1, 0, 1, 1, 0], "group": 2}),
    ((1, 2, 2), {"auto_pad": "VALID", "strides": [1, 2, 1]}),
]:
    case(f"Conv_of_maps{kernel}",
         [node("Reshape", ["x", "solid"], ["r"]), node("Conv", ["r", "w", "b"], **attributes)],
         {"solid": ints(1, 2, 7, 4, 3),
          "w": floats(4, 2 // attributes.get("group", 1), *kernel), "b": floats(4)})
for kernel, groups, attributes in [
    ((2, 2), 1, {"strides": [2, 2]}),
    ((3, 3), 1, {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ((4, 3), 3, {"strides": [3, 2], "pads": [0, 1, 2, 0], "dilations": [2, 1]}),
    ((3, 2), 3, {"dilations": [1, 3], "pads": [1, 0, 0, 2]}),
    ((5, 4), 1, {"strides": [2, 3], "dilations": [3, 2], "pads": [5, 4, 6, 3]}),
    ((1, 1), 1, {"strides": [3, 2], "output_padding": [2, 0]}),
    ((7, 7), 1, {"strides": [2, 2], "pads": [9, 9, 9, 9]}),
]:
    case(f"ConvTranspose{kernel}{groups}{attributes.get('strides')}",
         node("ConvTranspose", ["x", "w", "b"], group=groups, **attributes),
         {"w": floats(3, 6 // groups, *kernel), "b": floats(6)}, opsets=(11, 22))
case("ConvTranspose_of_rows",
     [ROWS, node("ConvTranspose", ["r", "w"], strides=[2], pads=[1, 0], group=3)],
     {"rows": ints(1, 3, 56), "w": floats(3, 2, 4)})
for image, block, attributes in [
    ((7, 9), (3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ((9, 12), (2, 3), {"strides": [3, 2], "dilations": [2, 1]}),
    ((4, 5), (1, 1), {}),
]:
    spans = [(size + sum(attributes.get("pads", [0] * 4)[i::2])
              - attributes.get("dilations", [1, 1])[i] * (block[i] - 1) - 1)
             // attributes.get("strides", [1, 1])[i] + 1 for i, size in enumerate(image)]
    rows = 2 * block[0] * block[1]
    case(f"Col2Im{image}{block}",
         [node("Reshape", ["x", "rows"], ["r"]), node("Col2Im", ["r", "image", "block"], **attributes)],
         {"rows": ints(1, rows, spans[0] * spans[1]), "image": ints(*image), "block": ints(*block)},
         opsets=(18,), shape=(1, rows, spans[0], spans[1]))
case("MaxPool_of_rows", [ROWS, node("MaxPool", ["r"], kernel_shape=[3], strides=[2], pads=[1, 1])],
     {"rows": ints(1, 3, 56)})
for activation, parameters in (("Relu", None), ("LeakyRelu", [0.3]), ("Clip", [-0.5, 0.7]),
                               ("HardSigmoid", [0.3, 0.4])):
    case(f"FusedConv_{activation}",
         node("FusedConv", ["x", "w", "b"], domain="com.microsoft", pads=[1, 1, 1, 1],
              activation=activation, **({"activation_params": parameters} if parameters else {})),
         {"w": floats(4, 3, 3, 3), "b": floats(4)}, opsets=(17,))
case("FusedConv_of_a_sum",
     node("FusedConv", ["x", "w", "b", "x"], domain="com.microsoft", pads=[1, 1, 1, 1],
          activation="Relu"),
     {"w": floats(3, 3, 3, 3), "b": floats(3)}, opsets=(17,))
for gelu in ("Gelu", "FastGelu", "QuickGelu"):
    case(f"microsoft_{gelu}", node(gelu, ["x"], domain="com.microsoft"), opsets=(17,))
for gelu in ("BiasGelu", "FastGelu"):
    case(f"microsoft_{gelu}_with_bias", node(gelu, ["x", "b"], domain="com.microsoft"),
         {"b": floats(7)}, opsets=(17,))
case("SkipLayerNormalization",
     [node("Reshape", ["x", "rows"], ["r"]),
      node("SkipLayerNormalization", ["r", "s", "g", "b", "c"], ["n", "", "", "sum"],
           domain="com.microsoft", epsilon=1e-6),
      node("Add", ["n", "sum"])],
     {"rows": ints(1, 8, 21), "s": floats(1, 8, 21), "g": floats(21), "b": floats(21),
      "c": floats(21)}, opsets=(17,))
case("BatchNormalization_of_weights",
     [node("BatchNormalization", ["w", "g", "b", "m", "m"], ["n", "mean", "variance"],
           training_mode=1, epsilon=1e-6),
      node("Reshape", ["n", "kernel"], ["k"]), node("Conv", ["x", "k"])],
     {"w": floats(1, 5, 27), "g": floats(5), "b": floats(5), "m": floats(5),
      "kernel": ints(5, 3, 3, 3)}, opsets=(14, 17))
for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    case(f"Conv_{mode}", node("Conv", ["x", "w"], auto_pad=mode, strides=[2, 2]),
         {"w": floats(4, 3, 4, 3)})
    case(f"MaxPool_{mode}",
         node("MaxPool", ["x"], auto_pad=mode, kernel_shape=[2, 3], strides=[2, 2]))
case("MaxPool", node("MaxPool", ["x"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
     opsets=(8, 11, 12, 22))
for ceil_mode in (0, 1):
    case(f"MaxPool_ceil{ceil_mode}",
         node("MaxPool", ["x"], kernel_shape=[3, 2], strides=[2, 2], ceil_mode=ceil_mode))
    for include in (0, 1):
        case(f"AveragePool_ceil{ceil_mode}_include{include}",
             node("AveragePool", ["x"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
                  ceil_mode=ceil_mode, count_include_pad=include), opsets=(11, 19, 22))
case("MaxPool_dilated", node("MaxPool", ["x"], kernel_shape=[2, 2], dilations=[2, 3]))
case("GlobalAveragePool", node("GlobalAveragePool", ["x"]), opsets=(11, 22))
case("GlobalMaxPool", node("GlobalMaxPool", ["x"]), opsets=(11, 22))

# Matrices

for trans_a in (0, 1):
    for trans_b in (0, 1):
        case(
            f"Gemm_{trans_a}{trans_b}",
            [node("Reshape", ["x", "s"], ["m"]),
             node("Gemm", ["m", "w", "c"], transA=trans_a, transB=trans_b, alpha=0.5, beta=2.0)],
            {"s": ints(*((24, 7) if trans_a else (7, 24))),
             "w": floats(*((5, 24) if trans_b else (24, 5))), "c": floats(5)},
        )
for name, c in {"scalar": floats(), "column": floats(24, 1), "full": floats(24, 5)}.items():
    case(f"Gemm_C_{name}", [node("Reshape", ["x", "s"], ["m"]), node("Gemm", ["m", "w", "c"])],
         {"s": ints(24, 7), "w": floats(7, 5), "c": c})
case("MatMul_constant", node("MatMul", ["x", "w"]), {"w": floats(7, 5)})
case("MatMul_left", node("MatMul", ["w", "x"]), {"w": floats(5, 8)})
case("MatMul_batched", node("MatMul", ["x", "w"]), {"w": floats(1, 3, 7, 4)})
case("MatMul_vector", node("MatMul", ["x", "w"]), {"w": floats(7)})
case("MatMul_row_vector", node("MatMul", ["w", "x"]), {"w": floats(8)})
case("MatMul_computed",
     [node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]), node("MatMul", ["x", "t"])])

for equation, w in {
    "nchw,wk->nchk": floats(7, 5), "nchw,cwk->nkhc": floats(3, 7, 4), "nchw,khc": floats(2, 8, 3),
    "nchw,d->ndwhc": floats(2), "nchw,nchw->nh": floats(1, 3, 8, 7), "...w,kw->...k": floats(4, 7),
    "n c h w , k w d -> n d c h": floats(2, 7, 3), "wk,nchw->kc": floats(7, 3),
    "nchw,h->nchw": floats(8),
}.items():
    case(f"Einsum_{equation}",
         node("Einsum", ["w", "x"] if equation[0] == "w" else ["x", "w"], equation=equation),
         {"w": w}, opsets=(12, 17))
for equation in ("nchw->nwhc", "nchw->cn", "...hw->...wh", "nchw"):
    case(f"Einsum_{equation}", node("Einsum", ["x"], equation=equation), opsets=(12,))
case("Einsum_computed",
     [node("Tanh", ["x"], ["t"]), node("Einsum", ["x", "t"], equation="nchw,ncgw->ncgh")],
     opsets=(12,))
case("Einsum_of_three",
     [node("Tanh", ["x"], ["t"]), node("Einsum", ["x", "t", "w"], equation="nchw,nckw,kd->nhd")],
     {"w": floats(8, 4)}, opsets=(12,))

# Elementwise, behind a Tanh: arithmetic on the input itself counts as preprocessing

TANH = node("Tanh", ["x"], ["t"])

for op_type in ("Add", "Sub", "Mul", "Div"):
    case(op_type, [TANH, node(op_type, ["t", "c"])], {"c": floats(3, 1, 1, low=0.5)},
         opsets=(7, 13, 20))
    case(f"{op_type}_reversed", [node("Exp", ["x"], ["e"]), node(op_type, ["c", "e"])],
         {"c": floats(7)})
case("Pow", [node("Abs", ["x"], ["a"]), node("Pow", ["a", "c"])], {"c": np.float32(1.5)})
case("Pow_integer", node("Pow", ["x", "c"]), {"c": np.int64(2)}, opsets=(12, 13, 17))
for op_type in ("Min", "Max", "Sum", "Mean"):
    case(op_type, [TANH, node(op_type, ["t", "c", "d"])],
         {"c": floats(3, 1, 1), "d": floats(1, 7)}, opsets=(8, 13))
    case(f"{op_type}_single", node(op_type, ["x"]), opsets=(8, 13))
for op_type in ("Abs", "Neg", "Exp", "Erf", "Sigmoid", "Tanh", "Relu", "Softplus", "Softsign",
                "Elu", "Selu", "LeakyRelu", "HardSigmoid", "Identity", "Sin", "Cos"):
    case(op_type, node(op_type, ["x"]), opsets=(9, 13, 20, 22))
for op_type in ("Sqrt", "Log", "Reciprocal"):
    case(op_type, [node("Exp", ["x"], ["e"]), node(op_type, ["e"])], opsets=(9, 13))
case("HardSwish", node("HardSwish", ["x"]), opsets=(14, 22))
case("Mish", node("Mish", ["x"]), opsets=(18, 22))
for approximate in ("none", "tanh"):
    case(f"Gelu_{approximate}", node("Gelu", ["x"], approximate=approximate), opsets=(20,))
case("Elu_alpha", node("Elu", ["x"], alpha=0.5))
case("LeakyRelu_alpha", node("LeakyRelu", ["x"], alpha=0.3), opsets=(11, 16))
case("HardSigmoid_alpha", node("HardSigmoid", ["x"], alpha=1 / 6))
case("PRelu_scalar", node("PRelu", ["x", "s"]), {"s": np.float32([0.2])}, opsets=(9, 16))
case("PRelu_channel", node("PRelu", ["x", "s"]), {"s": floats(3, 1, 1)}, opsets=(9, 16))
case("Clip_attributes", node("Clip", ["x"], min=-0.5, max=0.7), opsets=(6, 7, 10))
case("Clip_attribute_max", node("Clip", ["x"], max=0.1), opsets=(9,))
case("Clip_scalars", node("Clip", ["x", "l", "h"]), {"l": np.float32(0), "h": np.float32(0.6)})
case("Clip_max", node("Clip", ["x", "", "h"]), {"h": np.float32(0.3)})
case("Clip_min", node("Clip", ["x", "l"]), {"l": np.float32(0.2)})
case("Clip_min_zero", node("Clip", ["x", "l"]), {"l": np.float32(0)})

# Normalizations

case("BatchNormalization", node("BatchNormalization", ["x", "g", "b", "m", "v"], epsilon=1e-3),
     {"g": floats(3), "b": floats(3), "m": floats(3), "v": floats(3, low=0.1, high=2)},
     opsets=(9, 14, 15))
for axis in (-1, 2, 1):
    inner = (1, 3, 8, 7)[axis % 4:]
    case(f"LayerNormalization{axis}",
         node("LayerNormalization", ["x", "g", "b"], axis=axis, epsilon=1e-6),
         {"g": floats(*inner), "b": floats(*inner)}, opsets=(17, 20))
case("LayerNormalization_without_bias", node("LayerNormalization", ["x", "g"]),
     {"g": floats(7)}, opsets=(17,))
case("InstanceNormalization", node("InstanceNormalization", ["x", "g", "b"]),
     {"g": floats(3), "b": floats(3)}, opsets=(11, 22))
case("GroupNormalization",
     [node("Concat", ["x", "x"], ["c"], axis=1),
      node("GroupNormalization", ["c", "g", "b"], num_groups=2)],
     lambda opset: {"g": GROUP[: 6 if opset >= 21 else 2], "b": GROUP[-6 if opset >= 21 else -2:]},
     opsets=(18, 21))
GROUP = floats(12)
for size in (3, 5):
    case(f"LRN{size}", node("LRN", ["x"], size=size, alpha=0.3, beta=0.6, bias=1.5),
         opsets=(11, 13), shape=(1, 6, 4, 5))
for axis in (-1, 1, 2):
    # A final Softmax or LogSoftmax is taken off, so these are not final.
    case(f"Softmax{axis}", [node("Softmax", ["x"], ["s"], axis=axis), node("Sqrt", ["s"])],
         opsets=(9, 11, 12, 13, 17))
    case(f"LogSoftmax{axis}", [node("LogSoftmax", ["x"], ["s"], axis=axis), node("Neg", ["s"])],
         opsets=(11, 13))
case("Softmax_default", [node("Softmax", ["x"], ["s"]), node("Sqrt", ["s"])], opsets=(11, 13))

# Reductions

for op_type, since in {"ReduceMean": 18, "ReduceSum": 13, "ReduceMax": 18, "ReduceMin": 18,
                       "ReduceL1": 18, "ReduceL2": 18, "ReduceSumSquare": 18}.items():
    for axes, keep in (((2, 3), 1), ((-1,), 0), ((1, -2), 0)):
        name = f"{op_type}{axes}{keep}"
        case(name, node(op_type, ["x"], axes=axes, keepdims=keep),
             opsets=[o for o in (11, 12, 17) if o < since])
        case(name, node(op_type, ["x", "a"], keepdims=keep), {"a": ints(*axes)},
             opsets=[o for o in (13, 18, 20) if o >= since])
    case(f"{op_type}_all", node(op_type, ["x"]), opsets=(11, 18))
case("ReduceLogSum", [node("Exp", ["x"], ["e"]), node("ReduceLogSum", ["e"], axes=[1])],
     opsets=(11, 13))
case("Reduce_noop", node("ReduceMean", ["x"], noop_with_empty_axes=1), opsets=(18,))

# Shapes and order

for target in ((1, -1), (0, 0, -1), (1, 7, 8, 3)):
    case(f"Reshape{target}", node("Reshape", ["x", "s"]), {"s": ints(*target)}, opsets=(5, 13, 20))
case("Reshape_allowzero", node("Reshape", ["x", "s"], allowzero=1), {"s": ints(1, 24, 7)},
     opsets=(14, 19))
for axis in (0, 1, 2, 3, -1, 4):
    case(f"Flatten{axis}", [node("Flatten", ["x"], ["f"], axis=axis),
                            node("Reshape", ["f", "s"])], {"s": ints(1, -1)}, opsets=(11, 13))
case("Transpose", node("Transpose", ["x"], perm=[0, 2, 3, 1]), opsets=(11, 21))
case("Transpose_default", node("Transpose", ["x"]))
case("Squeeze_Unsqueeze",
     lambda opset:
     [node("Unsqueeze", ["x"], ["u"], axes=[1, -1]), node("Squeeze", ["u"], axes=[0, -1])]
     if opset < 13 else
     [node("Unsqueeze", ["x", "a"], ["u"]), node("Squeeze", ["u", "b"])],
     lambda opset: {} if opset < 13 else {"a": ints(1, -1), "b": ints(0, -1)},
     opsets=(11, 13, 20))
case("Squeeze_all", [node("Squeeze", ["x"], ["q"]), node("Reshape", ["q", "s"])],
     {"s": ints(1, -1)})
for axis in (1, -1):
    case(f"Concat{axis}", node("Concat", ["x", "x", "c"], axis=axis),
         {"c": floats(*((1, 2, 8, 7) if axis == 1 else (1, 3, 8, 2)))})
PARTS = [node("Mul", ["p", "p"], ["pp"]), node("Concat", ["q", "pp"], axis=2)]
case("Split_equal", [node("Split", ["x"], ["p", "q"], axis=2)] + PARTS, opsets=(7, 11, 13))
case("Split_attribute", [node("Split", ["x"], ["p", "q"], axis=-2, split=[3, 5])] + PARTS,
     opsets=(7, 11))
case("Split_input", [node("Split", ["x", "s"], ["p", "q"], axis=2)] + PARTS, {"s": ints(6, 2)},
     opsets=(13, 18, 20))
case("Split_num_outputs",
     [node("Split", ["x"], ["p", "q", "r"], axis=2, num_outputs=3),
      node("Concat", ["r", "p"], axis=2)],
     opsets=(18, 20))
case("Slice_attributes", node("Slice", ["x"], starts=[1, -3], ends=[100, -1], axes=[1, 3]),
     opsets=(7, 9))
for starts, ends, axes, steps in [
    ((1,), (2**63 - 1,), (2,), (1,)), ((0, 1), (8, 7), (2, 3), (2, 3)),
    ((-1,), (-(2**63),), (3,), (-1,)), ((6, 0), (1, 3), (3, 1), (-2, 1)),
    ((-5,), (-1,), (-2,), (1,)),
]:
    case(f"Slice{starts}{ends}{steps}", node("Slice", ["x", "s", "e", "a", "t"]),
         {"s": ints(*starts), "e": ints(*ends), "a": ints(*axes), "t": ints(*steps)},
         opsets=(10, 13))
case("Slice_without_axes", node("Slice", ["x", "s", "e"]), {"s": ints(0, 1, 2), "e": ints(1, 3, 5)})
for name, indices, axis in [("list", ints(2, 0, -1), 1), ("scalar", np.int64(1), 2),
                            ("matrix", ints(0, 1, 2, 3, 3, 2).reshape(2, 3), 3),
                            ("identity", ints(0, 1, 2), 1)]:
    case(f"Gather_{name}", node("Gather", ["x", "i"], axis=axis), {"i": indices})
for name, box in {"channels": np.s_[:, 1:3], "rows": np.s_[:, :, 2:]}.items():
    tuples = np.stack(np.meshgrid(*map(np.arange, (1, 3, 8)), indexing="ij"), -1)[box]
    case(f"ScatterND_{name}", node("ScatterND", ["x", "i", "u"]),
         {"i": tuples.astype(np.int64), "u": floats(*tuples.shape[:-1], 7)}, opsets=(11, 16, 18))
for name, tuples in [("tuples", ints(0, 1, 5, 0, 2, 0, 0, -1, -8).reshape(3, 3)),
                     ("grid", np.stack(np.meshgrid([0], [2, 0], [7, 1, 4], indexing="ij"), -1)),
                     ("first", ints(0, 0).reshape(2, 1))]:
    case(f"GatherND_{name}", node("GatherND", ["x", "i"]), {"i": tuples}, opsets=(11, 12, 13))
MASK = np.arange(8 * 7).reshape(8, 7) % 3 == 0
for name, operands, more in [
    ("two", ["x", "t"], [node("Sigmoid", ["x"], ["t"])]), ("zero", ["zero", "x"], []),
    ("row", ["x", "row"], []), ("nothing", ["x", "zero"], []),
]:
    case(f"Where_masks_{name}", [*more, node("Where", ["m", *operands])],
         {"m": MASK, "zero": np.float32(0), "row": floats(7)}, opsets=(9, 16))
case("Expand", node("Expand", ["x", "s"]), {"s": ints(2, 1, 3, 1, 1)}, opsets=(8, 13))
case("Tile", node("Tile", ["x", "r"]), {"r": ints(1, 2, 1, 3)})
case("Pad_attributes", node("Pad", ["x"], pads=[0, 0, 1, 2, 0, 1, 0, 1], value=0.5),
     opsets=(7, 10))
for mode in ("constant", "reflect", "edge"):
    case(f"Pad_{mode}", node("Pad", ["x", "p"], mode=mode), {"p": ints(0, 0, 1, 2, 0, 0, 3, 1)},
         opsets=(11, 13, 19))
case("Pad_value", node("Pad", ["x", "p", "v"]),
     {"p": ints(0, 0, 1, 2, 0, 0, 3, 1), "v": np.float32(-0.25)})
case("Pad_crop", node("Pad", ["x", "p"]), {"p": ints(0, 0, -1, 2, 0, 0, 3, -2)})
case("Pad_axes", node("Pad", ["x", "p", "", "a"]), {"p": ints(1, 2, 3, 0), "a": ints(-1, 1)},
     opsets=(18,))
case("Pad_zero", node("Pad", ["x", "p"]), {"p": ints(0, 0, 0, 0, 0, 0, 0, 0)})
for mode in ("DCR", "CRD"):
    case(f"DepthToSpace_{mode}", node("DepthToSpace", ["x"], blocksize=2, mode=mode),
         opsets=(11, 13), shape=(1, 8, 3, 5))
case("SpaceToDepth", node("SpaceToDepth", ["x"], blocksize=2), opsets=(11, 13), shape=(1, 3, 8, 6))
case("Dropout", node("Dropout", ["x"]), opsets=(7, 10, 13))
case("Dropout_inputs", node("Dropout", ["x", "r", "t"]),
     {"r": np.float32(0.5), "t": np.bool_(False)}, opsets=(12, 13))
case("Cast_float", node("Cast", ["x"], to=TensorProto.FLOAT), opsets=(9, 13, 19))

# Resizes

case("Upsample_attributes", node("Upsample", ["x"], mode="nearest", scales=[1.0, 1.0, 2.0, 3.0]),
     opsets=(7, 8))
for mode in ("nearest", "linear"):
    case(f"Upsample_{mode}", node("Upsample", ["x", "s"], mode=mode),
         {"s": np.float32([1, 1, 2, 3])}, opsets=(9,))
    case(f"Resize10_{mode}", node("Resize", ["x", "s"], mode=mode),
         {"s": np.float32([1, 1, 2, 2])}, opsets=(10,))
case("Resize10_down", node("Resize", ["x", "s"], mode="nearest"),
     {"s": np.float32([1, 1, 0.6, 0.7])}, opsets=(10,))
for mode in ("nearest", "linear", "cubic"):
    for coordinates in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"):
        case(f"Resize_{mode}_{coordinates}",
             node("Resize", ["x", "", "s"], mode=mode, coordinate_transformation_mode=coordinates),
             {"s": np.float32([1, 1, 2, 1.5])}, opsets=(13, 19))
for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
    case(f"Resize_{nearest}",
         node("Resize", ["x", "", "s"], mode="nearest", nearest_mode=nearest,
              coordinate_transformation_mode="asymmetric"),
         {"s": np.float32([1, 1, 1.5, 2])}, opsets=(13,))
case("Resize_roi", node("Resize", ["x", "r", "s"], mode="linear"),
     {"r": np.float32([]), "s": np.float32([1, 1, 2, 2])}, opsets=(11, 13))
case("Resize_sizes", node("Resize", ["x", "", "", "n"], mode="linear"),
     {"n": ints(1, 3, 11, 5)}, opsets=(13, 18))
case("Resize_axes", node("Resize", ["x", "", "s"], mode="linear", axes=[2, 3]),
     {"s": np.float32([2, 2])}, opsets=(18,))
case("Resize_line",
     [node("Reshape", ["x", "line"], ["l"]), node("Resize", ["l", "", "s"], ["r"], mode="linear"),
      node("Reshape", ["r", "map"])],
     {"s": np.float32([1, 1, 0.5]), "line": ints(1, 3, 56), "map": ints(1, 3, 4, 7)}, opsets=(13,))
case("Resize_channels_last",
     [node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
      node("Resize", ["t", "", "s"], mode="linear")],
     {"s": np.float32([1, 2, 2, 1])}, opsets=(13,))

# Foldable parts

case("Shape_arithmetic", [
    node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "two"], ["h"], axis=0),
    node("Div", ["h", "three"], ["third"]), node("Mul", ["third", "two"], ["cut"]),
    node("Mod", ["h", "three"], ["rest"]), node("Sub", ["cut", "rest"], ["stop"]),
    node("Unsqueeze", ["stop"], ["stops"], axes=[0]), node("Slice", ["x", "zero", "stops", "axis"]),
], {"two": np.int64(2), "three": np.int64(3), "zero": ints(0), "axis": ints(2)}, opsets=(11,))
case("Reshape_by_shape", [
    node("Shape", ["x"], ["shape"]), node("Slice", ["shape", "from", "to"], ["head"]),
    node("Concat", ["head", "rest"], ["target"], axis=0), node("Reshape", ["x", "target"]),
], {"from": ints(0), "to": ints(2), "rest": ints(-1)})
case("Pad_as_pytorch_writes_it", [
    node("Constant", [], ["pads"], value=numpy_helper.from_array(ints(1, 2, 0, 1))),
    node("ConstantOfShape", ["four"], ["zeros"], value=numpy_helper.from_array(ints(0))),
    node("Concat", ["pads", "zeros"], ["all"], axis=0), node("Reshape", ["all", "pairs"], ["m"]),
    node("Slice", ["m", "last", "first", "axis0", "back"], ["r"]),
    node("Transpose", ["r"], ["t"], perm=[1, 0]), node("Reshape", ["t", "flat"], ["f"]),
    node("Cast", ["f"], ["i"], to=TensorProto.INT64), node("Pad", ["x", "i"]),
], {"four": ints(4), "pairs": ints(-1, 2), "last": ints(-1), "first": ints(-(2**63)),
    "axis0": ints(0), "back": ints(-1), "flat": ints(-1)})
case("Position_encoding", [
    node("ConstantOfShape", ["size"], ["ones"], value=numpy_helper.from_array(np.float32([1]))),
    node("CumSum", ["ones", "axis"], ["steps"]), node("Div", ["steps", "seven"], ["angle"]),
    node("Sin", ["angle"], ["sine"]), node("Cos", ["angle"], ["cosine"]),
    node("Concat", ["sine", "cosine"], ["both"], axis=1), node("Conv", ["both", "w"], ["encoding"]),
    node("Add", ["x", "encoding"]),
], {"size": ints(1, 2, 8, 7), "axis": np.int64(2), "seven": np.float32(7),
    "w": floats(3, 4, 1, 1)})
case("Range_Where_Equal", [
    node("Range", ["zero", "seven", "one"], ["steps"]), node("Equal", ["steps", "three"], ["is"]),
    node("Not", ["is"], ["not"]), node("Where", ["not", "a", "b"], ["c"]), node("Mul", ["x", "c"]),
], {"zero": np.int64(0), "seven": np.int64(7), "one": np.int64(1), "three": np.int64(3),
    "a": floats(7), "b": np.float32([5])})
for k in (-2, 0, 3):
    case(f"EyeLike{k}", [node("EyeLike", ["c"], ["e"], k=k), node("MatMul", ["x", "e"])],
         {"c": floats(7, 5)}, opsets=(9, 13))
case("EyeLike_of_integers",
     [node("ConstantOfShape", ["size"], ["c"]), node("EyeLike", ["c"], ["i"], dtype=TensorProto.INT64),
      node("Cast", ["i"], ["e"], to=TensorProto.FLOAT), node("Add", ["x", "e"])],
     {"size": ints(8, 7)})
case("Constant_forms", [
    node("Constant", [], ["f"], value_float=0.5),
    node("Constant", [], ["fs"], value_floats=[1.0] * 7),
    node("Constant", [], ["i"], value_int=2), node("Constant", [], ["is"], value_ints=[1, 3, 8, 7]),
    TANH, node("Mul", ["t", "f"], ["m"]), node("Add", ["m", "fs"], ["a"]),
    node("Reshape", ["a", "is"], ["r"]),
    node("Gather", ["r", "i"], axis=3),
], opsets=(12, 13, 19))
case("Floor_Ceil_Round", [
    node("Floor", ["c"], ["f"]), node("Ceil", ["c"], ["g"]), node("Round", ["c"], ["r"]),
    node("Add", ["f", "g"], ["fg"]), node("Mul", ["fg", "r"], ["s"]), node("Add", ["x", "s"]),
], {"c": np.float32([-1.5, -0.5, 0.5, 1.5, 2.5, 0.2, -0.7])})
case("Constant_products", [
    node("Transpose", ["w"], ["t"], perm=[1, 0]), node("MatMul", ["w", "t"], ["m"]),
    node("ReduceMean", ["m"], ["mean"], axes=[0], keepdims=1),
    node("ReduceMax", ["m"], ["max"], axes=[1]),
    node("Sub", ["mean", "max"], ["d"]), node("MatMul", ["x", "d"]),
], {"w": floats(7, 4)}, opsets=(11, 13, 17))
case("Weights_of_half_precision",
     [node("Cast", ["w16"], ["w"], to=TensorProto.FLOAT), node("Conv", ["x", "w"])],
     {"w16": floats(4, 3, 3, 3).astype(np.float16)})
case("Weights_of_double_precision",
     [node("Cast", ["w64"], ["w"], to=TensorProto.FLOAT), node("Conv", ["x", "w"])],
     {"w64": floats(4, 3, 3, 3).astype(np.float64)})


# Outputs that nothing reads may have names.
case("Dropout_with_a_mask", [node("Dropout", ["x"], ["d", "mask"]), node("Tanh", ["d"])], opsets=(7, 12, 13))
case("MaxPool_with_indices", node("MaxPool", ["x"], ["y", "indices"], kernel_shape=[2, 2]))

for keepdims in (0, 1):
    case(f"ReduceLogSumExp_{keepdims}", node("ReduceLogSumExp", ["x"], axes=[2, 3], keepdims=keepdims), opsets=(11, 17))
for p in (1, 2):
    case(f"LpNormalization_{p}", node("LpNormalization", ["x"], axis=1, p=p), opsets=(11, 22))
case("LpPool", node("LpPool", ["x"], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], p=2), opsets=(11, 18))
case("GlobalLpPool", node("GlobalLpPool", ["x"], p=2))
case("Celu", node("Celu", ["x"], alpha=0.7), opsets=(12, 17))
case("MeanVarianceNormalization", node("MeanVarianceNormalization", ["x"], axes=[2, 3]), opsets=(9, 13))
case("MeanVarianceNormalization_default", node("MeanVarianceNormalization", ["x"]), opsets=(13,))
case("MeanVarianceNormalization_of_all", node("MeanVarianceNormalization", ["x"], axes=[1, 2, 3]), opsets=(13,))
case("RMSNormalization", node("RMSNormalization", ["x", "s"], epsilon=1e-3), {"s": floats(7)}, opsets=(23,))
case("RMSNormalization_of_two_axes", node("RMSNormalization", ["x", "s"], axis=-2), {"s": floats(8, 7)}, opsets=(23,))
case("Pad_wrap", node("Pad", ["x", "p"], mode="wrap"), {"p": ints(0, 1, 2, 0, 0, 3, 8, 7)}, opsets=(19,))
for extreme in ("Max", "Min"):
    case(f"{extreme}_of_channels", node(extreme, ["x", "t"]), {"t": floats(3, 1, 1)})
    case(f"{extreme}_of_channels_first", node(extreme, ["t", "x"]), {"t": floats(1, 3, 1, 1)})
for exponent in (0.75, -0.5, 2.5, 5.0):
    case(f"Pow_{exponent}", [node("Exp", ["x"], ["e"]), node("Pow", ["e", "p"])], {"p": np.float32([exponent])},
         opsets=(11, 17))
case("Pow_of_negative_numbers", node("Pow", ["x", "p"]), {"p": np.float32(5)})

ROWS_OF_X = [node("Reshape", ["x", "rows"], ["a"])]
for name, equation, other in [
    ("products", "bij,jk->bik", floats(7, 5)), ("turned", "bij,kj->bki", floats(5, 7)),
    ("two_axes", "bij,ijk->bk", floats(24, 7, 4)), ("into_axes", "bij,jkl->bikl", floats(7, 2, 3)),
    ("implicit", "bij,jk", floats(7, 5)), ("summed", "bij,jk->bk", floats(7, 5)), ("spaces", "b i j , j k -> b i k", floats(7, 5)),
    ("elements", "bij,j->bij", floats(7)), ("outer", "bij,k->bikj", floats(3)), ("constant_first", "bij,kj->kbi", floats(5, 7)),
]:
    case(f"Einsum_{name}", ROWS_OF_X + [node("Einsum", ["a", "w"], equation=equation)],
         {"rows": ints(1, 24, 7), "w": other}, opsets=(12, 17))
case("Einsum_of_one", ROWS_OF_X + [node("Einsum", ["a"], equation="bij->ji")], {"rows": ints(1, 24, 7)}, opsets=(12,))
case("Einsum_of_one_summed", ROWS_OF_X + [node("Einsum", ["a"], equation="bij->bj")], {"rows": ints(1, 24, 7)}, opsets=(12,))
case("Einsum_of_activations", [node("Tanh", ["x"], ["t"]), node("Einsum", ["x", "t"], equation="bcij,bckj->bcik")],
     opsets=(12,))
case("Einsum_of_activations_turned", [node("Tanh", ["x"], ["t"]), node("Einsum", ["x", "t"], equation="acbe,aceb->aec")],
     opsets=(12,), shape=(1, 3, 8, 8))

FLAT = [node("Flatten", ["x"], ["f"])]
for activation, parameters in [("Relu", {}), ("Tanh", {}), ("LeakyRelu", {"activation_alpha": 0.1}),
                               ("Elu", {"activation_alpha": 0.7}),
                               ("HardSigmoid", {"activation_alpha": 0.2, "activation_beta": 0.4})]:
    case(f"FusedGemm_{activation}", FLAT + [node("FusedGemm", ["f", "w", "b"], transB=1, alpha=0.5, activation=activation,
                                                 domain="com.microsoft", **parameters)],
         {"w": floats(5, 168), "b": floats(5)}, opsets=(17,))
case("FusedMatMul", node("FusedMatMul", ["x", "w"], transB=1, alpha=0.5, domain="com.microsoft"), {"w": floats(5, 7)},
     opsets=(17,))
case("FusedMatMul_of_activations", node("FusedMatMul", ["x", "x"], transA=1, alpha=2.0, domain="com.microsoft"), opsets=(17,))


def attention(**attributes):
    """x [1, 3, 8, 6] as q, k and v of three axes, through matrices of different widths."""
    return [node("Reshape", ["x", "tokens"], ["t"]),
            node("MatMul", ["t", "wq"], ["q"]), node("MatMul", ["t", "wk"], ["k"]),
            node("MatMul", ["t", "wv"], ["v"]),
            node("Attention", ["q", "k", "v"] + attributes.pop("mask", []), **attributes)]


case("Attention_tokens", attention(q_num_heads=4, kv_num_heads=4, mask=["m"]),
     {"tokens": ints(1, 24, 6), "wq": floats(6, 20), "wk": floats(6, 20), "wv": floats(6, 12),
      "m": floats(24, 24)}, opsets=(23,), shape=(1, 3, 8, 6))
case("Attention_scale", attention(q_num_heads=2, kv_num_heads=2, scale=0.7),
     {"tokens": ints(1, 24, 6), "wq": floats(6, 8), "wk": floats(6, 8), "wv": floats(6, 4)},
     opsets=(23,), shape=(1, 3, 8, 6))
case("Attention_heads", node("Attention", ["x", "x", "x"]), opsets=(23,))


@pytest.mark.parametrize("nodes, constants, opset, shape", CASES)
def test_operator_equals_onnx_runtime(nodes, constants, opset, shape, tmp_path):
    model = make_model(nodes, constants, opset, shape)
    onnx.save(model, tmp_path / "model.onnx")
    x = np.random.default_rng(SEED).normal(0, 1, shape).astype(np.float32)
    expected = runtime_logits(model.SerializeToString(), x)
    assert_close(octavo_logits(tmp_path / "model.onnx", x, tmp_path), expected)


CONV = [node("Conv", ["x", "w"], strides=[2, 2], auto_pad="SAME_UPPER")]


@pytest.mark.parametrize("channels_last", [False, True])
def test_open_height_and_width_come_from_size(channels_last, tmp_path):
    weights = {"w": floats(4, 3, 3, 3)}
    nodes, shape, declared = CONV, (1, 3, 9, 10), ("n", 3, "h", "w")
    if channels_last:
        nodes = [node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
                 node("Conv", ["t", "w"], strides=[2, 2], auto_pad="SAME_UPPER")]
        shape, declared = (1, 9, 10, 3), ("n", "h", "w", 3)
    model = make_model(nodes, weights, 13, shape, declared)
    onnx.save(model, tmp_path / "model.onnx")
    x = floats(*shape)
    found = octavo_logits(tmp_path / "model.onnx", x, tmp_path, ["--size", "9x10"])
    assert_close(found, runtime_logits(model.SerializeToString(), x))


def test_a_normalization_inside_the_file_applies_to_tensors_too(tmp_path):
    nodes = [node("Sub", ["x", "mean"], ["centred"]), node("Div", ["centred", "std"], ["normal"]),
             node("Conv", ["normal", "w"], pads=[1, 1, 1, 1])]
    constants = {"mean": floats(3, 1, 1), "std": floats(3, 1, 1, low=0.5), "w": floats(4, 3, 3, 3)}
    model = make_model(nodes, constants, 13, (1, 3, 8, 8))
    onnx.save(model, tmp_path / "model.onnx")
    x = floats(1, 3, 8, 8)
    assert_close(octavo_logits(tmp_path / "model.onnx", x, tmp_path),
                 runtime_logits(model.SerializeToString(), x))


def test_one_channel_input(tmp_path):
    model = make_model(CONV, {"w": floats(4, 1, 3, 3)}, 13, (1, 1, 8, 8))
    onnx.save(model, tmp_path / "model.onnx")
    x = floats(1, 1, 8, 8)
    assert_close(octavo_logits(tmp_path / "model.onnx", x, tmp_path),
                 runtime_logits(model.SerializeToString(), x))


def test_external_data_and_initializers_as_inputs(tmp_path):
    weights = {"w": floats(16, 3, 9, 9)}
    model = make_model([node("Conv", ["x", "w"], pads=[4, 4, 4, 4])], weights, 13, (1, 3, 8, 8))
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, (16, 3, 9, 9)))
    x = floats(1, 3, 8, 8)
    expected = runtime_logits(model.SerializeToString(), x)
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, location="weights.bin")
    assert (tmp_path / "weights.bin").stat().st_size >= 16 * 3 * 81 * 4
    assert_close(octavo_logits(tmp_path / "model.onnx", x, tmp_path), expected)


MODELS = sorted(SHARED.glob("models/*.onnx")) + sorted(SHARED.glob("models/small/*.onnx"))


@pytest.mark.skipif(not MODELS, reason=f"no models in {SHARED}/models")
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_trained_model_equals_onnx_runtime(path, tmp_path):
    shape = [d.dim_value for d in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(SEED).normal(0, 1, shape).astype(np.float32)
    assert_close(octavo_logits(path, x, tmp_path), runtime_logits(path.read_bytes(), x))
