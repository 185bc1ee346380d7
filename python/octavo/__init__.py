"""Quantized image classifiers on CPUs, with the same bits everywhere.

    import octavo
    model = octavo.load("model.octavo")
    for answer in model("cat.jpg", top_k=5):
        print(answer["label"], answer["score"])
"""

from .errors import (Error, FailedError, GateMissedError, InterruptedError, RejectedError, UnsupportedError,
                     UsageError)

TYPE_CHECKING = False  # which type checkers take for True; typing itself would be half of what this import costs
if TYPE_CHECKING:
    from . import zoo
    from .model import Info, Label, Model, Step, load
    from .porting import InferenceSession
    from .program import Benched, Built, Compared, Evaluated, bench, build, compare, evaluate

    __version__: str

# Imported when they are first used: a program that only may classify waits neither for NumPy nor for the library, and
# the command line for neither.
_HOMES = {
    "model": ["Info", "Label", "Model", "Step", "load"],
    "porting": ["InferenceSession"],
    "program": ["Benched", "Built", "Compared", "Evaluated", "bench", "build", "compare", "evaluate"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["Benched", "Built", "Compared", "Error", "Evaluated", "FailedError", "GateMissedError", "InferenceSession",
           "Info", "InterruptedError", "Label", "Model", "RejectedError", "Step", "UnsupportedError", "UsageError",
           "bench", "build", "compare", "evaluate", "load", "zoo"]


def __getattr__(name: str) -> object:
    from importlib import import_module
    value: object
    if name in _HOME_OF:
        value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    elif name == "zoo":
        value = import_module(".zoo", __name__)
    elif name == "__version__":
        from ._library import library, text
        value = text(library.octavo_version())
    else:
        raise AttributeError(f"module 'octavo' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
