"""The small network, built once for all tests of the program."""

import types

import pytest

from program import BINARY, SEED, make_network, make_pictures, run


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Paths: model.onnx, calibration/, evaluation/, labels.txt and the plan built from them."""
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    folder = tmp_path_factory.mktemp("small")
    made = types.SimpleNamespace(
        folder=folder, model=folder / "model.onnx", plan=folder / "model.octavo",
        calibration=folder / "calibration", evaluation=folder / "evaluation",
        labels=folder / "labels.txt")
    print("seed", SEED)
    make_network(str(made.model))
    make_pictures(made.calibration, 48, SEED)
    make_pictures(made.evaluation, 40, SEED + 1)
    made.labels.write_text("red\ngreen\nblue\nyellow\n")
    done = run("build", made.model, "-o", made.plan, "--calib", made.calibration, "--labels", made.labels)
    assert done.returncode == 0, done.stderr
    made.summary = done.stdout
    return made
