"""octavo.build, evaluate, compare, bench: the program's work with its sentences, progress and interrupts."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import octavo
import pytest

import program
from program import ROOT


def test_a_build_tells_what_it_does_and_what_came_out(small):
    built = small.built
    assert built.plan == str(small.plan) and built.pictures == 24 and len(built.sha256) == 64
    assert built.bytes == small.plan.stat().st_size
    assert json.loads(built.to_json())["sha256"] == built.sha256
    assert built.load().labels[0] == "red"
    assert small.told and all(0 <= done <= total and what for done, total, what in small.told)


def test_a_quantized_file_needs_no_pictures(small, tmp_path):
    program.quantize_network(small.folder / "model.onnx", tmp_path / "quantized.onnx")
    built = octavo.build(tmp_path / "quantized.onnx", tmp_path / "quantized.octavo")
    assert built.pictures == 0 and built.load().info.classes == 4
    with pytest.raises(octavo.Error, match="calib"):
        octavo.build(small.folder / "model.onnx", tmp_path / "float.octavo")


def test_models_are_evaluated_compared_and_measured(small):
    pictures = small.folder / "pictures"
    evaluated = octavo.evaluate([small.folder / "model.onnx", small.plan], pictures)
    assert evaluated.n == 24 and len(evaluated.models) == 2 and len(evaluated.paired) == 1
    compared = octavo.compare(small.folder / "model.onnx", small.plan, pictures, limit=4)
    assert compared.n == 4 and compared.layers and compared.logit_cosine > 0.9
    benched = octavo.bench(small.plan, threads=[1, 2], frames=5, warmup=0)
    assert [run["threads"] for run in benched.runs] == [1, 2]


def test_a_missed_gate_carries_the_result(small):
    with pytest.raises(octavo.GateMissedError) as missed:
        octavo.evaluate(small.plan, small.folder / "pictures", gate="top1>=101")
    assert missed.value.exit_code == 4 and missed.value.result.n == 24


def test_failures_have_the_programs_sentence_and_kind(small, tmp_path):
    with pytest.raises(octavo.FailedError, match="nowhere.onnx"):
        octavo.build("nowhere.onnx", tmp_path / "out.octavo", small.folder / "pictures")
    with pytest.raises(octavo.UsageError, match="did you mean --method"):
        octavo.build(small.folder / "model.onnx", tmp_path / "out.octavo", small.folder / "pictures", metod="kl")
    with pytest.raises(octavo.Error) as exists:  # nothing is overwritten
        octavo.build(small.folder / "model.onnx", small.plan, small.folder / "pictures")
    assert "overwrite" in str(exists.value)
    with pytest.raises(octavo.RejectedError):
        octavo.evaluate(small.folder / "labels.txt", small.folder / "pictures")


def test_what_progress_throws_reaches_the_caller(small, tmp_path):
    def progress(done, total, what):
        raise KeyError(what)

    with pytest.raises(KeyError):
        octavo.build(small.folder / "model.onnx", tmp_path / "out.octavo", small.folder / "pictures", progress=progress)


@pytest.fixture
def interruptible():
    """As at a terminal, also where the tests run in the background, with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_control_c_ends_the_program_too(small, monkeypatch, interruptible):
    """In a notebook's way: the signal reaches the interpreter alone."""
    started = []

    class Noted(subprocess.Popen):
        def __init__(self, *words, **options):
            super().__init__(*words, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    threading.Timer(1.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        octavo.bench(small.plan, seconds=1000)
    assert time.monotonic() - began < 100
    assert len(started) == 1
    assert started[0].returncode is not None  # it was waited for
    with pytest.raises(ProcessLookupError):  # and is gone
        os.kill(started[0].pid, 0)


def test_control_c_ends_a_build_without_a_file(small, tmp_path, interruptible):
    program.make_network(str(tmp_path / "model.onnx"), size=192)
    (tmp_path / "out").mkdir()
    asked = []

    def progress(done, total, what):
        if not asked:
            asked.append(what)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        octavo.build(tmp_path / "model.onnx", tmp_path / "out/model.octavo", small.folder / "pictures", progress=progress)
    assert asked and list((tmp_path / "out").iterdir()) == []


def test_python_m_octavo_is_the_command_line(small):
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "python"))

    def run(*words):
        return subprocess.run([sys.executable, "-m", "octavo", *words], capture_output=True, text=True, env=environment)

    done = run("classify", str(small.plan), small.pictures[0])
    assert (done.returncode, done.stdout) == (0, program.run("classify", small.plan, small.pictures[0]).stdout)
    assert run("no-such-command").returncode == 2
    environment["OCTAVO_PROGRAM"] = "/nowhere/octavo"
    done = run("doctor")
    assert done.returncode == 1 and done.stderr.startswith("octavo: the program octavo was not found")


def test_types_are_right():
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", "/dev/null", "octavo"],
                          cwd=ROOT / "python", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert pathlib.Path(ROOT / "python/octavo/py.typed").exists()
