"""The scores of the same frames through the same plan from the program, C, C++, Python and GStreamer, of this machine and of
arm64 under qemu-user, as a digest each: all must be equal. bench/front-ends makes what it needs.
usage: front_ends.py ARM_BUILD ARM_ROOT ARM_PROGRAMS"""

import hashlib
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/command"))
import program  # noqa: E402

WIDTH, HEIGHT, FRAMES = 96, 64, 48
IN_PYTHON = """
import sys
import numpy, octavo
plan, frames, width, height = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
model = octavo.load(plan)
for frame in numpy.fromfile(frames, numpy.uint8).reshape(-1, width * height * 3 // 2):
    answers = model.classify_nv12(frame[:width * height], frame[width * height:], width=width, height=height,
                                  video_range=True, top_k=100)
    print(*(f"{a['index']}:{a['score']!r}" for a in answers))
"""


def said(words, **environment):
    done = subprocess.run([str(word) for word in words], env=os.environ | environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


def digest(frames):
    """frames: of each the (index, score) pairs, best first."""
    packed = b"".join(struct.pack("<if", int(index), float(score)) for frame in frames for index, score in frame)
    return f"{len(frames)} frames, {len(set(map(tuple, frames)))} answers, {hashlib.sha256(packed).hexdigest()[:16]}"


def lines(text):
    return [tuple(tuple(pair.split(":")) for pair in line.split()) for line in text.splitlines()]


class Machine:
    """A build, and how what is compiled for it is compiled and run."""

    def __init__(self, build, compiler="", emulator=(), programs=None):
        self.build, self.compiler, self.emulator = build.resolve(), compiler, list(emulator)
        self.path = f"{programs.resolve()}:{os.environ['PATH']}" if programs else os.environ["PATH"]

    def of_program(self, plan, frames):
        text = said([*self.emulator, self.build / "octavo", "stream", f"{frames}:{WIDTH}x{HEIGHT}", plan, "--range", "video",
                     "--rate", "0", "--top", "100", "--json"])
        return [tuple((top["index"], top["score"]) for top in json.loads(line)["top"]) for line in text.splitlines()[:-1]]

    def of_c(self, plan, frames, compiler="gcc", source="scores.c", more=("-std=c99",)):
        program_ = plan.parent / f"{source}{self.compiler}"
        library = next(self.build.glob("liboctavo_runtime.so.0"))
        said([f"{self.compiler}{compiler}", *more, "-O2", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}",
              ROOT / "tests/install/front_ends" / source, library, "-Wl,--allow-shlib-undefined", f"-Wl,-rpath,{self.build}",
              "-o", program_])
        return lines(said([*self.emulator, program_, plan, frames, WIDTH, HEIGHT]))

    def of_cpp(self, plan, frames):
        return self.of_c(plan, frames, "g++", "scores.cpp", ["-std=c++20"])

    def of_python(self, plan, frames):
        python = "python3" if self.emulator else sys.executable
        return lines(said([python, "-c", IN_PYTHON, plan, frames, WIDTH, HEIGHT], PATH=self.path,
                          PYTHONPATH=str(ROOT / "python"), OCTAVO_LIBRARY=str(self.build / "liboctavo_runtime.so.0")))

    def of_gstreamer(self, plan, frames):
        pipeline = (f"filesrc location={frames} ! rawvideoparse format=nv12 width={WIDTH} height={HEIGHT} framerate=25/1 "
                    f"colorimetry=bt601 ! octavoclassify model={plan} top-k=100 ! fakesink")
        text = said(["gst-launch-1.0", "-m", *pipeline.split()], PATH=self.path,
                    GST_PLUGIN_PATH=str(self.build / "gstreamer-1.0"),
                    GST_REGISTRY=str(plan.parent / f"registry{self.compiler}.bin"))
        messages = [line.replace("\\", "") for line in text.splitlines() if "(element): octavoclassify" in line]
        return [tuple((index, score) for score, index in
                      re.findall(r"score=\(double\)([\d.e-]+), index=\(int\)(\d+)", line[line.index("top="):]))
                for line in messages]


def main(arm_build, arm_root, arm_programs):
    machines = {"x86-64" if os.uname().machine == "x86_64" else os.uname().machine: Machine(ROOT / "build/release"),
                "arm64 (qemu)": Machine(pathlib.Path(arm_build), "aarch64-linux-gnu-", ["qemu-aarch64", "-L", arm_root],
                                        pathlib.Path(arm_programs))}
    digests = set()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        program.make_network(str(folder / "model.onnx"))
        program.make_pictures(folder / "pictures", 24, program.SEED)
        built = program.run("build", folder / "model.onnx", "-o", folder / "model.octavo", "--calib", folder / "pictures")
        assert built.returncode == 0, built.stderr
        # Smooth, so that the answers are not all alike.
        random = numpy.random.default_rng(program.SEED)
        shades = random.integers(0, 256, (FRAMES, 3, 1))
        y, uv = (random.normal(shades[:, :1], 20, (FRAMES, 1, WIDTH * HEIGHT)),
                 random.normal(shades[:, 1:], 20, (FRAMES, 2, WIDTH * HEIGHT // 4)))
        frames = numpy.concatenate([y.reshape(FRAMES, -1), uv.transpose(0, 2, 1).reshape(FRAMES, -1)], axis=1)
        frames.clip(0, 255).astype(numpy.uint8).tofile(folder / "frames.nv12")
        for machine, of in machines.items():
            for front_end in ("program", "c", "cpp", "python", "gstreamer"):
                text = digest(getattr(of, f"of_{front_end}")(folder / "model.octavo", folder / "frames.nv12"))
                print(f"{machine:<14} {front_end:<10} {text}", flush=True)
                digests.add(text)
    if len(digests) != 1:
        sys.exit("the digests differ")


if __name__ == "__main__":
    main(*sys.argv[1:])
