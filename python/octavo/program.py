"""The program's own work from Python: build, evaluate, compare, bench. Each runs `octavo` in a process of its
own, so that calibration can neither block nor bring down the interpreter, and Ctrl-C ends it cleanly."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Callable, Sequence, TypeVar

from ._find import find
from .errors import FailedError, GateMissedError, UsageError, of_kind

if TYPE_CHECKING:
    from .model import Model

Progress = Callable[[int, int, str], None]


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command answered. `data` is all of its JSON; warnings and notes are what it said beside."""

    data: dict[str, Any] = dataclasses.field(repr=False)
    warnings: list[str]
    notes: list[str] = dataclasses.field(repr=False)

    def to_json(self) -> str:
        return json.dumps(self.data)


@dataclasses.dataclass(frozen=True)
class Built(Result):
    plan: str | None
    sha256: str
    bytes: int
    pictures: int
    seconds: float

    def load(self, **options: Any) -> Model:
        if self.plan is None:
            raise UsageError("a dry run writes no plan")
        from .model import load
        return load(self.plan, **options)


@dataclasses.dataclass(frozen=True)
class Evaluated(Result):
    n: int
    models: list[dict[str, Any]]
    paired: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Compared(Result):
    n: int
    top1_agree: float
    logit_cosine: float
    layers: list[dict[str, Any]]
    advice: dict[str, Any] | None  # with calib=: the 16 bits that were tried


@dataclasses.dataclass(frozen=True)
class Benched(Result):
    host: dict[str, Any]
    runs: list[dict[str, Any]]
    load_ms: float


_Any = TypeVar("_Any", bound=Result)
_PROGRESS = re.compile(r"(.+) (\d+)/(\d+)")


def _path(value: Any) -> str:
    """A path as the command line takes it; one that begins with '-' is no flag."""
    text = os.fsdecode(value)
    return f"./{text}" if text.startswith("-") else text


def _flags(options: dict[str, Any]) -> list[str]:
    """Keyword arguments as flags: per_channel=False is --no-per-channel, size=(224, 224) --size 224x224,
    int16=["a", "b"] --int16 a,b."""
    out: list[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            out.append(flag if value else "--no-" + flag[2:])
        elif isinstance(value, (list, tuple)):
            out.append(f"{flag}={('x' if name == 'size' else ',').join(str(part) for part in value)}")
        else:
            out.append(f"{flag}={os.fspath(value) if isinstance(value, os.PathLike) else value}")
    return out


class _Listener(threading.Thread):
    """Reads what the program says beside its answer."""

    def __init__(self, stream: Any, progress: Progress | None) -> None:
        super().__init__(daemon=True)
        self.stream, self.progress = stream, progress
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self.error = ""
        self.thrown: BaseException | None = None

    def run(self) -> None:
        for line in self.stream:
            self.hear(line.rstrip("\n"))

    def hear(self, line: str) -> None:
        if line.startswith("octavo: "):
            self.error = line.removeprefix("octavo: ")
        elif line.startswith("warning: "):
            self.warnings.append(line.removeprefix("warning: "))
        elif found := _PROGRESS.fullmatch(line):
            if self.progress is not None and self.thrown is None:
                try:
                    self.progress(int(found[2]), int(found[3]), found[1])
                except BaseException as error:  # reaches the caller when the program has ended
                    self.thrown = error
        elif line:
            self.notes.append(line)


def _bar() -> tuple[Progress, Callable[[], None]]:
    """tqdm, where it is there."""
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return lambda done, total, what: None, lambda: None
    bars: dict[str, Any] = {}

    def show(done: int, total: int, what: str) -> None:
        bar = bars.setdefault(what, tqdm(total=total, desc=what))
        bar.update(done - bar.n)

    def close() -> None:
        for bar in bars.values():
            bar.close()

    return show, close


def _start(words: list[str]) -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, encoding="utf-8", errors="replace")
    except ValueError:
        raise UsageError("an argument holds a NUL") from None
    except OSError as error:
        raise FailedError(f"the program {words[0]} cannot be started: {error.strerror}") from None


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _ask(kind: type[_Any], words: Sequence[str], progress: Progress | bool | None) -> _Any:
    close: Callable[[], None] = lambda: None
    if progress is True:
        progress, close = _bar()
    process = _start([find(), *words, "--json"])
    listener = _Listener(process.stderr, progress or None)
    listener.start()
    try:
        assert process.stdout is not None
        answer = process.stdout.read()
        code = process.wait()
    except BaseException:  # Ctrl-C: the program removes what it has half written
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    finally:
        listener.join()
        close()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    if listener.thrown is not None:
        raise listener.thrown
    try:
        result = _result(kind, answer, listener) if answer else None
    except json.JSONDecodeError:
        raise UsageError(f"octavo {words[0]} answered in no JSON, as --help does: leave that option to the command "
                         "line") from None
    if code == 0 and result is not None:
        return result
    error = of_kind(code, listener.error or f"octavo {words[0]} {_how_it_ended(code)} and said nothing")
    if isinstance(error, GateMissedError):
        error.result = result
    raise error


def _result(kind: type[_Any], answer: str, listener: _Listener) -> _Any:
    data = json.loads(answer)
    own = {field.name: data.get(field.name) for field in dataclasses.fields(kind)} \
        | {"data": data, "warnings": listener.warnings + data.get("warnings", []), "notes": listener.notes}
    return kind(**own)


def build(model: Any, output: Any, calib: Any = None, progress: Progress | bool | None = None,
          **options: Any) -> Built:
    """octavo build: a float ONNX file and pictures to a plan; a quantized (QDQ) one needs no pictures. Options are the
    flags of the command: labels="names.txt", method="kl", per_channel=False, int16=["stem"], overwrite=True.

    progress: called with (done, total, what), or True for a tqdm bar where tqdm is there."""
    return _ask(Built, ["build", _path(model), "-o", _path(output), *_flags({"calib": calib, **options})], progress)


def evaluate(models: Any, data: Any, progress: Progress | bool | None = None, **options: Any) -> Evaluated:
    """octavo eval: Top-1 and Top-5 of one model or several; paired against the first. With gate="drop<=1.0" a
    GateMissedError carries the result."""
    several = models if isinstance(models, (list, tuple)) else [models]
    return _ask(Evaluated, ["eval", *map(_path, several), f"--data={os.fspath(data)}", *_flags(options)], progress)


def compare(model: Any, plan: Any, data: Any, progress: Progress | bool | None = None, **options: Any) -> Compared:
    """octavo compare: the error of each layer of a plan against the float model, in the plan's order. With calib= its
    calibration pictures, `advice` says what 16 bits for more tensors would bring."""
    return _ask(Compared, ["compare", _path(model), _path(plan), f"--data={os.fspath(data)}", *_flags(options)],
                progress)


def bench(models: Any, **options: Any) -> Benched:
    """octavo bench: latency and throughput. threads=[1, 2], streams=2, seconds=1."""
    several = models if isinstance(models, (list, tuple)) else [models]
    return _ask(Benched, ["bench", *map(_path, several), *_flags(options)], None)
