"""Quantized (QDQ) files: built without calibration, they compute what ONNX Runtime computes."""

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

        def quantized(self, name, activations="u8", per_channel=True):
            key = f"{name}-{activations}-{'channel' if per_channel else 'tensor'}"
            if key not in self.known:
                self.known[key] = networks.quantize(
                    getattr(networks, name)(), folder / f"{key}.onnx", self.inputs[:CALIBRATION],
                    activations, per_channel)
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


def test_float_weights_behind_a_pair_are_the_files_too(made, tmp_path):
    from onnx import save
    path = tmp_path / "nncf.onnx"
    save(nncf(made), path)
    steps = steps_apart(logits(built(path), made.files, tmp_path), path, made.inputs)
    assert numpy.mean(steps <= 1) >= 0.9 and steps.max() <= 3
