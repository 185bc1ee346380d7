"""The wheel that tools/make-wheel made, in an environment that holds nothing else: bench/long-tests makes it
first. A wheel that was made already is tested by OCTAVO_LONG_TESTS=1."""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

import program
from installing import ROOT, done

WHEELS = sorted((ROOT / "dist").glob(f"octavo-*{platform.machine()}.whl"))
FOR_ARM = sorted((ROOT / "dist").glob("octavo-*aarch64.whl"))
pytestmark = pytest.mark.skipif("OCTAVO_LONG_TESTS" not in os.environ or not WHEELS,
                                reason="a matter of bench/long-tests, which makes the wheel first")
# Which licence is that of a library which is beside the program.
LICENCE_OF = {"libdnnl": "onednn", "libgomp": "libgomp", "libOpenCL": "opencl-loader", "libjpeg": "libjpeg-turbo",
              "libwebp": "libwebp", "libspng": "libspng", "libfmt": "fmt", "libtomlplusplus": "tomlplusplus"}
MIB = 1 << 20


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("venv")
    done(sys.executable, "-m", "venv", folder)
    done(folder / "bin/pip", "install", "-q", "--disable-pip-version-check", WHEELS[-1])
    return folder / "bin/python"


def alone(**more):
    """The environment without what names another library or program, and where no program is found by its name."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OCTAVO_", "PYTHON", "LD_"))}
    return kept | {"PATH": "/nowhere"} | more


def test_the_wheel_is_small():
    files = zipfile.ZipFile(WHEELS[-1]).infolist()
    engine = sum(file.compress_size for file in files if "libdnnl" in file.filename)
    whole = sum(file.compress_size for file in files)
    assert whole - engine <= 6 * MIB
    assert whole <= 17 * MIB


def test_the_wheel_answers_as_the_program(python, small):
    code = ("import sys, octavo\nmodel = octavo.load(sys.argv[1])\n"
            "for path in sys.argv[2:]:\n"
            "    print(path)\n"
            "    for i, a in enumerate(model(path)): print(f\"[{i}] {a['label']}: {a['score']:.4f}\")\n")
    assert done(python, "-c", code, small.plan, *small.pictures, env=alone()) == small.said


@pytest.mark.parametrize("words", [["octavo"], ["python", "-m", "octavo"]], ids=" ".join)
def test_its_command_line_is_inside(python, small, words):
    command = [python.parent / words[0], *words[1:]]
    assert done(*command, "classify", small.plan, *small.pictures, env=alone()) == small.said
    assert done(*command, "selftest", env=alone()).count("same") >= 1
    ran = subprocess.run([*command, "clasify"], capture_output=True, text=True, env=alone())
    assert ran.returncode == 2 and "did you mean classify" in ran.stderr


def test_it_builds_and_evaluates_without_anything_else(python, small, tmp_path):
    """The float engine inside; the plan is the program's to the byte."""
    code = (f"import octavo\nbuilt = octavo.build({str(small.folder / 'model.onnx')!r}, 'fresh.octavo', "
            f"{str(small.folder / 'pictures')!r}, labels={str(small.folder / 'labels.txt')!r})\n"
            f"print(octavo.evaluate([{str(small.folder / 'model.onnx')!r}, 'fresh.octavo'], "
            f"{str(small.folder / 'pictures')!r}).n, len(octavo.zoo.models()) > 50)\n")
    assert done(python, "-c", code, cwd=tmp_path, env=alone()).split() == ["12", "True"]
    assert (tmp_path / "fresh.octavo").read_bytes() == small.plan.read_bytes()


def test_a_tar_is_read_without_the_systems_libarchive(python, small, tmp_path):
    done("tar", "-cf", tmp_path / "pictures.tar", "-C", small.folder, "pictures")
    said = done(python.parent / "octavo", "eval", small.plan, "--data", tmp_path / "pictures.tar", env=alone())
    assert "12" in said
    needed = done("readelf", "-d", program_of(python).parent / "liboctavo_archive.so")
    assert "libarchive" not in needed


def program_of(python):
    (path,) = python.parent.parent.glob("lib/python*/site-packages/octavo/bin/octavo")
    return path


