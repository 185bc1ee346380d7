"""Plans as quantized ONNX files: other runtimes compute from them what the plan computes."""

import json
import os
import subprocess

import numpy
import pytest

from program import BINARY, run
from test_program import answer, fails

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
TOOL = BINARY.parent / "export_plans"
SEED = int(os.environ.get("OCTAVO_TEST_SEED", "100"))
PLANS = 60


def exported(plan, *flags):
    """The file's path and what was said of it; the file passes ONNX's own full check."""
    path = plan.with_suffix(".onnx")
    done = run("export", plan, "-o", path, "--overwrite", "--json", "-q", *flags)
    assert done.returncode == 0, done.stderr
    onnx.checker.check_model(onnx.load(path), full_check=True)
    return path, json.loads(done.stdout)


def onnxruntime_logits(path, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return numpy.concatenate([session.run(None, {name: x[None]})[0] for x in inputs])


def openvino_logits(path, inputs):
    openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed: its part was not tested")
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return numpy.concatenate([compiled(x[None])[0].copy() for x in inputs])


def octavo_logits(plan, inputs, folder):
    numpy.save(folder / "inputs.npy", inputs)
    done = run("classify", plan, folder / "inputs.npy", "-q", "--logits", folder / "logits.npy", "--overwrite", "--clip")
    assert done.returncode == 0, done.stderr
    return numpy.load(folder / "logits.npy")


def metadata(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def some_inputs(path, random, count=8):
    """Pixels where the plan takes pictures, else values that fill what the first pair stores."""
    model = onnx.load(path)
    given = model.graph.input[0]
    shape = [dim.dim_value for dim in given.type.tensor_type.shape.dim][1:]
    said = metadata(path)
    if "octavo.mean" in said:
        mean, std = (numpy.array(said[key].split(","), numpy.float32)[:, None, None]
                     for key in ("octavo.mean", "octavo.std"))
        return ((random.integers(0, 256, (count, *shape)) - mean) / std).astype(numpy.float32)
    (scale,) = [onnx.numpy_helper.to_array(x) for x in model.graph.initializer if x.name == given.name + "/scale"]
    return random.uniform(-100 * scale, 100 * scale, (count, *shape)).astype(numpy.float32)


@pytest.fixture(scope="module")
def random_plans(tmp_path_factory):
    if not TOOL.exists():
        pytest.skip(f"{TOOL} is not built")
    folder = tmp_path_factory.mktemp("plans")
    subprocess.run([TOOL, folder, str(SEED), str(PLANS), "2"], check=True)
    print("seed", SEED)
    return [folder / f"{seed}.octavo" for seed in range(SEED, SEED + PLANS)]


def test_onnxruntime_computes_what_random_plans_of_every_step_compute(random_plans, tmp_path):
    """Where the file has the plan's own integers, all that differs is the last bit of a float in
    front of a rounding: that turns a value in ten thousand over, and mostly none in plans this small."""
    random = numpy.random.default_rng(SEED)
    steps, exact, compared = set(), 0, 0
    for plan in random_plans:
        path, said = exported(plan)
        if said["coarser"]:
            continue
        inputs = some_inputs(path, random)
        ours = octavo_logits(plan, inputs, tmp_path)
        apart = abs(onnxruntime_logits(path, inputs) - ours).max(1) / max(numpy.ptp(ours), 1e-3)
        steps |= {step["op"] for step in json.loads(run("inspect", plan, "--json").stdout)["steps"]}
        exact += (apart < 1e-3).sum()
        compared += len(apart)
        assert numpy.median(apart) < 1e-3, plan.name
    print(compared, "inputs,", exact, "without a value turned over")
    assert exact >= 0.98 * compared
    assert steps >= {"convolution", "max_pool", "average_pool", "add", "multiply", "rescale", "gather", "concat",
                     "reshape", "layer_norm", "l2_normalize", "softmax", "matmul", "resize", "permute", "constant"}


def test_openvino_computes_what_random_plans_compute(random_plans, tmp_path):
    random = numpy.random.default_rng(SEED)
    close = compared = 0
    for plan in random_plans[:20]:
        path, said = exported(plan)
        if said["coarser"]:
            continue
        inputs = some_inputs(path, random, 2)
        ours = octavo_logits(plan, inputs, tmp_path)
        apart = abs(openvino_logits(path, inputs) - ours).max(1) / max(numpy.ptp(ours), 1e-3)
        close += (apart < 0.05).sum()
        compared += len(apart)
    print(close, "of", compared)
    assert close >= 0.9 * compared


def test_a_symmetric_file_has_signed_bytes_without_zero_points_alone(random_plans):
    for plan in random_plans[:20]:
        path, said = exported(plan, "--symmetric")
        assert said["opset"] == 17
        for entry in onnx.load(path).graph.initializer:
            if entry.name.endswith("/zero_point"):
                assert entry.data_type == onnx.TensorProto.INT8
                assert not onnx.numpy_helper.to_array(entry).any()


@pytest.fixture(scope="module")
def network_plan(small, tmp_path_factory):
    """A copy, so that what is made beside it is its own."""
    path = tmp_path_factory.mktemp("network") / "network.octavo"
    path.write_bytes(small.plan.read_bytes())
    return path


@pytest.fixture(scope="module")
def network_inputs(network_plan):
    random = numpy.random.default_rng(5)
    mean, std = (numpy.array(metadata(exported(network_plan)[0])[key].split(","), numpy.float32)[:, None, None]
                 for key in ("octavo.mean", "octavo.std"))
    colours = random.integers(30, 220, (40, 3, 1, 1))
    return ((random.normal(colours, 40, (40, 3, 32, 32)).clip(0, 255).round() - mean) / std).astype(numpy.float32)


@pytest.mark.parametrize("flags", [(), ("--symmetric",)], ids=["zero points", "symmetric"])
@pytest.mark.parametrize("runtime", [onnxruntime_logits, openvino_logits])
def test_a_network_keeps_its_answers(network_plan, network_inputs, tmp_path, runtime, flags):
    path, said = exported(network_plan, *flags)
    ours = octavo_logits(network_plan, network_inputs, tmp_path)
    theirs = runtime(path, network_inputs)
    noise = numpy.square(theirs - ours).sum() / numpy.square(ours - ours.mean(0)).sum()
    print(f"{-10 * numpy.log10(noise):.1f} dB", said["coarser"])
    assert numpy.mean(theirs.argmax(1) == ours.argmax(1)) >= 0.95
    assert noise < 10 ** (-1.5 if flags else -2.2)


def test_the_file_has_pairs_of_one_scale_and_integers_for_weights_and_biases(network_plan):
    path, said = exported(network_plan)
    graph = onnx.load(path).graph
    known = {entry.name: entry for entry in graph.initializer}
    assert said["equalized"]
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            assert list(known[node.input[1]].dims) == []
        if node.op_type != "Conv":
            continue
        for value, kind in zip(node.input[1:], (onnx.TensorProto.INT8, onnx.TensorProto.INT32)):
            (maker,) = [other for other in graph.node if value in other.output]
            assert maker.op_type == "DequantizeLinear"
            stored, scale = known[maker.input[0]], known[maker.input[1]]
            assert stored.data_type == kind and list(scale.dims) == [stored.dims[0]]


def test_read_back_the_file_is_a_plan_of_the_same_answers(network_plan, small, network_inputs, tmp_path):
    """Its factors and constants between pairs have no pair of their own: pictures tell their ranges."""
    path, _ = exported(network_plan, "--symmetric")
    plan = tmp_path / "again.octavo"
    done = run("build", path, "-o", plan, "--calib", small.calibration, "-q")
    assert done.returncode == 0, done.stderr
    before, after = (octavo_logits(one, network_inputs, tmp_path) for one in (network_plan, plan))
    assert numpy.mean(before.argmax(1) == after.argmax(1)) >= 0.95
    read, stored = (json.loads(run("inspect", one, "--json").stdout)["preprocess"] for one in (plan, network_plan))
    assert read == stored


def test_labels_preprocessing_and_provenance_are_metadata(network_plan, small):
    said = metadata(exported(network_plan)[0])
    assert json.loads(said["octavo.labels"]) == ["red", "green", "blue", "yellow"]
    inspected = json.loads(run("inspect", small.plan, "--json").stdout)
    assert said["octavo.model_sha256"] == inspected["provenance"]["model_sha256"]
    assert said["octavo.interpolation"] in {"bilinear", "bicubic", "nearest"}


def test_build_writes_the_same_file(small, tmp_path):
    plan, path = tmp_path / "a.octavo", tmp_path / "a.onnx"
    said = answer("build", small.model, "-o", plan, "--export-qdq", path, "--calib",
                  small.calibration, "-q")
    again, alone = exported(plan.rename(tmp_path / "b.octavo"))
    assert path.read_bytes() == again.read_bytes()
    assert said["export"]["sha256"] == alone["sha256"]


def test_what_cannot_be_read_or_written_is_a_sentence(small, tmp_path):
    there = tmp_path / "there.onnx"
    there.write_bytes(b"old")
    broken = tmp_path / "broken.octavo"
    broken.write_bytes(small.plan.read_bytes()[:-9])
    fails(2, "export", small.plan, says=["-o"])
    fails(3, "export", broken, "-o", tmp_path / "out.onnx", says=["broken.octavo"])
    fails(1, "export", tmp_path / "none.octavo", "-o", tmp_path / "out.onnx", says=["No such file"])
    fails(3, "export", small.model, "-o", tmp_path / "out.onnx", says=["model.onnx"])
    fails(2, "export", small.plan, "-o", small.plan, "--overwrite", says=["would be lost"])
    fails(2, "build", small.model, "-o", there, "--export-qdq", there, "--calib", small.calibration, says=["same file"])
    assert run("export", small.plan, "-o", there).returncode != 0
    assert there.read_bytes() == b"old"
    assert not (tmp_path / "out.onnx").exists()
