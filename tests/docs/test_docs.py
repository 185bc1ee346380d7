"""Every command in the docs' `sh` blocks runs and exits as it should."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/command"))
import program  # noqa: E402
from program import BINARY  # noqa: E402

PAGES = ["../README.md", "tutorial.md", "howto.md"]


def commands(page):
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def yaml_of(page):
    """The YAML file that a page shows."""
    return re.search(r"^```yaml\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.S | re.M)[1]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder in which the names that the docs use exist."""
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    folder = tmp_path_factory.mktemp("docs")
    program.make_network(str(folder / "model.onnx"))
    program.make_pictures(folder / "calibration", 40, 1)
    program.make_pictures(folder / "validation", 24, 2)
    shutil.copy(folder / "validation" / "000.jpg", folder / "photo.jpg")
    (folder / "config.yaml").write_text(yaml_of("howto.md"))
    (folder / "calibration_data_rgb_f32").mkdir()
    random = numpy.random.default_rng(8)
    for index in range(24):
        pixels = random.integers(0, 256, (3, 32, 32)).astype(numpy.float32)
        pixels.tofile(folder / "calibration_data_rgb_f32" / f"{index}.rgbchw")
    program.quantize_network(folder / "model.onnx", folder / "quantized.onnx")
    (folder / "names.txt").write_text("red\ngreen\nblue\nyellow\n")
    noise = numpy.random.default_rng(9).integers(0, 256, 64 * 48 * 3 // 2, numpy.uint8)
    (folder / "frame.nv12").write_bytes(noise.tobytes())
    (folder / "octavo").symlink_to(BINARY)
    done = subprocess.run([BINARY, "build", "model.onnx", "-o", "model.octavo", "--calib", "calibration"],
                          cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_the_page_run(workplace, page):
    assert commands(page), f"{page} shows no command"
    environment = dict(os.environ, PATH=f"{workplace}:{os.environ['PATH']}")
    for command in commands(page):
        if "-o model.octavo" in command:
            command += " --overwrite"  # the fixture made it already
        done = subprocess.run(["bash", "-c", command], cwd=workplace, env=environment,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (command, done.stderr)
