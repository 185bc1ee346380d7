"""Quantized image classifiers on CPUs, with the same bits everywhere.

    import octavo
    model = octavo.load("model.octavo")
    for answer in model("cat.jpg", top_k=5):
        print(answer["label"], answer["score"])
"""

from typing import TYPE_CHECKING
from typing import Any as _Any

from ._library import library as _runtime
from ._library import text as _text
from .errors import (Error, FailedError, GateMissedError, InterruptedError, RejectedError, UnsupportedError,
                     UsageError)
from .model import Info, Label, Model, Step, load
from .porting import InferenceSession

if TYPE_CHECKING:
    from .program import Benched, Built, Compared, Evaluated, bench, build, compare, evaluate

__version__: str = _text(_runtime.octavo_version())

__all__ = ["Benched", "Built", "Compared", "Error", "Evaluated", "FailedError", "GateMissedError", "InferenceSession",
           "Info", "InterruptedError", "Label", "Model", "RejectedError", "Step", "UnsupportedError", "UsageError",
           "bench", "build", "compare", "evaluate", "load"]


def __getattr__(name: str) -> _Any:
    """What runs the program is imported when it is first used: who classifies does not wait for it."""
    if name in __all__:
        from . import program
        return getattr(program, name)
    raise AttributeError(f"module 'octavo' has no attribute {name!r}")
