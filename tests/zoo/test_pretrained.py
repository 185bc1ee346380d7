"""zoo build --weights pretrained: timm's and torchvision's own loading, against a stand-in of the
hub. Needs a Python with PyTorch (OCTAVO_ZOO_PYTHON, or .venv-zoo as zoo/README.md makes it)."""

import json
import os
import pathlib
import subprocess
import sys

import numpy
import onnxruntime
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/command"), str(ROOT / "tests/zoo")]
import program  # noqa: E402
from hub import Hub  # noqa: E402

PYTHON = os.environ.get("OCTAVO_ZOO_PYTHON") or str(ROOT / ".venv-zoo/bin/python")


@pytest.fixture(scope="module")
def python():
    if not program.BINARY.exists():
        pytest.skip(f"{program.BINARY} is not built")
    found = pathlib.Path(PYTHON).exists() and subprocess.run(
        [PYTHON, "-c", "import torch, torchvision, timm, safetensors, onnx"],
        capture_output=True).returncode == 0
    if not found:
        pytest.skip(f"the loading of published weights was not tested: {PYTHON} with PyTorch, timm "
                    "and torchvision is not there (zoo/README.md installs them)")
    return PYTHON


@pytest.fixture
def place(tmp_path, python):
    """A folder with pictures, and a hub that serves tmp_path/served."""
    program.make_pictures(tmp_path / "calibration", 4, 1)
    (tmp_path / "served").mkdir()
    hub = Hub(tmp_path / "served")
    yield tmp_path, hub
    hub.close()


def make(folder, name):
    made = subprocess.run([PYTHON, ROOT / "tests/zoo/hub.py", "make", name, folder / "served"],
                          capture_output=True, text=True)
    assert made.returncode == 0, made.stderr


def build(folder, hub, name):
    """From a cache of its own, and no other network than the hub's stand-in."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("OCTAVO_ZOO_", "HF_"))}
    nowhere = "http://127.0.0.1:9"
    settings |= {"HF_ENDPOINT": hub.base, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1",
                 "HF_HUB_DISABLE_TELEMETRY": "1", "TORCH_HOME": str(folder / "served"),
                 "https_proxy": nowhere, "no_proxy": "127.0.0.1"}
    return subprocess.run(
        [str(program.BINARY), "zoo", "build", name, "--weights", "pretrained", "--python", PYTHON,
         "--calib", "calibration", "--labels", "imagenet", "--seconds", "0.02", "--cache", "cache",
         "--json", "-q"], cwd=folder, env=settings, capture_output=True, text=True, timeout=600)


def assert_same_network(folder, name, weights):
    """The exported file answers as the network did whose weights were served."""
    row = json.loads((folder / "octavo-zoo" / f"{name}.json").read_text())
    assert row["weights"] == f"pretrained, {weights}"
    file = folder / "cache/exported/pretrained" / f"{name}.onnx"
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    picture = numpy.load(folder / "served/picture.npy")
    expected = numpy.load(folder / "served/logits.npy")
    (found,) = session.run(None, {session.get_inputs()[0].name: picture})
    assert numpy.abs(found - expected).max() <= 1e-3 * numpy.abs(expected).max()
    inspected = json.loads(program.run("inspect", folder / "octavo-zoo" / f"{name}.octavo", "--json").stdout)
    assert inspected["classes"] == 1000


def test_what_the_hub_serves_is_what_is_built(place):
    folder, hub = place
    make(folder, "Mobilenetv4_conv_small")
    done = build(folder, hub, "Mobilenetv4_conv_small")
    assert done.returncode == 0, done.stderr
    repository = "/timm/mobilenetv4_conv_small.e2400_r224_in1k/resolve/"
    assert any(path.startswith(repository) and path.endswith("/model.safetensors")
               for command, path in hub.requests if command == "GET"), hub.requests
    assert_same_network(folder, "Mobilenetv4_conv_small", "timm mobilenetv4_conv_small.e2400_r224_in1k")


def test_a_network_of_torchvision_is_taken_without_its_auxiliary_heads(place):
    folder, hub = place
    make(folder, "GoogLeNet")
    done = build(folder, hub, "GoogLeNet")
    assert done.returncode == 0, done.stderr
    assert hub.requests == []
    assert_same_network(folder, "GoogLeNet", "torchvision googlenet.IMAGENET1K_V1")


def test_weights_that_the_hub_has_not_are_a_reason_in_the_row(place):
    folder, hub = place
    done = build(folder, hub, "Mobilenetv4_conv_small")
    assert done.returncode == 3
    reason = json.loads((folder / "octavo-zoo/Mobilenetv4_conv_small.json").read_text())["reasons"]["model_bytes"]
    assert reason.startswith("exporting: Mobilenetv4_conv_small") and "\n" not in reason
    assert not list((folder / "cache").rglob("*.onnx"))
