"""One network of every family of the zoo, as PyTorch's exporters write it, without its weights
(zoo/skeleton.py): refilled from a seed it must import and give ONNX Runtime's logits."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime")

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("OCTAVO_BINARY", ROOT / "build/release/octavo"))
SKELETONS = sorted((ROOT / "tests/models").glob("*.onnx.xz"))
SEED = 20240611

sys.path.insert(0, str(ROOT / "zoo"))
import skeleton  # noqa: E402

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason=f"{BINARY} is not built")


def smooth_noise(random, shape):
    """Amplitudes fall as 1 / frequency, as in pictures."""
    fy, fx = np.fft.fftfreq(shape[2])[:, None], np.fft.rfftfreq(shape[3])[None]
    falling = 1 / np.sqrt(fy**2 + fx**2 + 1 / shape[2] ** 2)
    noise = np.fft.irfft2(np.fft.rfft2(random.standard_normal(shape)) * falling, s=shape[2:])
    return (noise / noise.std()).astype(np.float32)


def runtime_logits(path, pictures):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"input": x})[0] for x in pictures])


def test_every_family_is_there():
    families = {path.name.split(".")[0] for path in SKELETONS}
    assert len(families) == 20 and len(SKELETONS) == 48


@pytest.mark.parametrize("path", SKELETONS, ids=lambda path: path.name.removesuffix(".onnx.xz"))
def test_skeleton_equals_onnx_runtime(path, tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(skeleton.refill(skeleton.load(path), SEED).SerializeToString())
    random = np.random.default_rng(SEED)
    pictures = [smooth_noise(random, (1, 3, 224, 224)) for _ in range(2)]
    files = [tmp_path / f"{i}.npy" for i in range(len(pictures))]
    for file, picture in zip(files, pictures):
        np.save(file, picture)
    command = [BINARY, "classify", model, *files, "--logits", tmp_path / "y.npy", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    theirs = runtime_logits(model, pictures)
    ours = np.load(tmp_path / "y.npy").reshape(theirs.shape)
    deviation = theirs.std()
    assert abs(theirs[0] - theirs[1]).max() > 0.003 * deviation  # the picture matters
    assert abs(ours - theirs).max() <= 1e-3 * deviation, f"seed {SEED}"
