"""Every code of a quantized file's plan that is not the exact one is a tie (ties.py)."""

import functools
import pathlib
import platform

import numpy
import pytest

import qdq_networks as networks
from program import BINARY, run
from test_qdq import Pairs

pytest.importorskip("onnxruntime.quantization")
import ties

COUNT, TOOL = 8, BINARY.parent / "step_codes"


@pytest.fixture(scope="module")
def inputs():
    for program in (BINARY, TOOL):
        if not program.exists():
            pytest.skip(f"{program} is not built")
    pixels = networks.pictures(COUNT)
    return pixels, networks.normalized(pixels)


def planned(path, inputs):
    """The file, what its plan stores, by tensor, and as the file rounds."""
    plan = path.with_suffix(".octavo")
    done = run("build", path, "-o", plan, "--overwrite", "-q", *networks.FLAGS)
    assert done.returncode == 0, done.stderr
    file = ties.ExactFile(path)
    tensors = ties.plan_tensors(TOOL, plan, inputs[0])
    return file, tensors, ties.plan_codes(file, tensors, inputs[1])


def runtime_saturates():
    """Whether ONNX Runtime's integer kernels saturate sums of two products: on x86 without VNNI."""
    return platform.machine() == "x86_64" and "vnni" not in pathlib.Path("/proc/cpuinfo").read_text()


def expect_ties_alone(path, inputs, least=6, step=None, by_integers=False):
    """Of the plan and of the runtime, unless this computes by_integers, which are not exact everywhere. Least:
    roundings that are compared."""
    file, tensors, made = planned(path, inputs)
    outputs = numpy.stack([list(values.values())[-1] for values in tensors])
    theirs, their_outputs = ties.runtime_codes(path, inputs[1])
    step = step or networks.output_scale(path)
    judged = [("plan", made, outputs, True), ("runtime", theirs, their_outputs, False)]
    if by_integers and runtime_saturates():
        judged.pop()
        print("the runtime is not judged: without VNNI its integer kernels saturate")
    for who, codes, got, exact_sums in judged:
        counts, exact = ties.counted(file, inputs[1], codes, exact_sums)
        values, near, changed = (sum(getattr(c, key) for c in counts) for key in ("values", "near", "changed"))
        print(f"{who}: {len(counts)} roundings, {values} values, {near} near a border, {changed} turned over")
        assert len(counts) >= least and values > 1000
        assert [c for c in counts if c.changed > c.ties] == []
        assert abs(got - exact).max() <= step
    return file, made, theirs


@pytest.mark.parametrize("activations", ["u8", "s8", "u16"])
@pytest.mark.parametrize("name", ["mobile", "branches", "curves"])
def test_codes_of_convolutions_additions_pools_and_functions_are_exact_but_for_ties(inputs, tmp_path, name, activations):
    options = {"extra_options": {"UseQDQContribOps": True}} if activations == "u16" else {}
    path = networks.quantize(getattr(networks, name)(), tmp_path / "q.onnx", inputs[1], activations, True, **options)
    expect_ties_alone(path, inputs)


def test_codes_of_the_qoperator_form_are_exact_but_for_ties(inputs, tmp_path):
    path = networks.quantize(networks.mobile(), tmp_path / "q.onnx", inputs[1], "u8", True, form="QOperator")
    expect_ties_alone(path, inputs, by_integers=True)


def attention(kind):
    """A norm, shares of a Softmax, and GELU with a pair behind each operator, where 1 + erf(x) has scales of 2 / 255 on both
    sides: every value is a tie."""
    net = Pairs()
    least, levels = numpy.iinfo(kind).min, numpy.iinfo(kind).max - numpy.iinfo(kind).min

    def pair(x, name, reach, below=0.5):
        return net.pair(x, name, reach / levels, int(least + round(levels * below)), kind)
    x = pair(net.integer_conv(pair("input", "input.pair", 5), "stem", 3, 16, size=4, stride=4, scale=0.002), "stem.pair", 6)
    x = net.node("Reshape", [x, net.constant("rows", numpy.int64([1, 16, -1]))], "flat")
    x = net.node("Transpose", x, "tokens", perm=[0, 2, 1])
    x = net.node("LayerNormalization", [x, net.weight("gamma", 16, deviation=1.0), net.weight("beta", 16, deviation=0.1)], "norm")
    x = pair(x, "norm.pair", 8)
    scores = net.node("MatMul", [x, net.node("Transpose", x, "turned", perm=[0, 2, 1])], "scores")
    shares = pair(net.node("Softmax", pair(scores, "scores.pair", 60), "shares", axis=-1), "shares.pair", 1, 0)
    x = pair(net.node("MatMul", [shares, x], "mixed"), "mixed.pair", 6)
    root = net.constant("root", numpy.float32(2 ** 0.5))
    bent = pair(net.node("Erf", net.node("Div", [x, root], "divided"), "erf"), "erf.pair", 2)
    above = pair(net.node("Add", [bent, net.constant("one", numpy.float32(1))], "plus"), "plus.pair", 2, 0)
    x = pair(net.node("Mul", [x, above], "times"), "times.pair", 8, 0.1)
    x = pair(net.node("ReduceMean", [x, net.constant("axes", numpy.int64([1]))], "mean", keepdims=0), "mean.pair", 3)
    weights = net.constant("head.w", net.random.integers(-127, 128, (networks.CLASSES, 16)).astype(numpy.int8))
    names = [net.constant("head.s", numpy.float32(0.004)), net.constant("head.z", numpy.int8(0))]
    pair(net.node("Gemm", [x, net.node("DequantizeLinear", [weights, *names], "head.real")], "head", transB=1), "logits", 10)
    return net


