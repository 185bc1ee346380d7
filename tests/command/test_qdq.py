"""Quantized (QDQ) files: built without calibration, they compute what ONNX Runtime computes."""

import functools

import numpy
import pytest

import qdq_networks as networks
from program import BINARY, run
from test_program import answer, fails

pytest.importorskip("onnxruntime.quantization")
COUNT, CALIBRATION = 40, 16


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Pictures as files and as the network's input; quantized networks on demand."""
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    from PIL import Image
    folder = tmp_path_factory.mktemp("qdq")
    pixels = networks.pictures(COUNT)

    class Made:
        inputs = networks.normalized(pixels)
        files, known = [], {}

        def quantized(self, name, activations="u8", per_channel=True, weights="s8"):
            key = f"{name}-{activations}-{weights}-{'channel' if per_channel else 'tensor'}"
            if key not in self.known:
                self.known[key] = networks.quantize(
                    getattr(networks, name)(), folder / f"{key}.onnx", self.inputs[:CALIBRATION],
                    activations, per_channel, weights=weights)
            return self.known[key]

    (folder / "pictures").mkdir()
    for index, values in enumerate(pixels):
        Made.files.append(folder / "pictures" / f"{index:02}.png")
        Image.fromarray(values).save(Made.files[-1])
    Made.folder = folder / "pictures"
    return Made()


def logits(model, files, folder, *flags):
    out = folder / "logits.npy"
    done = run("classify", model, *files, "-q", "--logits", out, "--overwrite", *flags)
    assert done.returncode == 0, done.stderr
    return numpy.load(out)


def built(path, *more):
    plan = path.with_suffix(".octavo")
    done = run("build", path, "-o", plan, "--overwrite", "-q", *networks.FLAGS, *more)
    assert done.returncode == 0, done.stderr
    return plan


def steps_apart(ours, path, inputs):
    return abs(ours - networks.onnxruntime_logits(path, inputs)).max(1) / networks.output_scale(path)


@pytest.mark.parametrize("per_channel", [True, False], ids=["channel", "tensor"])
@pytest.mark.parametrize("activations", ["u8", "s8"])
@pytest.mark.parametrize("name", ["mobile", "branches", "curves"])
def test_a_plan_without_calibration_is_onnxruntimes_network(made, tmp_path, name, activations, per_channel):
    path = made.quantized(name, activations, per_channel)
    steps = steps_apart(logits(built(path), made.files, tmp_path), path, made.inputs)
    print(numpy.sort(steps)[-5:])
    assert numpy.median(steps) <= 0.51 and numpy.mean(steps <= 1) >= 0.8 and steps.max() <= 3


# Unsigned alone: ONNX Runtime has no kernel for its own QGemm of signed bytes.
@pytest.mark.parametrize("name", ["mobile", "branches"])
def test_the_qoperator_form_is_onnxruntimes_network_too(made, tmp_path, name):
    path = networks.quantize(getattr(networks, name)(), tmp_path / "q.onnx", made.inputs[:CALIBRATION],
                             "u8", True, form="QOperator")
    steps = steps_apart(logits(built(path), made.files, tmp_path), path, made.inputs)
    print(numpy.sort(steps)[-5:])
    assert numpy.median(steps) <= 0.51 and numpy.mean(steps <= 1) >= 0.8 and steps.max() <= 3


def test_what_the_qoperator_form_leaves_in_float_needs_pictures(made, tmp_path):
    # It has no HardSwish: that one's result has no scale in the file.
    path = networks.quantize(networks.curves(), tmp_path / "q.onnx", made.inputs[:CALIBRATION], "u8", True,
                             form="QOperator")
    fails(3, "build", path, "-o", tmp_path / "a.octavo", *networks.FLAGS, says=["'b_swish'", "--calib"])


