"""Whatever a caller hands over: an exception with one line, never a crash or an answer to something else."""

import numpy
import octavo
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays

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
