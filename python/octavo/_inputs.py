"""What a caller may hand over, as the C interface takes it. An `Input` here keeps alive what it points to."""

from __future__ import annotations

import ctypes
import os
import pathlib
from typing import Any

import numpy

from . import _library as c
from .errors import FailedError, UsageError

FORMATS = {"nv12": 0, "i420": 1, "yuyv": 2, "rgb24": 3, "bgr24": 4, "gray8": 5}
_MOST_PICTURE_BYTES = 1 << 31


class Input:
    """A pointer with its length and kind, and the object that owns the memory."""

    __slots__ = ("kind", "pointer", "count", "owner", "path")

    def __init__(self, kind: str, pointer: Any, count: int, owner: Any, path: str | None = None) -> None:
        self.kind, self.pointer, self.count, self.owner, self.path = kind, pointer, count, owner, path

    def fill(self, to: c.Input) -> None:
        to.size = ctypes.sizeof(c.Input)
        if self.kind == "frame":
            to.frame = ctypes.pointer(self.pointer)
        else:
            setattr(to, self.kind, ctypes.cast(self.pointer, ctypes.c_void_p))
        to.count = self.count


def as_array(value: Any) -> "numpy.ndarray[Any, Any]":
    """NumPy's own, else by DLPack (tensors on the CPU), without a copy."""
    if isinstance(value, numpy.ndarray):
        return value
    if hasattr(value, "__dlpack__"):
        try:
            return numpy.from_dlpack(value)
        except (RuntimeError, BufferError, TypeError, ValueError) as error:
            raise UsageError(f"the tensor cannot be read by DLPack: {error}; it must be on the CPU") from None
    raise UsageError(f"an array of numbers is expected, not {type(value).__name__}")


def picture_bytes(data: bytes, path: str | None = None) -> Input:
    return Input("picture", data, len(data), data, path)