@pytest.mark.parametrize("kind", [numpy.uint8, numpy.int8, numpy.uint16], ids=["u8", "s8", "u16"])
def test_codes_of_attention_are_exact_but_for_ties(inputs, tmp_path, kind):
    from onnx import save
    save(attention(kind).model(opset=21), tmp_path / "q.onnx")
    file, made, theirs = expect_ties_alone(tmp_path / "q.onnx", inputs)
    # The many ties of an addition of a constant fall as the runtime's own: both round where the file does.
    compared = 0
    for ours, other in zip(made, theirs):
        same = ours["erf.pair.q"] == other["erf.pair.q"]
        assert numpy.array_equal(ours["plus.pair.q"][same], other["plus.pair.q"][same])
        compared += int(same.sum())
    assert compared > 1000


@pytest.mark.parametrize("adds", [False, True], ids=["alone", "behind an addition"])
def test_codes_of_convolutions_with_float_biases_are_exact_but_for_ties(inputs, tmp_path, adds):
    from onnx import save
    net = Pairs()
    # Coarse units, a twentieth of the output's steps: rounding a bias to them would turn over every fortieth code.
    conv = functools.partial(net.conv_with_float_bias, largest=9)
    x = net.pair("input", "input.pair", 0.04, 110)
    x = net.pair(net.node("Relu", conv(x, "stem", 3, 16, stride=2, scale=0.05), "stem.relu"), "stem.pair", 0.02, 0)
    y = conv(x, "deep", 16, 16, scale=0.1)
    if adds:
        y = net.node("Add", [y, x], "add")
    x = net.pair(net.node("Relu", y, "deep.relu"), "deep.pair", 0.03, 0)
    net.end(x, 16, 0.02, 128)
    save(net.model(), tmp_path / "q.onnx")
    expect_ties_alone(tmp_path / "q.onnx", inputs, least=4)


def test_float_weights_of_a_head_are_the_files(inputs, tmp_path):
    from onnx import load, numpy_helper, save
    net = Pairs()
    x = net.pair("input", "input.pair", 0.02, 110)
    x = net.pair(net.node("Relu", net.integer_conv(x, "stem", 3, 16, stride=2), "stem.relu"), "stem.pair", 0.03, 0)
    x = net.node("Flatten", net.node("GlobalAveragePool", x, "pool"), "flat", axis=1)
    x = net.pair(x, "flat.pair", 0.01, 0)
    net.node("Gemm", [x, net.weight("head.w", networks.CLASSES, 16, deviation=0.5), net.weight("head.b", networks.CLASSES)],
             "logits", transB=1)
    save(net.model(opset=21), tmp_path / "q.onnx")
    weights = {i.name: numpy_helper.to_array(i) for i in load(tmp_path / "q.onnx").graph.initializer}["head.w"]
    finest = float(abs(weights).max() / 127 * 0.01 * 16)  # what 8 bits of the weights leave open is a good part of this
    expect_ties_alone(tmp_path / "q.onnx", inputs, least=3, step=finest / 20)


def test_a_tie_is_what_lies_as_near_to_the_border_as_floats_reach():
    level = numpy.array([3.2, 3.4999, 3.4999999, 3.5000001, 300.7, 254.6, 7.5, -4.0])
    made = numpy.array([3, 4, 4, 3, 254, 254, 9, 0], numpy.uint8)
    changed, _, found, near = ties.judged(level, 1e-6, made)
    assert list(changed) == [False, True, True, True, True, True, True, False]
    assert list(found) == [False, False, True, True, False, False, False, False] and near == 3


def test_codes_of_another_file_are_no_ties(inputs, tmp_path):
    from onnx import save
    net = attention(numpy.uint8)
    save(net.model(opset=21), tmp_path / "q.onnx")
    _, _, made = planned(tmp_path / "q.onnx", inputs)
    for name in ("stem.w.scale", "gamma", "shares.pair.scale", "times.pair.scale"):
        same = net.constants[name]
        net.constants[name] = same * numpy.float32(1.001)
        save(net.model(opset=21), tmp_path / "other.onnx")
        counts, _ = ties.counted(ties.ExactFile(tmp_path / "other.onnx"), inputs[1], made, True)
        assert sum(c.changed - c.ties for c in counts) > 0, name
        assert sum(c.near for c in counts if c.kind != "Add") < sum(c.values for c in counts) / 1000
        net.constants[name] = same


def test_a_plan_without_what_the_file_rounds_is_named(inputs, tmp_path):
    path = networks.quantize(networks.branches(), tmp_path / "q.onnx", inputs[1], "u8", True)
    file, tensors, _ = planned(path, inputs)
    name = next(name for name in tensors[0] if "mix_relu" in name)
    for values in tensors:
        del values[name]
    with pytest.raises(ValueError, match="mix_relu"):
        ties.plan_codes(file, tensors, inputs[1])
