"""The C interface (octavo/octavo.h) as ctypes sees it; nothing else in the package touches memory.

ctypes rather than an extension module: one wheel serves every Python, and each call below releases
the interpreter's lock."""

from __future__ import annotations

import ctypes
import os
import pathlib
import struct
from ctypes import (CFUNCTYPE, POINTER, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_uint8, c_uint64,
                    c_void_p)

from .errors import FailedError, of_kind

NAME = "liboctavo_runtime.so.0"
HERE = pathlib.Path(__file__).resolve().parent


class PlanOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("isa", c_char_p), ("log", c_void_p), ("log_context", c_void_p),
                ("max_memory_bytes", c_uint64)]


class PlanInfo(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("input_kind", c_int), ("input_height", c_int32), ("input_width", c_int32),
        ("input_channels", c_int32), ("classes", c_int32), ("labels", c_int32), ("steps", c_int32),
        ("macs", c_int64), ("parameters", c_int64), ("weight_bytes", c_size_t), ("arena_bytes", c_size_t),
        ("isa", c_char_p), ("resize_short", c_int32), ("interpolation", c_char_p), ("color", c_char_p),
        ("exif_rotate", c_int32), ("via_nv12", c_int32), ("mean", c_float * 3), ("std", c_float * 3),
        ("tool_version", c_char_p), ("model_sha256", c_char_p), ("calibration_sha256", c_char_p),
        ("options", c_char_p), ("calibration_isa", c_char_p), ("calibration_pictures", c_int32)]


class SessionOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("threads", c_int32), ("wait", c_int32), ("memory", c_void_p),
                ("memory_bytes", c_size_t), ("parallel", c_void_p), ("parallel_context", c_void_p)]


class StepInfo(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("name", c_char_p), ("op", c_char_p), ("precision", c_char_p),
                ("kernel", c_char_p), ("output", c_int32 * 4), ("macs", c_int64), ("parameters", c_int64)]


class Frame(ctypes.Structure):
    _fields_ = [("format", c_int), ("width", c_int32), ("height", c_int32), ("plane", c_void_p * 3),
                ("stride", c_int64 * 3), ("video_range", c_int32), ("bt709", c_int32)]


class Input(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("pixels", c_void_p), ("values", c_void_p), ("frame", POINTER(Frame)),
                ("picture", c_void_p), ("count", c_size_t)]


class Score(ctypes.Structure):
    _fields_ = [("index", c_int32), ("score", c_float), ("logit", c_float)]


WRITE = CFUNCTYPE(None, c_void_p, POINTER(c_uint8), c_size_t)

# Of each function what it returns (None: a status) and takes.
_STATUS = None
_FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "octavo_version": (c_char_p, []),
    "octavo_last_error": (c_char_p, []),
    "octavo_plan_open": (_STATUS, [c_char_p, POINTER(PlanOptions), POINTER(c_void_p)]),
    "octavo_plan_open_memory": (_STATUS, [c_char_p, c_size_t, POINTER(PlanOptions), POINTER(c_void_p)]),
    "octavo_plan_label": (c_char_p, [c_void_p, c_int32]),
    "octavo_plan_describe": (_STATUS, [c_void_p, POINTER(PlanInfo)]),
    "octavo_plan_step": (_STATUS, [c_void_p, c_int32, POINTER(StepInfo)]),
    "octavo_plan_write": (_STATUS, [c_void_p, WRITE, c_void_p]),
    "octavo_session_open": (_STATUS, [c_void_p, POINTER(SessionOptions), POINTER(c_void_p)]),
    "octavo_run_pixels": (_STATUS, [c_void_p, c_void_p, c_size_t, c_void_p, c_size_t]),
    "octavo_run_values": (_STATUS, [c_void_p, c_void_p, c_size_t, c_void_p, c_size_t]),
    "octavo_run_frame": (_STATUS, [c_void_p, POINTER(Frame), c_void_p, c_size_t]),
    "octavo_run_picture": (_STATUS, [c_void_p, c_char_p, c_size_t, c_void_p, c_size_t]),
    "octavo_run_batch": (_STATUS, [POINTER(c_void_p), c_size_t, POINTER(Input), c_size_t, c_void_p, c_size_t,
                                   c_void_p]),
    "octavo_top_scores": (c_int32, [c_void_p, c_size_t, c_int32, POINTER(Score)]),
    "octavo_plan_score_count": (c_int32, [c_void_p]),
    "octavo_plan_top_scores": (c_int32, [c_void_p, c_void_p, c_size_t, c_int32, POINTER(Score)]),
}


def _is_cut_off(path: str) -> bool:
    """Whether a file of 64-bit ELF ends before what the loader would map: the process would die of it later."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
                return False  # the loader says what that is
            offset, = struct.unpack_from("<Q", head, 32)
            entry, count = struct.unpack_from("<HH", head, 54)
            file.seek(offset)
            table = file.read(entry * count)
            size = os.fstat(file.fileno()).st_size
    except OSError:
        return False
    if entry < 56 or len(table) < entry * count:
        return True
    segments = (struct.unpack_from("<IIQQQQ", table, i * entry) for i in range(count))
    return any(kind == 1 and start + length > size for kind, _, start, _, _, length in segments)


def _load() -> ctypes.CDLL:
    """The one that OCTAVO_LIBRARY names, the wheel's own, the system's."""
    named = os.environ.get("OCTAVO_LIBRARY")
    bundled = HERE / "lib" / NAME
    path = named or (str(bundled) if bundled.exists() else NAME)
    advice = ("install the wheel octavo or the Debian package liboctavo-runtime0, or name the library by "
              "OCTAVO_LIBRARY")
    if _is_cut_off(path):
        raise FailedError(f"the library {path} ends too early: a copy or download that was interrupted; {advice}")
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise FailedError(f"the library {NAME} cannot be loaded: {error}; {advice}") from None
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise FailedError(f"the library {path} has no function {name}: it is another one, or of an older version; "
                              f"{advice}") from None
        function.argtypes = arguments
        function.restype = c_int if result is _STATUS else result
    # Void functions, and the two whose argument may already be freed at exit.
    for name in ("octavo_plan_free", "octavo_session_free"):
        getattr(library, name).argtypes = [c_void_p]
        getattr(library, name).restype = None
    return library


library = _load()


def text(value: bytes | None) -> str:
    """Names come from files and may be no UTF-8."""
    return "" if value is None else value.decode("utf-8", "replace")


def last_error() -> str:
    return text(library.octavo_last_error())


def check(status: int) -> None:
    if status != 0:
        raise of_kind(status, last_error())