def picture_file(path: "str | os.PathLike[str]") -> Input:
    try:
        file = pathlib.Path(path)
        if file.stat().st_size > _MOST_PICTURE_BYTES:
            raise FailedError(f"{path} is larger than {_MOST_PICTURE_BYTES} bytes")
        return picture_bytes(file.read_bytes(), str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, FailedError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise FailedError(f"cannot read {os.fspath(path)!r}: {reason}") from None


def _plane(value: Any, name: str, rows: int, row_bytes: int, stride: int | None) -> tuple[Any, int]:
    """A plane's memory and stride: an array of rows, or bytes in one piece. All of it lies inside."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        value = numpy.frombuffer(value, numpy.uint8)
    array = as_array(value)
    if array.dtype != numpy.uint8:
        raise UsageError(f"{name} is {array.dtype}; bytes (uint8) are expected")
    if 0 in array.shape:
        raise UsageError(f"{name} has the shape {array.shape}, which holds nothing")
    if array.ndim > 1 and stride is None and array.strides[0] >= row_bytes and array[0].flags.c_contiguous:
        if array.shape[0] < rows or array[0].size < row_bytes:
            raise UsageError(f"{name} has the shape {array.shape}; {rows} rows of {row_bytes} bytes are expected")
        return array, int(array.strides[0])
    array = numpy.ascontiguousarray(array)
    if stride is None:
        stride = array[0].size if array.ndim > 1 else row_bytes
    if not row_bytes <= stride <= 1 << 20:
        raise UsageError(f"{name} has a stride of {stride} bytes; a row needs {row_bytes}")
    if array.size < (rows - 1) * stride + row_bytes:
        raise UsageError(f"{name} has {array.size} bytes; {rows} rows of {row_bytes}, {stride} apart, need "
                         f"{(rows - 1) * stride + row_bytes}")
    return array, stride


def frame(format: str, planes: list[Any], width: int, height: int, strides: list[int | None],
          video_range: bool, bt709: bool) -> Input:
    if format not in FORMATS:
        raise UsageError(f"there is no frame format {format!r}; there are {', '.join(FORMATS)}")
    if not (1 <= width <= 65536 and 1 <= height <= 65536):
        raise UsageError(f"a frame of {width}x{height} is outside 1..65536")
    shapes = {"nv12": [(height, width), (height // 2, width)],
              "i420": [(height, width), (height // 2, width // 2), (height // 2, width // 2)],
              "yuyv": [(height, 2 * width)], "rgb24": [(height, 3 * width)], "bgr24": [(height, 3 * width)],
              "gray8": [(height, width)]}[format]
    if len(planes) != len(shapes):
        raise UsageError(f"{format} has {len(shapes)} planes, not {len(planes)}")
    if format in ("nv12", "i420") and (width % 2 or height % 2) or format == "yuyv" and width % 2:
        raise UsageError(f"{format} needs an even size, not {width}x{height}")
    out = c.Frame(format=FORMATS[format], width=width, height=height, video_range=int(video_range),
                  bt709=int(bt709))
    kept = []
    for index, (plane, (rows, row_bytes)) in enumerate(zip(planes, shapes)):
        array, stride = _plane(plane, f"plane {index}", rows, row_bytes, strides[index])
        out.plane[index] = array.ctypes.data
        out.stride[index] = stride
        kept.append(array)
    return Input("frame", out, 0, kept)


def picture(value: Any) -> Input:
    """A path, encoded bytes, a PIL image, or pixels [height, width] or [height, width, 3] of any size."""
    if isinstance(value, (str, os.PathLike)):
        return picture_file(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return picture_bytes(bytes(value))
    if hasattr(value, "convert") and hasattr(value, "getbands"):  # a PIL image, without importing PIL
        value = numpy.asarray(value.convert("RGB"))
    if not isinstance(value, numpy.ndarray) and not hasattr(value, "__dlpack__"):
        raise UsageError("a picture is a path, the bytes of a file, a PIL image or an array of pixels, not "
                         f"{type(value).__name__}")
    array = as_array(value)
    if array.dtype != numpy.uint8:
        raise UsageError(f"pixels are {array.dtype}; bytes (uint8) of 0..255 are expected, or run() for a "
                         "tensor")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or array.ndim == 3 and array.shape[2] != 3 or 0 in array.shape:
        raise UsageError(f"pixels of the shape {array.shape}; [height, width] or [height, width, 3] are expected")
    height, width = array.shape[:2]
    return frame("gray8" if array.ndim == 2 else "rgb24", [array], width, height, [None], False, False)


def tensors(value: Any, shape: tuple[int, int, int], layout: str | None) -> "numpy.ndarray[Any, Any]":
    """uint8 or float32 [n, h, w, c] without gaps, of the network's h, w, c."""
    if layout not in (None, "NHWC", "NCHW"):
        raise UsageError(f"there is no layout {layout!r}; there are NHWC and NCHW")
    array = as_array(value)
    h, w, channels = shape
    if array.ndim == 3:
        array = array[None]
    last, first = array.shape[1:] == (h, w, channels), array.shape[1:] == (channels, h, w)
    if array.ndim != 4 or not (last and layout != "NCHW" or first and layout != "NHWC"):
        wanted = layout or "NHWC or NCHW"
        raise UsageError(f"the input has the shape {list(numpy.shape(value))}; the network takes [n, {h}, {w}, "
                         f"{channels}], or [n, {channels}, {h}, {w}] ({wanted})")
    if not (last and layout != "NCHW"):
        array = array.transpose(0, 2, 3, 1)
    if array.dtype == numpy.uint8:
        return numpy.ascontiguousarray(array)
    if array.dtype.kind != "f":
        raise UsageError(f"the input is {array.dtype}; uint8 pixels or normalised floats are expected")
    with numpy.errstate(over="ignore"):  # beyond float32 is clamped as infinity is
        return numpy.ascontiguousarray(array, numpy.float32)
