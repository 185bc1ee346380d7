"""A plan, loaded: labels for pictures, frames and tensors."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import html
import json
import os
from typing import Any, Sequence, TypedDict

import numpy

from . import _inputs, _library as c
from .errors import RejectedError, UsageError


class Label(TypedDict):
    label: str
    score: float
    index: int


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a plan; `output` is [n, h, w, c]."""

    name: str
    op: str
    precision: str
    kernel: str
    output: tuple[int, ...]
    macs: int
    parameters: int


@dataclasses.dataclass(frozen=True)
class Info:
    """What a plan is: its input [h, w, c], its preprocessing, its memory on this machine, its origin."""

    input: tuple[int, int, int]
    takes_pictures: bool
    classes: int
    steps: int
    macs: int
    parameters: int
    weight_bytes: int
    arena_bytes: int
    isa: str
    resize_short: int
    interpolation: str
    color: str
    exif_rotate: bool
    via_nv12: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]
    tool_version: str
    model_sha256: str
    calibration_sha256: str
    calibration_isa: str
    calibration_pictures: int
    options: str

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
                       for name, value in dataclasses.asdict(self).items())
        return f"<table>{rows}</table>"


class _Handle:
    """A plan or session of the library, freed with this object."""

    __slots__ = ("pointer", "_free")

    def __init__(self, pointer: int, free: Any) -> None:
        self.pointer, self._free = pointer, free

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self._free(self.pointer)
            self.pointer = 0


_WAITS = ("spin", "passive")  # as octavo_wait counts them


