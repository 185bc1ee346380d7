"""Where the program is. Nothing heavy is imported here: the command line passes through."""

from __future__ import annotations

import os

from .errors import FailedError

_BUNDLED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "octavo")


def find() -> str:
    """The program: the one that OCTAVO_PROGRAM names, the wheel's own, the system's."""
    named = os.environ.get("OCTAVO_PROGRAM")
    path = named or (_BUNDLED if os.path.exists(_BUNDLED) else _on_path())
    if path is None or not os.access(path, os.X_OK):
        raise FailedError(f"the program octavo was not found{f' at {path!r}' if path else ''}; install the wheel or "
                          "the Debian package octavo, or name it by OCTAVO_PROGRAM")
    return path


def _on_path() -> str | None:
    """The first `octavo` of PATH that is a program: a wheel's own entry point, which has brought us here, is a
    script."""
    for folder in os.get_exec_path():
        path = os.path.join(folder, "octavo")
        try:
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF" and os.access(path, os.X_OK):
                    return path
        except OSError:
            continue
    return None
