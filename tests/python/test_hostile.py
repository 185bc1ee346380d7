"""Whatever a caller hands over: an exception with one line, never a crash or an answer to something else."""

import os
import subprocess
import sys

import numpy
import octavo
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays

from conftest import LIBRARY, ROOT

QUICK = settings(max_examples=150, deadline=None, derandomize=True,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])
DTYPES = some.sampled_from(["u1", "i1", "<i2", "<i8", "<f2", "<f4", "<f8", "<c8", "?", "S3", "O", "M8[s]"])
SHAPES = arrays.array_shapes(min_dims=0, max_dims=6, min_side=0, max_side=34)
SIDES = some.sampled_from([0, 1, 2, 3, 31, 32, 33])
NEAR = some.lists(SIDES, min_size=0, max_size=5).map(tuple)


def refused(call, *arguments, **options):
    """The logits or answers, or None where it was refused in one line."""
    try:
        return call(*arguments, **options)
    except octavo.Error as error:
        text = str(error)
        assert text and "\n" not in text
        assert error.exit_code in (1, 2, 3, 5)
        return None


def filled(dtype, shape):
    if numpy.prod(shape) > 1 << 20:
        shape = (0,)
    return numpy.zeros(shape, dtype)


@QUICK
@given(dtype=DTYPES, shape=NEAR | SHAPES, layout=some.sampled_from([None, "NHWC", "NCHW", "CHWN"]),
       reverse=some.booleans())
def test_any_array_runs_or_is_refused(model, dtype, shape, layout, reverse):
    array = filled(dtype, shape)
    if reverse:
        array = array[..., ::-1] if array.ndim else array
    out = refused(model.run, array, layout=layout)
    if out is not None:
        assert out.shape[1:] == (4,) and numpy.isfinite(out).all()
        assert tuple(sorted(array.shape[-3:])) == (3, 32, 32) and array.dtype.kind in "uf"


@QUICK
@given(dtype=DTYPES, shape=NEAR | SHAPES, top_k=some.integers(-2, 6) | some.none() | some.floats())
def test_any_pixels_are_a_picture_or_refused(model, dtype, shape, top_k):
    array = filled(dtype, shape)
    out = refused(model, array, top_k=top_k)
    if out is not None:
        assert array.dtype == numpy.uint8 and len(out) == min(top_k, 4)


@QUICK
@given(format=some.sampled_from(["nv12", "i420", "yuyv", "rgb24", "bgr24", "gray8", "p010"]),
       sizes=some.lists(some.integers(0, 4000), min_size=0, max_size=4),
       width=some.integers(-2, 70), height=some.integers(-2, 70),
       stride=some.none() | some.integers(-5, 100) | some.just(1 << 40))
def test_any_frame_is_classified_or_refused(model, format, sizes, width, height, stride):
    planes = [bytes(size) for size in sizes]
    out = refused(model.classify_frame, format, planes, width, height, [stride] * len(planes))
    if out is not None:
        assert sum(sizes) >= width * height and len(out) == 4


@QUICK
@given(data=some.binary(max_size=300), head=some.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"P6\n",
                                                              b"RIFF\0\0\0\0WEBP"]))
def test_any_bytes_are_no_picture(model, data, head):
    refused(model, head + data)


@QUICK
@given(at=some.integers(0, 1 << 30), value=some.integers(0, 255), cut=some.booleans())
def test_a_damaged_plan_is_refused(model, at, value, cut):
    data = bytearray(model.to_bytes())
    at %= len(data)
    if cut:
        del data[at:]
    else:
        data[at] ^= value
    with_damage = refused(octavo.load, bytes(data))
    assert with_damage is None or data == model.to_bytes()


@pytest.mark.parametrize("plan", [3, None, [], "", "a\0b", "/", "/nowhere/at.all", b""])
def test_what_is_no_plan_is_refused(plan):
    with pytest.raises(octavo.Error):
        octavo.load(plan)


def test_each_kind_of_failure_has_its_exception(model, small):
    with pytest.raises(octavo.FailedError, match="/nowhere"):
        octavo.load("/nowhere")
    with pytest.raises(octavo.RejectedError):
        octavo.load(b"no plan at all")
    with pytest.raises(octavo.UsageError, match="avx512"):
        octavo.load(small.plan, isa="avx513")
    with pytest.raises(ValueError, match="NaN"):
        model.run(numpy.full(model.info.input, numpy.nan, numpy.float32))
    with pytest.raises(octavo.FailedError, match="cat.jpg"):
        model("cat.jpg")
    with pytest.raises(octavo.UsageError, match="threads"):
        octavo.load(small.plan, threads=0)
    with pytest.raises(octavo.UsageError, match="one input"):
        octavo.InferenceSession(small.plan).run(None, {})


def test_a_bad_picture_of_a_batch_is_named(model, small):
    with pytest.raises(octavo.RejectedError, match="^input 2: "):
        model([small.pictures[0], small.pictures[1], b"no picture", small.pictures[2]], threads=2)


VALUES = some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8) \
    | some.lists(some.text(max_size=4), max_size=3)
NAMES = some.sampled_from(["method", "samples", "int16", "size", "seed", "mean", "overwrite", "labels", "json", "help", "o",
                           "config", "threads"]) | some.text(max_size=6)


@settings(QUICK, max_examples=60)
@given(options=some.dictionaries(NAMES, VALUES, max_size=4))
def test_any_option_of_a_command_is_taken_or_refused(options):
    """The model is not there, so that nothing is built whatever they say."""
    options = {name: value for name, value in options.items() if name not in ("model", "output", "calib", "progress")}
    with pytest.raises(octavo.Error) as failed:
        octavo.build("/nowhere.onnx", "/nowhere.octavo", "/nowhere", **options)
    assert "\n" not in str(failed.value) and "said nothing" not in str(failed.value)


@pytest.mark.parametrize("words", [("a\0b", "c"), ("a", "\0"), ("a" * 3_000_000, "c")], ids=["model", "output", "length"])
def test_what_no_command_line_holds_is_refused(words):
    with pytest.raises(octavo.Error):
        octavo.build(*words)


def last_line(code, **environment):
    """Of what a fresh interpreter says, which ends by an exception and not by a signal."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env=dict(os.environ, PYTHONPATH=str(ROOT / "python"), **environment))
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.6])
def test_a_library_that_was_cut_off_is_refused(tmp_path, share):
    """A copy or a download that was interrupted: the loader maps it, and the process would die of its first page."""
    whole = LIBRARY.read_bytes()
    (tmp_path / "cut.so").write_bytes(whole[:int(share * len(whole))])
    said = last_line("import octavo; octavo.load('x')", OCTAVO_LIBRARY=str(tmp_path / "cut.so"))
    assert said.startswith("octavo.errors.FailedError: the library ") and "OCTAVO_LIBRARY" in said


def test_another_library_is_refused():
    said = last_line("import octavo; octavo.load('x')", OCTAVO_LIBRARY="libc.so.6")
    assert "the library libc.so.6 has no function octavo_" in said


def test_a_program_that_is_none_is_told(tmp_path, monkeypatch):
    for name, content, said in [("text", b"hello", "cannot be started: Exec format error"),
                                ("silent", b"#!/bin/sh\n", "ended with 0 and said nothing"),
                                ("killed", b"#!/bin/sh\nkill -SEGV $$\n", "was ended by SIGSEGV")]:
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("OCTAVO_PROGRAM", str(tmp_path / name))
        with pytest.raises(octavo.FailedError, match=said):
            octavo.bench("x")
