"""The binary interface of the shared libraries is what was recorded (tools/record-abi): a program that was compiled
with the headers of then runs with the library of now."""

import os
import platform
import re
import shutil
import subprocess

import pytest

from installing import BUILD, ROOT, done

RECORDED = sorted((ROOT / "tests/install/abi").glob("*.abi"))
pytestmark = [
    pytest.mark.skipif(not shutil.which("abidiff"), reason="abidiff is in the package abigail-tools"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="recorded on x86-64")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The interfaces of this build, recorded elsewhere."""
    if not (BUILD / "build.ninja").exists():
        pytest.skip(f"{BUILD} is no build of ninja's")
    folder = tmp_path_factory.mktemp("abi")
    done(ROOT / "tools/record-abi", folder, env=dict(os.environ, OCTAVO_BUILD=str(BUILD)))
    return folder


def difference(old, new):
    """abidiff's exit status and report."""
    ran = subprocess.run(["abidiff", old, new], capture_output=True, text=True)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.stem)
def test_the_interface_is_the_recorded_one(built, recorded):
    status, report = difference(recorded, built / recorded.name)
    assert status == 0, f"{report}\ntools/record-abi says when it may be recorded anew"


def test_every_library_is_recorded(built):
    assert {path.name for path in built.iterdir()} == {path.name for path in RECORDED}


@pytest.mark.parametrize("change", [
    ("a function that is gone", r"<elf-symbol name='octavo_run_frame'.*\n", ""),
    ("a field elsewhere", r"layout-offset-in-bits='128'(>\s*<var-decl name='plane')", r"layout-offset-in-bits='32'\1"),
    ("a struct that is smaller", r"(name='octavo_score' size-in-bits=)'96'", r"\1'64'"),
    ("another number of a status", r"(name='OCTAVO_REJECTED' value=)'3'", r"\1'4'")], ids=lambda change: change[0])
def test_what_breaks_programs_is_seen(built, tmp_path, change):
    """The comparison itself: records of another interface."""
    text = (built / "liboctavo_runtime.so.0.abi").read_text()
    other = re.sub(change[1], change[2], text)
    assert other != text
    (tmp_path / "other.abi").write_text(other)
    assert difference(built / "liboctavo_runtime.so.0.abi", tmp_path / "other.abi")[0] & 4
