"""python -m octavo: the command line."""

from __future__ import annotations

import os
import sys

from .errors import Error
from .program import find


def main() -> None:
    try:
        program = find()
    except Error as error:
        print(f"octavo: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
