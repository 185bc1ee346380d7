"""What can go wrong, with the program's sentences and the kinds behind its exit codes."""

from __future__ import annotations


class Error(Exception):
    """A failure of Octavo: one line that says what, where, why and what to try."""

    exit_code = 1


class FailedError(Error, OSError):
    """A file could not be read or written, or a fault inside Octavo."""


class UsageError(Error, ValueError):
    """The call itself is wrong: a shape, a type, an option."""

    exit_code = 2


class RejectedError(Error, ValueError):
    """A model, plan, picture, data set or configuration is bad."""

    exit_code = 3


class GateMissedError(Error):
    """The work was done, a threshold was not reached; `result` is what it gave."""

    exit_code = 4
    result: object = None


class UnsupportedError(Error, RuntimeError):
    """This machine cannot: instruction set, memory, threads."""

    exit_code = 5


class InterruptedError(Error):
    """The work was stopped from outside."""

    exit_code = 130


KINDS: dict[int, type[Error]] = {
    kind.exit_code: kind
    for kind in (FailedError, UsageError, RejectedError, GateMissedError, UnsupportedError, InterruptedError)
}


def of_kind(code: int, message: str) -> Error:
    return KINDS.get(code, FailedError)(message)
