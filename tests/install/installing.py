"""Where the checkout and its release build are, and commands that must succeed."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OCTAVO_BUILD", ROOT / "build/release"))


def done(*words, **options):
    """Runs a command that must succeed; its stdout."""
    ran = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=600, **options)
    assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
    return ran.stdout
