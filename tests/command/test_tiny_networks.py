"""Tiny classifiers as many exporters write them: what imports is what ONNX Runtime computes, and nearly all can be built."""

import numpy
import pytest

import tiny
from program import BINARY, run

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.skipif(not BINARY.exists(), reason=f"{BINARY} is not built")

PICTURES, MEAN, DEVIATION = 20, 128, 40
# What no exporter of classifiers is known to need; each is refused by name, with a reason.
REFUSED = {"pool_dilated": "dilation"}
# Recorded and taken off, so that the network ends in logits.
ENDS = [lambda y: y, lambda y: numpy.exp(y) / numpy.exp(y).sum(1, keepdims=True),
        lambda y: y - numpy.log(numpy.exp(y).sum(1, keepdims=True)), lambda y: 1 / (1 + numpy.exp(-y))]


def outputs(path, inputs):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return numpy.stack([session.run(None, {"input": x})[0].reshape(-1) for x in inputs])


def made(name, make, folder):
    """The file, its inputs (values that pixels hold), as files too, and the flags that say so."""
    from onnx import save
    model = make()
    save(model, folder / "model.onnx")
    shape = [d.dim_value or 1 for d in model.graph.input[0].type.tensor_type.shape.dim]
    random = numpy.random.default_rng(5)
    pixels = numpy.clip(numpy.rint(random.normal(MEAN, DEVIATION, (PICTURES, *shape))), 0, 255)
    inputs = ((pixels - MEAN) / DEVIATION).astype(numpy.float32)
    (folder / "inputs").mkdir()
    for index, x in enumerate(inputs):
        numpy.save(folder / f"inputs/{index:02}.npy", x)
    is_picture = len(shape) > 2 and {shape[-1], shape[-3]} & {1, 3}
    return inputs, ["--mean", MEAN, "--std", DEVIATION] if is_picture else []


@pytest.mark.parametrize("name, make", [pytest.param(*each, id=each[0]) for each in tiny.networks()])
def test_a_tiny_network_is_onnxruntimes_and_can_be_built(name, make, tmp_path):
    inputs, flags = made(name, make, tmp_path)
    path, out = tmp_path / "model.onnx", tmp_path / "logits.npy"
    expected = outputs(path, inputs)
    done = run("check", path)
    if name in REFUSED:
        assert done.returncode == 3 and REFUSED[name] in done.stdout + done.stderr
        return
    assert done.returncode == 0, done.stderr
    done = run("classify", path, tmp_path / "inputs/00.npy", tmp_path / "inputs/01.npy", *flags, "-q", "--logits", out)
    assert done.returncode == 0, done.stderr
    found = numpy.load(out).reshape(2, -1)
    tolerance = 1e-4 * max(1, abs(expected).max())
    end = [f for f in ENDS if abs(f(found) - expected[:2]).max() <= tolerance]
    assert end, abs(found - expected[:2]).max()
    done = run("build", path, "-o", tmp_path / "plan.octavo", "--calib", tmp_path / "inputs", *flags, "-q")
    assert done.returncode == 0, done.stderr
    done = run("classify", tmp_path / "plan.octavo", *sorted((tmp_path / "inputs").iterdir()), "-q", "--logits", out,
               "--overwrite")
    assert done.returncode == 0, done.stderr
    built = end[0](numpy.load(out).reshape(PICTURES, -1)).ravel()
    assert built.size == PICTURES or numpy.corrcoef(built, expected.ravel())[0, 1] > 0.98


def test_at_least_95_of_100_kinds_can_be_built():
    count = len(tiny.networks())
    assert count >= 150 and REFUSED.keys() <= dict(tiny.networks()).keys()
    assert len(REFUSED) <= 0.05 * count