def test_where_libcurl_is_absent_transfers_say_so(python, tmp_path):
    """A copy of what is installed, whose module calls for a libcurl that no machine has."""
    site = program_of(python).parents[2]
    shutil.copytree(site / "octavo/bin", tmp_path / "octavo/bin")
    (tmp_path / "octavo.libs").symlink_to(site / "octavo.libs")
    module = tmp_path / "octavo/bin/liboctavo_network.so"
    named = module.read_bytes()
    assert b"libcurl.so.4\0" in named
    module.write_bytes(named.replace(b"libcurl.so.4\0", b"libcurl.so.~\0"))
    ran = subprocess.run([tmp_path / "octavo/bin/octavo", "zoo", "pull", "a", "--index", "http://127.0.0.1:9/index.json",
                          "--cache", tmp_path], capture_output=True, text=True, env=alone())
    assert ran.returncode == 1
    assert ran.stderr == ("octavo: cannot read the index: the network part cannot be loaded: libcurl.so.~: cannot open "
                          "shared object file: No such file or directory; Debian and Ubuntu have it in libcurl4\n")


def test_it_needs_nothing_but_the_base_system_beside_what_it_brings(python):
    """libcurl.so.4, of the module of transfers alone, is the exception."""
    base = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libstdc++.so.6", "libgcc_s.so.1",
            "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libz.so.1"}
    site = program_of(python).parents[2]
    brought = {path.name for path in (site / "octavo.libs").iterdir()}
    for path in [*(site / "octavo/bin").iterdir(), *(site / "octavo/lib").iterdir(), *(site / "octavo.libs").iterdir()]:
        needed = set(re.findall(r"NEEDED.*\[(.*?)\]", done("readelf", "-d", path)))
        allowed = {"libcurl.so.4"} if "network" in path.name else set()
        assert needed <= base | brought | allowed, path


def test_what_it_bundles_brings_its_licences(python):
    site = program_of(python).parents[2]
    texts = {path.stem for path in (site / "octavo/licences").iterdir()}
    for path in (site / "octavo.libs").iterdir():
        assert LICENCE_OF[re.match(r"[A-Za-z]+", path.name)[0]] in texts, path
    assert {"openssl", "yaml-cpp", "libarchive", "cli11", "nlohmann-json", "protozero", "flatbuffers", "xxhash",
            "zlib", "libgomp-GPL-3"} <= texts
    assert "licenses/LICENSE" in done(python, "-c", "import importlib.metadata as m; print(*m.files('octavo'))",
                                      env=alone())
    ran = subprocess.run([python, "-m", "pip", "check"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_importing_it_is_quick(python):
    """Beyond the interpreter's own start; the median of a few, which a busy machine does not decide."""
    code = ("import time; began = time.process_time(); import octavo; print(time.process_time() - began)")
    times = sorted(float(done(python, "-c", code, env=alone())) for _ in range(5))
    assert times[2] <= 0.060
    assert pathlib.Path(program_of(python)).stat().st_mode & 0o111


@pytest.mark.skipif(not FOR_ARM or platform.machine() == "aarch64" or not shutil.which("qemu-aarch64"),
                    reason="tools/make-wheel --aarch64 makes it, qemu-aarch64 runs it")
def test_the_wheel_for_arm_gives_the_same_bits(small, tmp_path):
    """Its program under qemu-user, over that architecture's base libraries."""
    with zipfile.ZipFile(FOR_ARM[-1]) as wheel:
        wheel.extractall(tmp_path / "wheel")
    base = ROOT / "build/sysroot-aarch64/lib/aarch64-linux-gnu"  # of a real system: zlib
    command = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-E", f"LD_LIBRARY_PATH={base}",
               tmp_path / "wheel/octavo/bin/octavo"]
    (tmp_path / "wheel/octavo/bin/octavo").chmod(0o755)
    done(*command, "classify", small.plan, *small.pictures, "--logits", tmp_path / "arm.npy")
    done(program.BINARY, "classify", small.plan, *small.pictures, "--logits", tmp_path / "here.npy")
    assert (tmp_path / "arm.npy").read_bytes() == (tmp_path / "here.npy").read_bytes()
    assert FOR_ARM[-1].stat().st_size <= 3 * MIB
