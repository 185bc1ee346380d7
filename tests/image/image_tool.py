"""Runs test_image_tool (image_tool.cpp) of the build in OCTAVO_BUILD, or build/release."""

import os
import pathlib
import subprocess

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OCTAVO_BUILD", ROOT / "build" / "release"))
SHARED = pathlib.Path(os.environ.get("OCTAVO_SHARED", ROOT.parent / "shared"))


class Rejected(Exception):
    pass


class Tool:
    def __init__(self, folder):
        program = BUILD / "test_image_tool"
        assert program.exists(), f"{program} is not built; OCTAVO_BUILD names the build folder"
        self.out = folder / "out.raw"
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *words):
        """The array [height, width, channels] that a request gives."""
        self.process.stdin.write("\t".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "test_image_tool died"
        if answer != "ok\n":
            raise Rejected(answer.strip())
        raw = self.out.read_bytes()
        width, height, channels = numpy.frombuffer(raw, "<i4", 3)
        return numpy.frombuffer(raw, "u1", offset=12).reshape(height, width, channels)

    def decode(self, path, *words):
        return self.ask("decode", path, self.out, *words)

    def resize(self, path, width, height, mode):
        return self.ask("resize", path, width, height, mode, self.out)

    def nv12(self, path):
        return self.ask("nv12", path, self.out)

    def preprocess(self, path, height, width, short, mode, color="rgb"):
        return self.ask("preprocess", path, height, width, short, mode, color, self.out)