def test_dynamic_quantization_is_refused_with_a_way_out(made, tmp_path):
    from onnx import save
    from onnxruntime.quantization import quantize_dynamic
    save(networks.mobile(), tmp_path / "float.onnx")
    quantize_dynamic(str(tmp_path / "float.onnx"), str(tmp_path / "dynamic.onnx"))
    fails(3, "build", tmp_path / "dynamic.onnx", "-o", tmp_path / "a.octavo", *networks.FLAGS,
          says=["dynamic quantization", "float file"])


def test_calibration_pictures_do_not_change_a_network_that_says_everything(made, tmp_path):
    path = made.quantized("mobile")
    alone = logits(built(path), made.files, tmp_path)
    beside = logits(built(path, "--calib", made.folder), made.files, tmp_path)
    assert numpy.array_equal(alone, beside)


@pytest.mark.parametrize("name", ["mobile", "curves"])
def test_the_float_engine_rounds_as_the_file_says(made, tmp_path, name):
    path = made.quantized(name)
    steps = steps_apart(logits(path, made.files, tmp_path, *networks.FLAGS), path, made.inputs)
    assert numpy.median(steps) < 0.01 and steps.max() <= 2.01


def test_check_tells_what_becomes_of_the_pairs(made):
    done = run("check", made.quantized("mobile"))
    assert done.returncode == 0, done.stderr
    assert "fake_quantize" in done.stdout


def test_the_built_file_says_that_no_picture_was_needed(made, tmp_path):
    parsed = answer("build", made.quantized("mobile"), "-o", tmp_path / "a.octavo", *networks.FLAGS)
    assert parsed["pictures"] == 0
    assert run("inspect", tmp_path / "a.octavo").returncode == 0
    assert run("selftest", tmp_path / "a.octavo").returncode == 0


def test_the_boards_tables_are_not_printed_where_no_picture_measured_them(made, tmp_path):
    done = run("build", made.quantized("mobile"), "-o", tmp_path / "a.octavo", *networks.FLAGS,
               "--style", "hb")
    assert done.returncode == 0, done.stderr
    assert "Chebyshev" not in done.stdout and "need calibration pictures" in done.stdout


def test_a_float_model_needs_calibration(small, tmp_path):
    fails(2, "build", small.model, "-o", tmp_path / "a.octavo", says=["--calib"])
    assert not list(tmp_path.iterdir())


def test_a_tensor_without_a_pair_is_named(made, tmp_path):
    path = networks.quantize(networks.branches(), tmp_path / "part.onnx", made.inputs[:CALIBRATION],
                             "u8", True, nodes_to_exclude=["mix", "mix_relu", "pool"])
    fails(3, "build", path, "-o", tmp_path / "a.octavo", *networks.FLAGS, says=["mix_relu", "--calib"])
    assert not (tmp_path / "a.octavo").exists()
    assert logits(built(path, "--calib", made.folder), made.files, tmp_path).std() > 0


def test_16_bits_for_what_the_file_rounds_is_a_usage_error(made, tmp_path):
    fails(2, "build", made.quantized("mobile"), "-o", tmp_path / "a.octavo", "--int16", "deep",
          says=["deep", "rounded"])


def nncf(made):
    """As NNCF exports: float weights behind a pair of a scale a channel, 8-bit by half range."""
    net = networks.Network()

    def fake(x, name, scale, zero, kind=numpy.uint8, **axis):
        names = [net.constant(f"{name}.scale", numpy.float32(scale)),
                 net.constant(f"{name}.zero", numpy.asarray(zero, kind))]
        net.node("QuantizeLinear", [x, *names], f"{name}.q", **axis)
        return net.node("DequantizeLinear", [f"{name}.q", *names], f"{name}.dq", **axis)

    def conv(x, name, inputs, outputs, **how):
        net.conv(x, name, inputs, outputs, **how)
        node = net.nodes[-1]
        scales = abs(net.constants[f"{name}.w"]).max((1, 2, 3)) / 127
        at = len(net.nodes) - 1
        node.input[1] = fake(f"{name}.w", f"{name}.fake", scales, numpy.zeros(outputs), numpy.int8, axis=0)
        net.nodes.append(net.nodes.pop(at))  # behind the pair of its weights
        return name

    x = fake("input", "input.fake", 0.02, 110)
    x = fake(net.node("Relu", conv(x, "stem", 3, 16, stride=2), "stem_relu"), "stem_relu.fake", 0.025, 0)
    x = fake(net.node("Relu", conv(x, "next", 16, 16), "next_relu"), "next_relu.fake", 0.02, 0)
    x = fake(net.node("GlobalAveragePool", x, "pool"), "pool.fake", 0.01, 0)
    x = conv(x, "head", 16, networks.CLASSES, size=1)
    fake(net.node("Flatten", x, "flat", axis=1), "logits", 0.02, 128)
    net.nodes[-1].output[0] = "logits"
    return net.model()


