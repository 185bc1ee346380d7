"""python -m octavo: the command line."""

from __future__ import annotations

import os
import sys

from .errors import Error, UsageError
from ._find import find


def main() -> None:
    try:
        program = find()
        if os.path.exists(sys.argv[0]) and os.path.samefile(program, sys.argv[0]):
            raise UsageError("OCTAVO_PROGRAM names the script that asks for it, not the program")
    except Error as error:
        print(f"octavo: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
