"""The wheel that tools/make-wheel made, in an environment that holds nothing else: bench/long-tests makes it
first."""

import os
import subprocess
import sys

import pytest

import program
from installing import ROOT, done

WHEELS = sorted((ROOT / "dist").glob("octavo-*.whl"))
pytestmark = pytest.mark.skipif("OCTAVO_LONG_TESTS" not in os.environ or not WHEELS,
                                reason="a matter of bench/long-tests, which makes the wheel first")


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("venv")
    done(sys.executable, "-m", "venv", folder)
    done(folder / "bin/pip", "install", "-q", "--disable-pip-version-check", WHEELS[-1])
    return folder / "bin/python"


def alone(**more):
    """The environment without what names another library or program."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OCTAVO_", "PYTHON", "LD_"))}
    return kept | more


def test_the_wheel_is_small():
    assert WHEELS[-1].stat().st_size <= 3 << 20


def test_the_wheel_answers_as_the_program(python, small):
    code = ("import sys, octavo\nmodel = octavo.load(sys.argv[1])\n"
            "for path in sys.argv[2:]:\n"
            "    print(path)\n"
            "    for i, a in enumerate(model(path)): print(f\"[{i}] {a['label']}: {a['score']:.4f}\")\n")
    assert done(python, "-c", code, small.plan, *small.pictures, env=alone()) == small.said


def test_its_command_line_is_the_installed_program(python, small):
    at = alone(OCTAVO_PROGRAM=str(program.BINARY))
    for words in ([python.parent / "octavo"], [python, "-m", "octavo"]):
        assert done(*words, "classify", small.plan, *small.pictures, env=at) == small.said
    ran = subprocess.run([python, "-m", "octavo", "doctor"], capture_output=True, text=True, env=alone(PATH="/nowhere"))
    assert ran.returncode == 1 and "the program octavo was not found" in ran.stderr


def test_what_it_bundles_brings_its_licences(python):
    listed = done(python, "-c", "import importlib.metadata as m; print(*m.files('octavo'), sep='\\n')", env=alone())
    for name in ("LICENSE", "licences/libjpeg.txt", "licences/libspng.txt", "licences/libflatbuffers.txt"):
        assert name in listed
    ran = subprocess.run([python, "-m", "pip", "check"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
