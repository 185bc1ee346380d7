"""What Python costs: a call beside the same call in C, two threads that share a model, a batch with two threads
beside two one-thread models, imports beside ONNX Runtime's. All interleaved in one run; a row is the median of the
rounds and their quartiles. What two threads are worth is said only where two threads of C show that the machine has
two cores for them, round for round; else the exit code is 1, and it should be run again when others are quiet.
usage: python_calls.py [PLAN]    for the figures of two threads: a plan that takes about a millisecond a frame
                                 (default: one is made that does)

OCTAVO_LIBRARY and OCTAVO_PROGRAM name what is measured; the package is python/octavo beside this folder."""

import concurrent.futures
import ctypes
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests/command")]
os.environ.setdefault("OCTAVO_LIBRARY", str(ROOT / "build/release/liboctavo_runtime.so.0"))
os.environ.setdefault("OCTAVO_PROGRAM", str(ROOT / "build/release/octavo"))
import octavo  # noqa: E402
import program  # noqa: E402
from octavo import _library  # noqa: E402

ROUNDS, CALLS, FRAMES = 31, 300, 64
QUIET_SCALING, QUIET_SPREAD = 1.93, 0.05
LOOP = """
#include <stddef.h>
#include <stdint.h>
#include <time.h>
typedef int (*run_pixels)(void*, const void*, size_t, void*, size_t);
/* Nanoseconds of the processor a call, of `calls` calls one after another; below 0: one failed. */
double loop(run_pixels run, void* session, const void* pixels, size_t size, void* logits, size_t classes, int calls) {
  struct timespec begin, end;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
  for (int i = 0; i < calls; ++i)
    if (run(session, pixels, size, logits, classes) != 0) return -1;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / calls;
}
"""


def show(what, values, unit, bound):
    low, middle, high = statistics.quantiles(values, n=4)
    print(f"{what:<58} {middle:8.3f} {unit:<3} [{low:.3f}, {high:.3f}]  {bound}")


def make_plan(folder, name, size):
    program.make_network(str(folder / f"{name}.onnx"), size)
    octavo.build(folder / f"{name}.onnx", folder / f"{name}.octavo", folder / "pictures")
    return folder / f"{name}.octavo"


def loop_in_c(folder):
    (folder / "loop.c").write_text(LOOP)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", folder / "loop.so", folder / "loop.c"], check=True)
    loop = ctypes.CDLL(str(folder / "loop.so")).loop
    loop.restype = ctypes.c_double
    loop.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    function = ctypes.cast(_library.library.octavo_run_pixels, ctypes.c_void_p)

    def run(session, pixels, logits, calls):
        took = loop(function, session.pointer, pixels.ctypes.data, pixels.size, logits.ctypes.data, logits.size, calls)
        assert took > 0
        return took
    return run


def calls(plan, loop):
    """Microseconds of the processor that model.run takes beyond octavo_run_pixels, of one frame of uint8 pixels."""
    model = octavo.load(plan)
    pixels = numpy.random.default_rng(1).integers(0, 256, model.info.input, numpy.uint8)
    logits = numpy.empty(model.info.classes, numpy.float32)
    session = model._take()
    in_c, in_python = [], []
    for _ in range(ROUNDS):
        in_c.append(loop(session, pixels, logits, CALLS) / 1e3)
        began = time.thread_time()
        for _ in range(CALLS):
            out = model.run(pixels)
        in_python.append((time.thread_time() - began) / CALLS * 1e6)
    assert numpy.array_equal(out[0], logits)
    show("a call in C, small network", in_c, "us", "")
    show("model.run beyond it", [a - b for a, b in zip(in_python, in_c)], "us", "<= 10")


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def two_threads(plan, loop):
    """Frames a second of two threads that share a model against one's; of a batch with two threads against two
    threads with a model each. Whether the machine was quiet enough to say so."""
    shared, own = octavo.load(plan), [octavo.load(plan), octavo.load(plan)]
    batch = numpy.random.default_rng(2).integers(0, 256, (FRAMES, *shared.info.input), numpy.uint8)

    def each(model):
        for frame in batch:
            model.run(frame)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        def both(models):
            list(pool.map(each, models))

        def both_in_c(models):
            list(pool.map(lambda a: loop(*a, batch[0], numpy.empty(shared.info.classes, numpy.float32), FRAMES), models))

        sessions = [(model._take(),) for model in own]
        for warm_up in (lambda: both([shared, shared]), lambda: both(own), lambda: shared.run(batch, threads=2)):
            warm_up()
        in_c, alone, scaling, batching = [], [], [], []
        for _ in range(ROUNDS):
            one = seconds(lambda: both_in_c(sessions[:1]))
            in_c.append(2 * one / seconds(lambda: both_in_c(sessions)))
            one = seconds(lambda: each(shared))
            alone.append(1e3 * one / FRAMES)
            two = seconds(lambda: both([shared, shared]))
            scaling.append(2 * one / two)
            apart = seconds(lambda: both(own))
            together = (seconds(lambda: shared.run(batch, threads=2)) + seconds(lambda: shared.run(batch, threads=2)))
            batching.append(apart / together)
    show("a frame alone, of the plan of two threads", alone, "ms", "")
    show("two threads of C, against one", in_c, "x", f">= {QUIET_SCALING}, or nothing is said")
    low, middle, high = statistics.quantiles(alone, n=4)
    if statistics.quantiles(in_c, n=4)[0] < QUIET_SCALING or high - low > QUIET_SPREAD * middle:
        print(f"two threads: not said. A quarter of the rounds found no two idle cores, or a frame's time varies by more than "
              f"{100 * QUIET_SPREAD:.0f} %: run this again when others are quiet")
        return False
    show("two threads that share a model, against one", scaling, "x", ">= 1.9")
    show(f"batch of {FRAMES}, 2 threads, against 2 one-thread models", batching, "x", ">= 0.95")
    return True


def process_ms(code):
    """CPU milliseconds of an interpreter that runs the code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ, PYTHONPATH=str(ROOT / "python")))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def imports(plan, model):
    """CPU time beyond an interpreter that does nothing."""
    codes = {"import octavo": "import octavo", "import numpy": "import numpy",
             "import onnxruntime": "import onnxruntime",
             "octavo, and a plan loaded": f"import octavo; octavo.load({str(plan)!r})",
             "onnxruntime, and the float model loaded": f"import onnxruntime; onnxruntime.InferenceSession({str(model)!r})"}
    took = {name: [] for name in codes}
    for _ in range(9):
        nothing = process_ms("pass")
        for name, code in codes.items():
            took[name].append(process_ms(code) - nothing)
    for name, values in took.items():
        show(name, values, "ms", "<= 60" if name == "import octavo" else "")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        program.make_pictures(folder / "pictures", 24, program.SEED)
        plan = make_plan(folder, "small", 32)
        loop = loop_in_c(folder)
        print(f"Python {sys.version.split()[0]}, NumPy {numpy.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        calls(plan, loop)
        imports(plan, folder / "small.onnx")
        return 0 if two_threads(sys.argv[1] if len(sys.argv) > 1 else make_plan(folder, "large", 320), loop) else 1


if __name__ == "__main__":
    sys.exit(main())