class Pairs(networks.Network):
    """A network whose pairs are written by hand."""

    def pair(self, x, name, scale, zero, kind=numpy.uint8, **axis):
        names = [self.constant(f"{name}.scale", numpy.float32(scale)),
                 self.constant(f"{name}.zero", numpy.asarray(zero, kind))]
        self.node("QuantizeLinear", [x, *names], f"{name}.q", **axis)
        return self.node("DequantizeLinear", [f"{name}.q", *names], name, **axis)

    def integer_conv(self, x, name, inputs, outputs, size=3, stride=1, groups=1, scale=None):
        """Int8 weights with a scale a row, and no bias."""
        rows = (outputs, inputs // groups, size, size)
        fan_in = int(numpy.prod(rows[1:]))
        scale = numpy.float32(scale or 2 * (2 / fan_in) ** 0.5 / 127)
        scales = self.random.uniform(0.5, 1, outputs).astype(numpy.float32) * scale
        weights = self.constant(f"{name}.w", self.random.integers(-127, 128, rows).astype(numpy.int8))
        names = [self.constant(f"{name}.w.scale", scales),
                 self.constant(f"{name}.w.zero", numpy.zeros(outputs, numpy.int8))]
        real = self.node("DequantizeLinear", [weights, *names], f"{name}.w.real", axis=0)
        pad = size // 2
        return self.node("Conv", [x, real], name, strides=[stride] * 2, pads=[pad] * 4, group=groups)

    def conv_with_float_bias(self, x, name, inputs, outputs, largest, **how):
        """Weights up to `largest`, and a bias that no pair rounds."""
        self.integer_conv(x, name, inputs, outputs, **how)
        shape = self.constants[f"{name}.w"].shape
        self.constants[f"{name}.w"] = self.random.integers(-largest, largest + 1, shape).astype(numpy.int8)
        self.nodes[-1].input.append(self.constant(f"{name}.b", self.random.normal(0, 0.3, outputs).astype(numpy.float32)))
        return name

    def end(self, x, channels, scale, zero, kind=numpy.uint8):
        x = self.node("Flatten", self.node("GlobalAveragePool", x, "pool"), "flat", axis=1)
        x = self.pair(x, "flat.pair", *POOLED[kind], kind)
        weights = self.constant("head.w", self.random.integers(
            -127, 128, (networks.CLASSES, channels)).astype(numpy.int8))
        names = [self.constant("head.s", numpy.float32(0.004)), self.constant("head.z", numpy.int8(0))]
        real = self.node("DequantizeLinear", [weights, *names], "head.real")
        self.pair(self.node("Gemm", [x, real], "head", transB=1), "logits", scale, zero, kind)


POOLED = {numpy.uint8: (0.01, 0), numpy.uint16: (0.00005, 0), numpy.int16: (0.0001, -20000)}


def expect_within_one_step(made, net, tmp_path, inputs=None, flags=networks.FLAGS, files=None, opset=17,
                           untouched=0.9, most=1.01):
    """Plan and float engine against ONNX Runtime, operator by operator; ties are counted: of the logits
    at least `untouched` are at most half a step away, as a plan does not round them."""
    from onnx import save
    path = tmp_path / "pairs.onnx"
    save(net.model(opset=opset), path)
    inputs = made.inputs if inputs is None else inputs
    files = made.files if files is None else files
    expected = networks.onnxruntime_logits(path, inputs, optimized=False)
    assert len(numpy.unique(expected)) > 5, "the logits are all alike"
    plan = path.with_suffix(".octavo")
    done = run("build", path, "-o", plan, "--overwrite", "-q", *flags)
    assert done.returncode == 0, done.stderr
    scale = networks.output_scale(path)
    for model, more in ((plan, []), (path, flags)):
        ours = logits(model, files, tmp_path, *more)
        levels = abs(ours - expected) / scale
        print(f"{model.suffix}: {int((levels > 0.51).sum())} of {levels.size} logits are ties "
              f"turned over, the farthest by {levels.max():.2f} steps")
        assert levels.max() <= most and numpy.mean(levels <= 0.51) >= untouched
    return plan


def per_channel(made, join):
    """A scale a channel in front of a depthwise convolution (as NNCF writes it) and of others."""
    net = Pairs()
    x = net.pair("input", "input.pair", 0.02, 110)
    x = net.node("Relu", net.integer_conv(x, "stem", 3, 16, stride=2), "stem.relu")
    scales, zeros = net.random.uniform(0.004, 0.03, 16), net.random.integers(0, 40, 16)
    x = net.pair(x, "stem.pair", scales, zeros, axis=1)
    deep = net.node("Relu", net.integer_conv(x, "deep", 16, 16, groups=16), "deep.relu")
    if join == "depthwise":
        x = net.pair(deep, "deep.pair", 0.02, 0)
    else:
        deep = net.pair(deep, "deep.pair", net.random.uniform(0.01, 0.03, 16), numpy.zeros(16), axis=1)
        x = {"concat": lambda: net.node("Concat", [x, deep], "join", axis=1),
             "add": lambda: net.node("Add", [x, deep], "join"),
             "max": lambda: net.node("MaxPool", deep, "join", kernel_shape=[2, 2], strides=[2, 2]),
             "dense": lambda: deep}[join]()
        if join == "add":
            x = net.pair(x, "join.pair", net.random.uniform(0.01, 0.05, 16), numpy.zeros(16), axis=1)
    channels = 32 if join == "concat" else 16
    x = net.node("Relu", net.integer_conv(x, "last", channels, 24, size=1), "last.relu")
    net.end(net.pair(x, "last.pair", net.random.uniform(0.01, 0.05, 24), numpy.zeros(24), axis=1), 24,
            0.02, 128)
    return net


@pytest.mark.parametrize("join", ["depthwise", "dense", "concat", "add", "max"])
def test_an_activation_with_a_scale_a_channel_is_executed_as_onnx_means_it(made, tmp_path, join):
    expect_within_one_step(made, per_channel(made, join), tmp_path)


@pytest.mark.parametrize("kind", [numpy.uint16, numpy.int16], ids=["u16", "s16"])
def test_sixteen_bits_with_any_zero_point_are_the_files(made, tmp_path, kind):
    least = numpy.iinfo(kind).min
    net = Pairs()
    x = net.pair("input", "input.pair", 8 / 65535, least + 31000, kind)
    x = net.node("Relu", net.integer_conv(x, "stem", 3, 16, stride=2), "stem.relu")
    x = net.pair(x, "stem.pair", 6 / 65535, least, kind)
    deep = net.pair(net.integer_conv(x, "deep", 16, 16, groups=16), "deep.pair", 10 / 65535, least + 40000, kind)
    both = net.pair(net.node("Add", [x, deep], "add"), "add.pair", 16 / 65535, least + 30000, kind)
    gate = net.pair(net.node("Sigmoid", deep, "gate"), "gate.pair", 1 / 65535, least, kind)
    x = net.pair(net.node("Mul", [both, gate], "mul"), "mul.pair", 12 / 65535, least + 30000, kind)
    x = net.node("MaxPool", x, "max", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    mean = net.pair(net.node("AveragePool", both, "mean", kernel_shape=[2, 2], strides=[2, 2]), "mean.pair",
                    16 / 65535, least + 20000, kind)
    x = net.node("Concat", [x, mean], "join", axis=1)
    x = net.pair(x, "join.pair", 14 / 65535, least + 31000, kind)
    x = net.node("Relu", net.integer_conv(x, "last", 32, 24), "last.relu")
    net.end(net.pair(x, "last.pair", 8 / 65535, least, kind), 24, 6 / 65535, least + 30000, kind)
    # A step is so small that the floats of ONNX Runtime's sums turn ties over: it is itself a step off.
    plan = expect_within_one_step(made, net, tmp_path, opset=21, untouched=0.6, most=2.01)
    expect_exact(made, tmp_path / "pairs.onnx", plan, tmp_path)
    assert run("selftest", plan).returncode == 0


def expect_exact(made, path, plan, tmp_path):
    from exact_onnx import exact_outputs
    few = 6
    exact = exact_outputs(path, made.inputs[:few])
    steps = abs(logits(plan, made.files[:few], tmp_path) - exact) / networks.output_scale(path)
    print(f"of exact sums: {int((steps > 0.51).sum())} of {steps.size} turned over, {steps.max():.2f} steps")
    assert steps.max() <= 2.1 and numpy.mean(steps <= 0.51) >= 0.8


@pytest.mark.parametrize("activations", ["u16", "s16"])
@pytest.mark.parametrize("name", ["mobile", "branches", "curves"])
def test_onnxruntimes_sixteen_bits_are_its_network(made, tmp_path, name, activations):
    path = made.quantized(name, activations)
    steps = steps_apart(logits(built(path), made.files, tmp_path), path, made.inputs)
    print(numpy.sort(steps)[-5:])
    assert numpy.median(steps) <= 1.01 and steps.max() <= 4
    expect_exact(made, path, path.with_suffix(".octavo"), tmp_path)


@pytest.mark.parametrize("activations", ["u16", "s16"])
@pytest.mark.parametrize("name", ["mobile", "curves"])
def test_weights_of_sixteen_bits_over_sixteen_are_the_files(made, tmp_path, name, activations):
    path = made.quantized(name, activations, weights="s16")
    plan = path.with_suffix(".octavo")
    done = run("build", path, "-o", plan, "--overwrite", *networks.FLAGS)
    assert done.returncode == 0 and "rounded again" not in done.stderr, done.stderr
    steps = steps_apart(logits(plan, made.files, tmp_path), path, made.inputs)
    print(numpy.sort(steps)[-5:])
    assert numpy.median(steps) <= 1.01 and steps.max() <= 4
    expect_exact(made, path, plan, tmp_path)
    assert run("selftest", plan).returncode == 0
    done = run("export", plan, "-o", tmp_path / "again.onnx")
    assert done.returncode == 3 and "has no pair" in done.stderr


def test_sixteen_bits_beside_eight_are_joined(made, tmp_path):
    net = Pairs()
    x = net.pair("input", "input.pair", 0.02, 110)
    a = net.pair(net.node("Relu", net.integer_conv(x, "a", 3, 8), "a.relu"), "a.pair", 6 / 65535, 0, numpy.uint16)
    b = net.pair(net.node("Relu", net.integer_conv(x, "b", 3, 8), "b.relu"), "b.pair", 0.03, 0)
    x = net.integer_conv(net.node("Concat", [a, b], "join", axis=1), "last", 16, 24)
    net.end(net.pair(net.node("Relu", x, "last.relu"), "last.pair", 0.03, 0), 24, 0.02, 128)
    expect_within_one_step(made, net, tmp_path, opset=21, untouched=0.7)


def in_file(net, form):
    """What exporters write in front of the first pair, on pixels of 0 to 255."""
    if form == "sub, div":
        return net.node("Div", [net.node("Sub", ["input", net.constant("m", numpy.float32(127.5))], "sub"),
                                net.constant("d", numpy.float32(127.5))], "div")
    if form == "div, sub, div":
        mean = numpy.float32([0.485, 0.456, 0.406]).reshape(3, 1, 1)
        std = numpy.float32([0.229, 0.224, 0.225]).reshape(3, 1, 1)
        x = net.node("Div", ["input", net.constant("all", numpy.float32(255))], "unit")
        x = net.node("Sub", [x, net.constant("m", mean)], "sub")
        return net.node("Div", [x, net.constant("d", std)], "div")
    x = net.node("Mul", ["input", net.constant("f", numpy.float32(2 / 255))], "mul")
    return net.node("Add", [x, net.constant("one", numpy.float32(-1))], "add")


@pytest.mark.parametrize("form", ["flags", "sub, div", "div, sub, div", "mul, add"])
def test_pixels_on_ties_get_the_codes_of_the_files_own_floats(made, tmp_path, form):
    from PIL import Image
    # One picture a level: a code beside the file's is one throughout, and moves the logits by steps.
    pixels = numpy.arange(256, dtype=numpy.uint8).reshape(256, 1, 1, 1) * numpy.ones(
        (1, networks.SIZE, networks.SIZE, 3), numpy.uint8)
    files = [tmp_path / f"{level:03}.png" for level in range(256)]
    for values, file in zip(pixels, files):
        Image.fromarray(values).save(file)
    planes = numpy.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(numpy.float32)
    net = Pairs()
    size = ["--size", networks.SIZE, "--resize", networks.SIZE]
    if form == "flags":
        x, inputs = "input", (planes - numpy.float32(127.5)) / numpy.float32(127.5)
        flags = ["--mean", "127.5,127.5,127.5", "--std", "127.5,127.5,127.5", *size]
    else:
        x, inputs, flags = in_file(net, form), planes, ["--preset", "none", *size]
    wide = form == "div, sub, div"  # its values reach from -2.2 to 2.7
    x = net.pair(x, "input.pair", 5 / 255 if wide else 2 / 255, 115 if wide else 128)
    x = net.node("Relu", net.integer_conv(x, "stem", 3, 24, stride=2), "stem.relu")
    net.end(net.pair(x, "stem.pair", 0.03, 0), 24, 0.02, 128)
    plan = expect_within_one_step(made, net, tmp_path, inputs, flags, files)
    done = run("inspect", plan)
    assert "lookup" in done.stdout, done.stdout


@pytest.mark.parametrize("op", ["Selu", "Elu", "Sigmoid", "Tanh", "HardSwish", "LeakyRelu", "Softplus", "Erf"])
def test_a_function_between_two_pairs_is_looked_up(made, tmp_path, op):
    net = Pairs()
    x = net.pair("input", "input.pair", 0.02, 110)
    x = net.pair(net.integer_conv(x, "stem", 3, 16, stride=2), "stem.pair", 0.04, 128)
    x = net.pair(net.node(op, x, "function"), "function.pair", 0.03, 80)
    x = net.node("Mul", [net.node("Add", [x, net.constant("c1", numpy.float32(0.3))], "plus"),
                         net.constant("c2", numpy.float32(0.9))], "times")
    x = net.pair(x, "times.pair", 0.03, 70)
    net.end(net.pair(net.node("ReduceMean", x, "mean", axes=[2, 3], keepdims=1), "mean.pair", 0.01, 100),
            16, 0.01, 128)
    plan = expect_within_one_step(made, net, tmp_path)
    assert "lookup" in run("inspect", plan).stdout


def test_float_weights_behind_a_pair_are_the_files_too(made, tmp_path):
    from onnx import save
    path = tmp_path / "nncf.onnx"
    save(nncf(made), path)
    steps = steps_apart(logits(built(path), made.files, tmp_path), path, made.inputs)
    assert numpy.mean(steps <= 1) >= 0.9 and steps.max() <= 3


def tokens(net, zero, kind):
    """Attention between pairs of one kind: neither operand of its products has its zero point in the middle."""
    scale = 1 if kind == numpy.uint8 else 255 / 65535
    x = net.pair("input", "input.pair", 0.02, 110)
    x = net.pair(net.integer_conv(x, "stem", 3, 16, size=8, stride=8), "stem.pair", 0.05 * scale, zero, kind)
    x = net.node("Transpose", net.node("Reshape", [x, net.constant("flat.shape", numpy.int64([1, 16, -1]))], "rows"),
                 "tokens", perm=[0, 2, 1])
    count = net.shape_of_tokens
    levels = net.random.integers(0, 256, (1, count, 16)).astype(numpy.uint8)
    position = net.node("DequantizeLinear", [net.constant("position.q", levels),
                                             net.constant("position.scale", numpy.float32(0.0123)),
                                             net.constant("position.zero", numpy.uint8(100))], "position")
    x = net.pair(net.node("Add", [x, position], "moved"), "moved.pair", 0.05 * scale, zero, kind)
    product = net.node("MatMul", [x, net.node("Transpose", x, "turned", perm=[0, 2, 1])], "product")
    product = net.pair(product, "product.pair", 0.6 * scale, zero, kind)
    product = net.pair(net.node("MatMul", [product, x], "mixed"), "mixed.pair", 20 * scale, zero, kind)
    mean = net.node("ReduceMean", [product, net.constant("mean.axes", numpy.int64([1]))], "mean", keepdims=0)
    mean = net.pair(mean, "mean.pair", 8 * scale, zero, kind)
    weights = net.constant("head.w", net.random.integers(-127, 128, (networks.CLASSES, 16)).astype(numpy.int8))
    names = [net.constant("head.s", numpy.float32(0.004)), net.constant("head.z", numpy.int8(0))]
    real = net.node("DequantizeLinear", [weights, *names], "head.real")
    net.pair(net.node("Gemm", [mean, real], "head", transB=1), "logits", 10, 128)


@pytest.mark.parametrize("kind", [numpy.uint8, numpy.uint16], ids=["u8", "u16"])
def test_both_operands_of_a_product_are_the_files(made, tmp_path, kind):
    net = Pairs()
    net.shape_of_tokens = (networks.SIZE // 8 + 1) ** 2
    tokens(net, 90 if kind == numpy.uint8 else 23456, kind)
    expect_within_one_step(made, net, tmp_path, opset=21, untouched=0.95)


def test_unsigned_weights_far_from_their_middle_are_the_files(made, tmp_path):
    net = Pairs()

    def conv(x, name, inputs, outputs, **how):
        net.integer_conv(x, name, inputs, outputs, **how)
        net.constants[f"{name}.w"] = (net.constants[f"{name}.w"].astype(numpy.int32) % 256).astype(numpy.uint8)
        net.constants[f"{name}.w.zero"] = net.random.integers(0, 256, outputs).astype(numpy.uint8)
        return name
    x = net.pair("input", "input.pair", 0.02, 110)
    x = net.pair(net.node("Relu", conv(x, "stem", 3, 16, stride=2), "stem.relu"), "stem.pair", 0.1, 3)
    x = net.pair(net.node("Relu", conv(x, "deep", 16, 16, groups=16), "deep.relu"), "deep.pair", 0.2, 0)
    x = net.pair(net.node("Relu", conv(x, "last", 16, 24, groups=2), "last.relu"), "last.pair", 0.4, 0)
    net.end(x, 24, 0.02, 128)
    expect_within_one_step(made, net, tmp_path)


def test_biases_in_float_are_the_files(made, tmp_path):
    net = Pairs()
    # Coarse units, as large as the output's steps: rounding a bias to them would move whole channels.
    conv = functools.partial(net.conv_with_float_bias, largest=2)
    x = net.pair("input", "input.pair", 0.5, 110)
    x = net.pair(net.node("Relu", conv(x, "stem", 3, 16, stride=2, scale=0.1), "stem.relu"), "stem.pair", 0.03, 0)
    x = net.pair(net.node("Relu", conv(x, "last", 16, 24, size=1, scale=0.7), "last.relu"), "last.pair", 0.02, 0)
    net.end(x, 24, 0.02, 128)
    expect_within_one_step(made, net, tmp_path, untouched=0.97)


def test_negative_scales_of_weights_and_ones_beside_their_axis_are_read(made, tmp_path):
    from onnx import save
    plain, odd = Pairs(), Pairs()
    for net in (plain, odd):
        x = net.integer_conv(net.pair("input", "input.pair", 0.02, 110), "stem", 3, 8, stride=2)
        net.end(net.pair(net.node("Relu", x, "relu"), "relu.pair", 0.03, 0), 8, 0.02, 128)
    odd.constants["stem.w"] = -odd.constants["stem.w"]
    odd.constants["stem.w.scale"] = -odd.constants["stem.w.scale"].reshape(-1, 1, 1)
    odd.constants["stem.w.zero"] = odd.constants["stem.w.zero"].reshape(-1, 1, 1)
    answers = []
    for name, net in (("plain", plain), ("odd", odd)):
        path = tmp_path / f"{name}.onnx"
        save(net.model(), path)
        answers.append(logits(built(path), made.files, tmp_path))
    assert numpy.array_equal(*answers) and numpy.ptp(answers[0]) > 0


def test_weights_of_sixteen_bits_over_eight_are_warned_of(made, tmp_path):
    from onnx import save
    net = Pairs()
    x = net.integer_conv(net.pair("input", "input.pair", 0.02, 110), "stem", 3, 8, stride=2)
    net.constants["stem.w"] = (net.constants["stem.w"].astype(numpy.int16) * 251)
    net.constants["stem.w"][0, 0, 0] += 1
    net.constants["stem.w.zero"] = net.constants["stem.w.zero"].astype(numpy.int16)
    net.end(net.pair(net.node("Relu", x, "relu"), "relu.pair", 0.03, 0), 8, 0.02, 128)
    save(net.model(opset=21), tmp_path / "wide.onnx")
    done = run("build", tmp_path / "wide.onnx", "-o", tmp_path / "wide.octavo", *networks.FLAGS)
    assert done.returncode == 0, done.stderr
    assert "'stem'" in done.stderr and "rounded again to 8 bits" in done.stderr


def with_float_biases(path, out):
    """As some exporters leave them: not whole units of the accumulator."""
    import onnx
    from onnx import numpy_helper
    model = onnx.load(path)
    graph = model.graph
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    makers = {n.output[0]: n for n in graph.node}
    for node in graph.node:
        if node.op_type != "Conv" or len(node.input) < 3:
            continue
        maker = makers[node.input[2]]
        bias = values[maker.input[0]].astype(numpy.float64) * values[maker.input[1]] + 0.03
        graph.initializer.append(numpy_helper.from_array(bias.astype(numpy.float32), node.name + ".bias"))
        node.input[2] = node.name + ".bias"
    onnx.save(model, out)
    return out


@pytest.mark.parametrize("name", ["mobile", "branches"])
@pytest.mark.parametrize("flags", [[], ["--disable", "share-roundings"]], ids=["", "disabled"])
def test_compare_names_what_biases_leave_and_takes_the_builds_disable(made, tmp_path, name, flags):
    path = with_float_biases(made.quantized(name), tmp_path / "floats.onnx")
    plan = built(path, *flags)
    steps = answer("inspect", plan)["steps"]
    if name == "mobile":
        assert any(s["name"].endswith((".bias_rest", ".residual")) for s in steps), "or nothing is tried here"
    layers = answer("compare", path, plan, "--data", made.folder, "--limit", 4, *flags, *networks.FLAGS)["layers"]
    assert [layer["name"] for layer in layers] == [s["name"] for s in steps]
    assert all(layer["sqnr_db"] > 10 for layer in layers), layers
