"""What the measuring scripts share: the program, the shared models and pictures, Pillow's
preprocessing, and peak memory of a whole process."""

import csv
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
OCTAVO = os.environ.get("OCTAVO_BINARY", str(ROOT / "build/release/octavo"))
SHARED = pathlib.Path(os.environ.get("OCTAVO_SHARED", ROOT.parent / "shared"))


def octavo_run(*arguments, seconds=None):
    """Exit code, what it printed, and its messages; subprocess.TimeoutExpired after `seconds`."""
    done = subprocess.run([OCTAVO, *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds)
    return done.returncode, done.stdout, done.stderr


def octavo(*arguments, check=True):
    code, printed, messages = octavo_run(*arguments)
    if check and code != 0:
        sys.exit(f"octavo {' '.join(map(str, arguments))}: exit {code}\n{messages}")
    return printed


def octavo_json(*arguments):
    return json.loads(octavo(*arguments, "--json"))


def shared_models():
    """Rows of models.csv with the path of each network."""
    with open(SHARED / "models/models.csv", newline="") as file:
        return [dict(row, path=SHARED / "models" / row["file"]) for row in csv.DictReader(file)]


def preprocess_flags(row):
    return ["--mean", row["mean"].replace(" ", ","), "--std", row["std"].replace(" ", ","),
            "--resize", row["resize_short"], "--interpolation", row["interpolation"]]


def listed(name):
    """(path, class) of data/<name>, in the order of its list."""
    folder = SHARED / "data" / name
    listing = folder / ("list.txt" if (folder / "list.txt").exists() else "labels.txt")
    return [(folder / line.rsplit(" ", 1)[0], int(line.rsplit(" ", 1)[1]))
            for line in listing.read_text().splitlines() if line.strip()]


def pillow_input(path, row):
    """[1, 3, h, w] float32 as torchvision's evaluation gives it, by Pillow alone."""
    height, width = (int(n) for n in row["input"].split("x"))
    short = int(row["resize_short"])
    picture = Image.open(path).convert("RGB")
    w, h = picture.size
    size = (short, int(short * h / w)) if w <= h else (int(short * w / h), short)
    picture = picture.resize(size, Image.BILINEAR)
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    pixels = numpy.asarray(picture.crop((left, top, left + width, top + height)), numpy.float32)
    mean, std = (numpy.array(row[k].split(), numpy.float32) for k in ("mean", "std"))
    return numpy.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1)[None])


# A process counts what its parent held when it was started as its own peak: a small one starts what is measured.
LAUNCHER = """
import json, os, sys, time
nothing = os.open(os.devnull, os.O_WRONLY)
start = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                       file_actions=[(os.POSIX_SPAWN_DUP2, nothing, 1), (os.POSIX_SPAWN_DUP2, nothing, 2)])
_, status, usage = os.wait4(child, 0)
print(json.dumps([time.perf_counter() - start, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]))
"""


def run_measured(arguments):
    """(seconds, peak MiB, exit code) of a whole process; what the launcher of 10 MiB had is the least that shows."""
    launched = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, *map(str, arguments)], stdout=subprocess.PIPE,
                              check=True)
    return tuple(json.loads(launched.stdout))


def machine():
    host = octavo_json("doctor")
    return f"{host['cpu']}, {host['physical_cores']} cores, best ISA {host['isas'][-1]}"
