"""The package python/octavo over the release build's library and program, and a small plan."""

import os
import pathlib
import sys
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OCTAVO_BUILD", ROOT / "build/release"))
LIBRARY = BUILD / "liboctavo_runtime.so.0"
sys.path[:0] = [str(ROOT / "tests/command"), str(ROOT / "python")]
import program  # noqa: E402

os.environ.setdefault("OCTAVO_LIBRARY", str(LIBRARY))
os.environ.setdefault("OCTAVO_PROGRAM", str(program.BINARY))
if not LIBRARY.exists() or not program.BINARY.exists():
    collect_ignore_glob = ["test_*.py"]
    print(f"{LIBRARY} or {program.BINARY} is not built: the Python tests are skipped", file=sys.stderr)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    import octavo
    folder = tmp_path_factory.mktemp("small")
    program.make_network(str(folder / "model.onnx"))
    program.make_pictures(folder / "pictures", 24, program.SEED)
    (folder / "labels.txt").write_text("red\ngreen\nblue\nyellow\n")
    told = []
    built = octavo.build(folder / "model.onnx", folder / "model.octavo", folder / "pictures",
                         labels=folder / "labels.txt", progress=lambda *step: told.append(step))
    pictures = sorted(str(path) for path in (folder / "pictures").glob("*.[jp][pn]g"))
    return types.SimpleNamespace(folder=folder, plan=folder / "model.octavo", pictures=pictures, built=built,
                                 told=told)


@pytest.fixture(scope="session")
def model(small):
    import octavo
    return octavo.load(small.plan)


@pytest.fixture(scope="session")
def logits(small):
    """What the program says of the pictures."""
    import numpy
    out = small.folder / "logits.npy"
    done = program.run("classify", small.plan, *small.pictures, "--logits", out)
    assert done.returncode == 0, done.stderr
    return numpy.load(out)
