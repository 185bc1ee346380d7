"""What people's networks begin and end in: outputs of every meaning, several of them, batches,
bytes, tensors that no picture could be."""

import json

import numpy
import pytest

from program import SEED, run

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

# By which [-2, 2] is 0 to 255.
AS_PIXELS = ["--mean", "127.5", "--std", "63.75"]


def make(path, classes, end, outputs=("y",), batch=1, constants=None, input_type=1, first=()):
    """Convolution, ReLU, pool and Gemm to "v", then the nodes of `end`."""
    from onnx import helper, numpy_helper
    random = numpy.random.default_rng(SEED)
    constants = dict(constants or {})
    constants["w"] = random.normal(0, 0.3, (6, 3, 3, 3)).astype(numpy.float32)
    constants["b"] = random.normal(0, 0.3, 6).astype(numpy.float32)
    constants["g"] = random.normal(0, 1.0, (classes, 6)).astype(numpy.float32)
    constants["h"] = random.normal(0, 0.5, classes).astype(numpy.float32)
    node = helper.make_node
    start = first[-1].output[0] if first else "x"
    nodes = list(first) + [
        node("Conv", [start, "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"], "relu"),
        node("GlobalAveragePool", ["r"], ["p"], "pool"), node("Flatten", ["p"], ["f"], "flatten"),
        node("Gemm", ["f", "g", "h"], ["v"], "gemm", transB=1)] + list(end)
    graph = helper.make_graph(
        nodes, "ends", [helper.make_tensor_value_info("x", input_type, [batch, 3, 8, 8])],
        [helper.make_tensor_value_info(name, 1, None) for name in outputs],
        [numpy_helper.from_array(v, k) for k, v in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def pixels(shape=(1, 3, 8, 8), seed=SEED):
    """Values that are pixels: k * 4 / 255 - 2."""
    levels = numpy.random.default_rng(seed).integers(0, 256, shape)
    return (levels * (4 / 255) - 2).astype(numpy.float32)


def truth(path, x, name="y"):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run([name], {"x": x})[0]


def built(folder, model, *flags):
    """A plan of the model, calibrated on noise of the range that pixels have."""
    calibration = folder / "calibration"
    calibration.mkdir(exist_ok=True)
    for i in range(16):
        numpy.save(calibration / f"{i}.npy", pixels(seed=i))
    plan = folder / (model.stem + ".octavo")
    done = run("build", model, "-o", plan, "--calib", calibration, *AS_PIXELS, *flags)
    assert done.returncode == 0, done.stderr
    return plan


def answer(model, x, *flags):
    done = run("classify", model, x, "--json", *flags)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def scores(model, x, *flags):
    top = answer(model, x, "--top", "1000", *flags)["results"][0]["top"]
    return [entry["score"] for entry in sorted(top, key=lambda entry: entry["index"])]


@pytest.fixture
def x(tmp_path):
    path = tmp_path / "x.npy"
    numpy.save(path, pixels())
    return path


def node(*arguments, **attributes):
    return onnx.helper.make_node(*arguments, **attributes)


AXES = {"axes": numpy.array([0], dtype=numpy.int64)}
ONE_NUMBER = {
    "logit": [node("Identity", ["v"], ["y"])],
    "squeeze": [node("Squeeze", ["v"], ["y"])],
    "sigmoid": [node("Sigmoid", ["v"], ["y"])],
    "squeeze_sigmoid": [node("Squeeze", ["v"], ["s"]), node("Sigmoid", ["s"], ["y"])],
    "squeeze_sigmoid_unsqueeze": [node("Squeeze", ["v"], ["s"]), node("Sigmoid", ["s"], ["t"]),
                                  node("Unsqueeze", ["t", "axes"], ["y"])],
}


@pytest.mark.parametrize("kind", ONE_NUMBER)
def test_one_number_is_two_classes(kind, x, tmp_path):
    model = make(tmp_path / "model.onnx", 1, ONE_NUMBER[kind], constants=AXES)
    value = float(truth(model, pixels()).reshape(()))
    p = value if "sigmoid" in kind else 1 / (1 + numpy.exp(-value))
    assert scores(model, x) == pytest.approx([1 - p, p], abs=1e-5)
    written = tmp_path / "y.npy"
    plan = built(tmp_path, model)
    for file, tolerance in ((model, 1e-5), (plan, 0.02)):
        assert scores(file, x) == pytest.approx([1 - p, p], abs=tolerance)
        assert run("classify", file, x, "--logits", written, "--overwrite").returncode == 0
        assert numpy.load(written).shape == (1, 1)
        assert float(numpy.load(written)[0, 0]) == pytest.approx(value, abs=4 * tolerance)


def test_two_names_name_the_two_classes_and_eval_knows_them(tmp_path, x):
    model = make(tmp_path / "model.onnx", 1, ONE_NUMBER["sigmoid"])
    labels = tmp_path / "labels.txt"
    labels.write_text("cat\ndog\n")
    plan = built(tmp_path, model, "--labels", labels)
    assert {e["label"] for e in answer(plan, x)["results"][0]["top"]} == {"cat", "dog"}
    data = tmp_path / "data"
    right = 0
    for i in range(12):
        value = float(truth(model, pixels(seed=i)).reshape(()))
        label = i % 2
        (data / str(label)).mkdir(parents=True, exist_ok=True)
        numpy.save(data / str(label) / f"{i}.npy", pixels(seed=i))
        right += (value > 0.5) == (label == 1)
    done = run("eval", model, "--data", data, "--json", *AS_PIXELS)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["models"][0]["top1"] == pytest.approx(100 * right / 12)


def test_several_sigmoids_are_each_their_own(tmp_path, x):
    model = make(tmp_path / "model.onnx", 5, [node("Sigmoid", ["v"], ["y"])])
    expected = truth(model, pixels())[0]
    assert scores(model, x) == pytest.approx(list(expected), abs=1e-5)
    plan = built(tmp_path, model)
    assert scores(plan, x) == pytest.approx(list(expected), abs=0.02)
    assert answer(plan, x)["output_kind"] == "sigmoids"
    limit = float(numpy.sort(expected)[2]) - 1e-3
    done = answer(model, x, "--threshold", str(limit))
    assert len(done["results"][0]["top"]) == 3
    assert all(e["score"] >= limit for e in done["results"][0]["top"])


def test_probabilities_are_not_softmaxed_again(tmp_path, x):
    end = [node("Softmax", ["v"], ["left"], axis=1), node("Neg", ["v"], ["n"]),
           node("Softmax", ["n"], ["right"], axis=1), node("Add", ["left", "right"], ["s"]), node("Div", ["s", "two"], ["y"])]
    model = make(tmp_path / "model.onnx", 5, end, constants={"two": numpy.float32(2)})
    expected = truth(model, pixels())[0]
    assert scores(model, x) == pytest.approx(list(expected), abs=1e-5)
    plan = built(tmp_path, model)
    assert scores(plan, x) == pytest.approx(list(expected), abs=0.02)


def test_log_softmax_ends_in_its_logits(tmp_path, x):
    model = make(tmp_path / "model.onnx", 5, [node("LogSoftmax", ["v"], ["y"], axis=1)])
    expected = numpy.exp(truth(model, pixels())[0])
    for file, tolerance in ((model, 1e-5), (built(tmp_path, model), 0.02)):
        assert scores(file, x) == pytest.approx(list(expected), abs=tolerance)


ENDS = {
    "map_1x1": [node("Unsqueeze", ["v", "axes"], ["y"])],
    "nhwc_map": [node("Transpose", ["r"], ["y"], perm=[0, 2, 3, 1])],
    "nchw_map": [node("Identity", ["r"], ["y"])],
    "heads": [node("Relu", ["v"], ["a"]), node("Tanh", ["v"], ["t"]), node("Concat", ["a", "t", "v"], ["y"], axis=1)],
    "largest": [node("GlobalMaxPool", ["r"], ["y"])],
}


@pytest.mark.parametrize("kind", ENDS)
def test_ends_that_only_move_values_are_outputs(kind, tmp_path, x):
    model = make(tmp_path / "model.onnx", 5, ENDS[kind],
                 constants={"axes": numpy.array([2, 3], dtype=numpy.int64)})
    expected = truth(model, pixels()).ravel()
    assert run("check", model).returncode == 0
    written = tmp_path / "y.npy"
    for file in (model, built(tmp_path, model)):
        assert run("classify", file, x, "--logits", written, "--overwrite").returncode == 0
        found = numpy.load(written).ravel()
        assert found.shape == expected.shape
        assert numpy.abs(found - expected).max() < 0.03 * numpy.abs(expected).max()


def test_of_several_outputs_one_is_named(tmp_path, x):
    model = make(tmp_path / "model.onnx", 5, [node("Relu", ["v"], ["y"])], outputs=("y", "r"))
    refused = run("check", model)
    assert refused.returncode == 3 and "--output" in refused.stderr and "'r'" in refused.stderr
    for name, length in (("y", 5), ("v", 5), ("pool", 6)):
        assert run("check", model, "--output", name).returncode == 0
        assert len(scores(model, x, "--output", name)) == length
    plan = built(tmp_path, model, "--output", "v")
    expected = truth(make(tmp_path / "alone.onnx", 5, [node("Identity", ["v"], ["y"])]), pixels())[0]
    written = tmp_path / "y.npy"
    assert run("classify", plan, x, "--logits", written).returncode == 0
    assert numpy.abs(numpy.load(written)[0] - expected).max() < 0.05
    refused = run("classify", plan, x, "--output", "v")
    assert refused.returncode == 2 and "--output" in refused.stderr


def test_a_node_that_picks_classes_says_where_to_end(tmp_path):
    model = make(tmp_path / "model.onnx", 5, [node("ArgMax", ["v"], ["y"], axis=1)])
    refused = run("check", model)
    assert refused.returncode == 3 and "--output 'v'" in refused.stdout + refused.stderr
    assert run("check", model, "--output", "v").returncode == 0


def test_a_fixed_batch_is_one_and_an_array_of_frames_gets_an_answer_each(tmp_path):
    model = make(tmp_path / "model.onnx", 5, [node("Identity", ["v"], ["y"])], batch=8)
    frames = pixels((8, 3, 8, 8))
    numpy.save(tmp_path / "frames.npy", frames)
    done = run("classify", model, tmp_path / "frames.npy", "--logits", tmp_path / "y.npy")
    assert done.returncode == 0 and "batch of 8" in done.stderr
    assert numpy.load(tmp_path / "y.npy") == pytest.approx(truth(model, frames), abs=1e-4)
    assert done.stdout.count("frames.npy[") == 8


def test_an_input_of_bytes_is_fed_pixels(tmp_path):
    first = [node("Cast", ["x"], ["f32"], to=1), node("Div", ["f32", "most"], ["scaled"])]
    model = make(tmp_path / "model.onnx", 5, [node("Identity", ["v"], ["y"])], input_type=2, first=first,
                 constants={"most": numpy.float32(255)})
    x = numpy.random.default_rng(SEED).integers(0, 256, (1, 3, 8, 8)).astype(numpy.uint8)
    numpy.save(tmp_path / "x.npy", x)
    written = tmp_path / "y.npy"
    assert run("classify", model, tmp_path / "x.npy", "--logits", written).returncode == 0
    assert numpy.load(written) == pytest.approx(truth(model, x), abs=1e-4)
    plan = tmp_path / "model.octavo"
    (tmp_path / "calibration").mkdir()
    for i in range(8):
        numpy.save(tmp_path / "calibration" / f"{i}.npy",
                   numpy.random.default_rng(i).integers(0, 256, (1, 3, 8, 8)).astype(numpy.uint8))
    done = run("build", model, "-o", plan, "--calib", tmp_path / "calibration")
    assert done.returncode == 0, done.stderr
    assert run("classify", plan, tmp_path / "x.npy", "--logits", written, "--overwrite").returncode == 0
    assert numpy.abs(numpy.load(written) - truth(model, x)).max() < 0.05
    refused = run("classify", model, tmp_path / "x.npy", "--preset", "torchvision")
    assert refused.returncode == 2 and "bytes" in refused.stderr


def test_values_that_no_picture_has_are_counted_and_refused_unless_clipped(tmp_path):
    model = make(tmp_path / "model.onnx", 5, [node("Identity", ["v"], ["y"])])
    plan = built(tmp_path, model)
    x = pixels()
    x[0, 0, 0, :3] = [2.5, -3, 7]
    numpy.save(tmp_path / "far.npy", x)
    refused = run("classify", plan, tmp_path / "far.npy", "--json")
    assert refused.returncode == 3
    assert "3 of 192 values" in refused.stderr and "--clip" in refused.stderr
    assert "3 of 192" in json.loads(refused.stdout)["results"][0]["error"]
    clipped = run("classify", plan, tmp_path / "far.npy", "--clip", "--logits", tmp_path / "y.npy")
    assert clipped.returncode == 0 and "3 of 192 values" in clipped.stderr
    numpy.save(tmp_path / "near.npy", numpy.clip(x, -2, 2))
    assert run("classify", plan, tmp_path / "near.npy", "--logits", tmp_path / "z.npy").returncode == 0
    assert (numpy.load(tmp_path / "y.npy") == numpy.load(tmp_path / "z.npy")).all()
    assert run("classify", model, tmp_path / "far.npy", *AS_PIXELS).returncode == 0  # floats hold them


def damaged_jpeg(path):
    """A marker in the middle of the scan: all rows come, and a warning."""
    PIL = pytest.importorskip("PIL.Image")
    noise = numpy.random.default_rng(SEED).integers(0, 256, (64, 64, 3)).astype(numpy.uint8)
    PIL.fromarray(noise).save(path, quality=90)
    data = bytearray(path.read_bytes())
    at = len(data) * 2 // 3
    data[at:at + 2] = b"\xff\xd9"
    path.write_bytes(bytes(data))


def test_a_jpeg_with_a_warning_is_answered_counted_and_refused_when_strict(small, tmp_path):
    damaged_jpeg(tmp_path / "a.jpg")
    damaged_jpeg(tmp_path / "b.jpg")
    done = run("classify", small.plan, tmp_path / "a.jpg", tmp_path / "b.jpg", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["warnings"] == 2 and all("libjpeg warns" in r["warning"] for r in said["results"])
    assert "warning: " in done.stderr and "2 of 2" in done.stderr
    strict = run("classify", small.plan, tmp_path / "a.jpg", "--strict")
    assert strict.returncode == 3 and "a.jpg" in strict.stderr and strict.stdout == ""


def test_pictures_are_squashed_where_asked(small, tmp_path):
    PIL = pytest.importorskip("PIL.Image")
    noise = numpy.random.default_rng(SEED).integers(0, 256, (40, 70, 3)).astype(numpy.uint8)
    PIL.fromarray(noise).save(tmp_path / "wide.png")
    squashed = PIL.fromarray(noise).resize((32, 32), PIL.BILINEAR)
    squashed.save(tmp_path / "square.png")
    plan = tmp_path / "exact.octavo"
    done = run("build", small.model, "-o", plan, "--calib", small.calibration, "--resize-exact", "32x32")
    assert done.returncode == 0, done.stderr
    assert scores(plan, tmp_path / "wide.png") == scores(plan, tmp_path / "square.png")
    assert json.loads(run("inspect", plan, "--json").stdout)["preprocess"]["resize"] == [32, 32]
    refused = run("classify", plan, tmp_path / "wide.png", "--resize-exact", "32x32", "--resize", "40")
    assert refused.returncode == 2


def test_labels_are_not_read_for_calibration_and_an_empty_class_folder_is_named(small, tmp_path):
    PIL = pytest.importorskip("PIL.Image")
    folder = tmp_path / "data"
    for label in range(6):  # more folders than the network has classes
        (folder / str(label)).mkdir(parents=True)
        noise = numpy.random.default_rng(label).integers(0, 256, (32, 32, 3)).astype(numpy.uint8)
        if label != 1:
            PIL.fromarray(noise).save(folder / str(label) / "a.png")
    done = run("build", small.model, "--dry-run", "--calib", folder)
    assert done.returncode == 0, done.stderr
    for label in (4, 5):
        (folder / str(label) / "a.png").unlink()
        (folder / str(label)).rmdir()
    done = run("eval", small.plan, "--data", folder)
    assert done.returncode == 0, done.stderr
    assert "holds no pictures" in done.stderr and "class 1" in done.stderr


@pytest.mark.parametrize("mode", ["zero", "lowest", "reflect", "edge", "three"])
def test_padding_of_every_mode_is_built(mode, tmp_path, x):
    constants = {"pads": numpy.array([0, 0, 1, 1, 0, 0, 1, 1], dtype=numpy.int64),
                 "value": numpy.float32({"lowest": -numpy.inf, "three": 3}.get(mode, 0))}
    start = {"zero": "r", "lowest": "v2"}.get(mode, "v2")
    end = [node("Conv", ["r", "w2"], ["v2"]), node("Pad", [start, "pads", "value"], ["q"],
                mode=mode if mode in ("reflect", "edge") else "constant"),
           node("MaxPool", ["q"], ["m"], kernel_shape=[3, 3], strides=[2, 2]), node("GlobalAveragePool", ["m"], ["y"])]
    constants["w2"] = numpy.random.default_rng(SEED).normal(0, 0.5, (6, 6, 1, 1)).astype(numpy.float32)
    model = make(tmp_path / "model.onnx", 5, end, constants=constants)
    expected = truth(model, pixels()).ravel()
    written = tmp_path / "y.npy"
    for file, tolerance in ((model, 1e-5), (built(tmp_path, model), 0.04)):
        assert run("classify", file, x, "--logits", written, "--overwrite").returncode == 0
        assert numpy.abs(numpy.load(written).ravel() - expected).max() < tolerance * numpy.abs(expected).max() + 1e-6