class Model:
    """Made by octavo.load(). May be called by many threads at once; survives fork and pickle."""

    def __init__(self, plan: bytes | str, isa: str | None = None, threads: int = 1, wait: str = "spin") -> None:
        self._threads = _count("threads", threads)
        if wait not in _WAITS:
            raise UsageError(f"wait is {wait!r}; spin and passive are known")
        self._wait = wait
        self._isa = isa
        options = c.PlanOptions(size=ctypes.sizeof(c.PlanOptions),
                                isa=None if isa is None else isa.encode("utf-8", "surrogateescape"))
        pointer = ctypes.c_void_p()
        if isinstance(plan, bytes):
            status = c.library.octavo_plan_open_memory(plan, len(plan), ctypes.byref(options), ctypes.byref(pointer))
        else:
            if "\0" in plan:
                raise UsageError("the path holds a NUL")
            status = c.library.octavo_plan_open(os.fsencode(plan), ctypes.byref(options), ctypes.byref(pointer))
        c.check(status)
        self._plan = _Handle(pointer.value or 0, c.library.octavo_plan_free)
        described = self._describe()
        self._shape = (described.input_height, described.input_width, described.input_channels)
        self._classes: int = described.classes
        self._scores: int = c.library.octavo_plan_score_count(self._plan.pointer)
        self._takes_pictures = described.input_kind == 0
        self._idle: list[_Handle] = []
        self._process = os.getpid()

    # ---- What it is ----

    def _describe(self) -> c.PlanInfo:
        out = c.PlanInfo(size=ctypes.sizeof(c.PlanInfo))
        c.check(c.library.octavo_plan_describe(self._plan.pointer, ctypes.byref(out)))
        return out

    @functools.cached_property
    def info(self) -> Info:
        d = self._describe()
        return Info(input=self._shape, takes_pictures=self._takes_pictures, classes=d.classes, steps=d.steps,
                    macs=d.macs, parameters=d.parameters, weight_bytes=d.weight_bytes, arena_bytes=d.arena_bytes,
                    isa=c.text(d.isa), resize_short=d.resize_short, interpolation=c.text(d.interpolation),
                    color=c.text(d.color), exif_rotate=bool(d.exif_rotate), via_nv12=bool(d.via_nv12),
                    mean=tuple(d.mean), std=tuple(d.std), tool_version=c.text(d.tool_version),
                    model_sha256=c.text(d.model_sha256), calibration_sha256=c.text(d.calibration_sha256),
                    calibration_isa=c.text(d.calibration_isa), calibration_pictures=d.calibration_pictures,
                    options=c.text(d.options))

    @functools.cached_property
    def labels(self) -> list[str]:
        """A name a class; empty where the plan carries none."""
        names = [c.library.octavo_plan_label(self._plan.pointer, i) for i in range(self._scores)]
        return [] if None in names else [c.text(name) for name in names]

    @functools.cached_property
    def steps(self) -> list[Step]:
        out = []
        for index in range(self.info.steps):
            step = c.StepInfo(size=ctypes.sizeof(c.StepInfo))
            c.check(c.library.octavo_plan_step(self._plan.pointer, index, ctypes.byref(step)))
            out.append(Step(c.text(step.name), c.text(step.op), c.text(step.precision), c.text(step.kernel),
                            tuple(step.output), step.macs, step.parameters))
        return out

    def to_bytes(self) -> bytes:
        """The plan's file, which octavo.load() reads again."""
        parts: list[bytes] = []
        write = c.WRITE(lambda _, data, size: parts.append(ctypes.string_at(data, size)))
        c.check(c.library.octavo_plan_write(self._plan.pointer, write, None))
        return b"".join(parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return Model, (self.to_bytes(), self._isa, self._threads, self._wait)

    def __repr__(self) -> str:
        h, w, channels = self._shape
        return f"<octavo.Model [{h}, {w}, {channels}] -> {self._classes} classes, {self.info.isa}>"

    def _repr_html_(self) -> str:
        return self.info._repr_html_()

    # ---- Sessions: one a call, kept for the next ----

    def _take(self) -> _Handle:
        if self._process != os.getpid():  # a fork: sessions of more threads have lost them
            self._idle, self._process = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            pointer = ctypes.c_void_p()
            options = c.SessionOptions(size=ctypes.sizeof(c.SessionOptions), threads=self._threads,
                                       wait=_WAITS.index(self._wait))
            c.check(c.library.octavo_session_open(self._plan.pointer, ctypes.byref(options), ctypes.byref(pointer)))
            return _Handle(pointer.value or 0, c.library.octavo_session_free)

    def _run(self, inputs: Sequence[_inputs.Input], threads: int) -> "numpy.ndarray[Any, Any]":
        """Logits [n, classes]; with threads, that many sessions side by side."""
        logits = numpy.empty((len(inputs), self._classes), numpy.float32)
        if not inputs:
            return logits
        sessions = [self._take() for _ in range(min(threads, len(inputs)))]
        try:
            batch = (c.Input * len(inputs))()
            for one, to in zip(inputs, batch):
                one.fill(to)
            pointers = (ctypes.c_void_p * len(sessions))(*[session.pointer for session in sessions])
            c.check(c.library.octavo_run_batch(pointers, len(sessions), batch, len(inputs), logits.ctypes.data,
                                               self._classes, None))
        except RejectedError as error:
            raise _in_file(error, inputs) from None
        finally:
            self._idle.extend(sessions)
        return logits

    def _best(self, logits: "numpy.ndarray[Any, Any]", top_k: int) -> list[Label]:
        scores = (c.Score * min(top_k, self._scores))()
        found = c.library.octavo_plan_top_scores(self._plan.pointer, logits.ctypes.data, self._classes, top_k,
                                                 scores)
        labels = self.labels
        return [{"label": labels[s.index] if labels else f"class {s.index}", "score": s.score, "index": s.index}
                for s in scores[:found]]

    # ---- What it does ----

    def __call__(self, inputs: Any, top_k: int = 5, threads: int = 1) -> Any:
        """The likeliest classes of a picture, best first: [{"label", "score", "index"}, ...]; of a list
        of pictures a list of these, `threads` pictures at a time. Of a plan without labels they are "class 0", ...

        A picture is a path, the bytes of a JPEG, PNG, WebP, BMP or PPM, a PIL image, or uint8 pixels
        [height, width] or [height, width, 3] (RGB) of any size. It is resized and cropped as the plan says."""
        top_k = _count("top_k", top_k)
        logits = self.logits(inputs, threads)
        if logits.ndim == 1:
            return self._best(logits, top_k)
        return [self._best(row, top_k) for row in logits]

    def logits(self, inputs: Any, threads: int = 1) -> "numpy.ndarray[Any, Any]":
        """The same as logits: float32 [classes], or [n, classes] of a list."""
        threads = _count("threads", threads)
        if isinstance(inputs, (list, tuple)):
            return self._run([_inputs.picture(one) for one in inputs], threads)
        return self._run([_inputs.picture(inputs)], 1).reshape(-1)

    def run(self, array: Any, threads: int = 1, layout: str | None = None) -> "numpy.ndarray[Any, Any]":
        """Logits [n, classes] of what the network itself is fed: uint8 pixels [n, h, w, c], already resized, or
        floats, normalised, [n, h, w, c] or [n, c, h, w]; n may be left out. NumPy, or anything on the CPU that
        speaks DLPack. uint8 and float32 [n, h, w, c] are read where they are. Where a shape could be
        both, it is taken for NHWC unless layout="NCHW"."""
        threads = _count("threads", threads)
        if isinstance(array, numpy.ndarray) and array.shape == self._shape and array.dtype == numpy.uint8 \
                and array.flags.c_contiguous and layout != "NCHW":
            return self._run_one(array)
        tensor = _inputs.tensors(array, self._shape, layout)
        kind = "pixels" if tensor.dtype == numpy.uint8 else "values"
        return self._run([_inputs.Input(kind, row.ctypes.data, row.size, tensor) for row in tensor], threads)

    def _run_one(self, pixels: "numpy.ndarray[Any, Any]") -> "numpy.ndarray[Any, Any]":
        """The short way of a loop over frames."""
        logits = numpy.empty((1, self._classes), numpy.float32)
        session = self._take()
        try:
            c.check(c.library.octavo_run_pixels(session.pointer, pixels.ctypes.data, pixels.size, logits.ctypes.data,
                                                self._classes))
        finally:
            self._idle.append(session)
        return logits

    def classify_nv12(self, y: Any, uv: Any, width: int, height: int, stride: int | None = None,
                      video_range: bool = False, bt709: bool = False, top_k: int = 5) -> list[Label]:
        """A camera's NV12 frame. y [height, width] and uv [height / 2, width] are arrays (rows may be padded)
        or bytes with `stride` bytes a row, of both planes."""
        return self.classify_frame("nv12", [y, uv], width, height, [stride, stride], video_range, bt709, top_k)

    def classify_frame(self, format: str, planes: Sequence[Any], width: int, height: int,
                       strides: Sequence[int | None] | None = None, video_range: bool = False, bt709: bool = False,
                       top_k: int = 5) -> list[Label]:
        """A frame of any format: nv12, i420, yuyv, rgb24, bgr24, gray8."""
        if isinstance(planes, (str, bytes, bytearray, memoryview)) or not hasattr(planes, "__iter__"):
            raise UsageError(f"planes are {type(planes).__name__}; a list of them is expected")
        planes = list(planes)
        rows: list[int | None] = [None] * len(planes) if strides is None else list(strides)
        if len(rows) != len(planes):
            raise UsageError(f"{len(planes)} planes have {len(rows)} strides")
        one = _inputs.frame(format, planes, _whole("width", width), _whole("height", height), rows, video_range,
                            bt709)
        return self._best(self._run([one], 1)[0], _count("top_k", top_k))


def _in_file(error: RejectedError, inputs: Sequence[_inputs.Input]) -> RejectedError:
    """The library's "input 3: ..." by the file's name, where the input is one."""
    which, _, why = str(error).partition(": ")
    index = which.removeprefix("input ")
    path = inputs[int(index)].path if index.isdecimal() and int(index) < len(inputs) else None
    return error if path is None else RejectedError(f"{path!r}: {why}")


def _whole(name: str, value: Any) -> int:
    try:
        return value.__index__()  # type: ignore[no-any-return]
    except AttributeError:
        raise UsageError(f"{name} is {value!r}; a whole number is expected") from None


def _count(name: str, value: Any) -> int:
    number = _whole(name, value)
    if not 1 <= number <= 1 << 20:
        raise UsageError(f"{name} is {number}; 1 or more is expected")
    return number


def load(plan: "str | os.PathLike[str] | bytes", isa: str | None = None, threads: int = 1,
         wait: str = "spin") -> Model:
    """A plan from a file or its bytes. threads: that share one frame (for many frames at once, see Model.run);
    they wait for each other awake for up to 200 us, or asleep with wait="passive"."""
    if isinstance(plan, (bytearray, memoryview)):
        plan = bytes(plan)
    if isinstance(plan, bytes):
        return Model(plan, isa, threads, wait)
    if not isinstance(plan, (str, os.PathLike)):
        raise UsageError(f"a path or bytes are expected, not {type(plan).__name__}")
    path = os.fspath(plan)
    try:
        return Model(path, isa, threads, wait)
    except RejectedError as error:
        if not str(path).endswith(".onnx"):
            raise
        raise RejectedError(f"{error}; octavo.build({path!r}, \"model.octavo\", calib=FOLDER) makes one of a float "
                            "model") from None
