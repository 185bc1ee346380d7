"""A folder in which the names that the docs use exist."""

import os
import shutil
import subprocess

import numpy
import pytest

from pages import blocks, program


@pytest.fixture(scope="session")
def workplace(tmp_path_factory):
    if not program.BINARY.exists():
        pytest.skip(f"{program.BINARY} is not built")
    folder = tmp_path_factory.mktemp("docs")
    program.make_network(str(folder / "model.onnx"))
    program.make_pictures(folder / "calibration", 60, 1)
    program.make_pictures(folder / "validation", 56, 2)
    shutil.copy(folder / "validation" / "000.jpg", folder / "photo.jpg")
    (folder / "config.yaml").write_text(blocks("howto.md", "yaml")[0])
    (folder / "calibration_data_rgb_f32").mkdir()
    random = numpy.random.default_rng(8)
    for index in range(24):
        pixels = random.integers(0, 256, (3, 32, 32)).astype(numpy.float32)
        pixels.tofile(folder / "calibration_data_rgb_f32" / f"{index}.rgbchw")
    program.quantize_network(folder / "model.onnx", folder / "quantized.onnx")
    (folder / "names.txt").write_text("red\ngreen\nblue\nyellow\n")
    noise = numpy.random.default_rng(9).integers(0, 256, 64 * 48 * 3 // 2, numpy.uint8)
    (folder / "frame.nv12").write_bytes(noise.tobytes())
    (folder / "clip.nv12").write_bytes(noise.tobytes() * 40)
    (folder / "octavo").symlink_to(program.BINARY)
    done = program.run("build", "model.onnx", "-o", "model.octavo", "--calib", "calibration", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def shell(workplace):
    """Runs a command of a page there; what the page made before may be made again."""
    environment = dict(os.environ, PATH=f"{workplace}:{os.environ['PATH']}")

    def run(command):
        words = command.split()
        written = [words[words.index(flag) + 1] for flag in ("-o", "--logits") if flag in words]
        if "--config" in words or any((workplace / file).exists() for file in written):
            command += " --overwrite"
        done = subprocess.run(["bash", "-c", command], cwd=workplace, env=environment,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    return run
