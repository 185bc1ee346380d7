#!/usr/bin/env python3
"""Octavo beside other engines, each with its best int8 file of the same networks (made-up weights, zoo/export.py):
latency of one frame with one and two threads, start, peak memory, and frames a second of two processes. Every
engine runs in a process of its own, and all of a network take turns within a round, so that a machine that slows
down slows all of them. Where the machine multiplies by tiles (AMX), everything is timed a second time held to vectors.

usage: bench/peers/run.py FOLDER [--networks NAME ...] [--rounds N] [--seconds S] [--write docs/performance.md]
FOLDER keeps the environment (from PyPI), files and times; an interrupted run goes on where it was. A ratio is shown only
where both engines' rounds lie within --spread of their least."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import common
import networks
import table

PACKAGES = ["numpy", "onnx", "onnxruntime==1.32", "openvino==2026.4", "nncf==3.4.0", "sympy", "matplotlib"]
ENGINES = {"octavo": ("octavo", "plan.octavo"), "ort qdq": ("onnxruntime", "qdq.onnx"),
           "ort operators": ("onnxruntime", "operators.onnx"), "ov performance": ("openvino", "performance.xml"),
           "ov mixed": ("openvino", "mixed.xml")}
VECTORS = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI", "PEERS_ISA": "avx512vnni"}
LEAST_CORRELATION = 0.9  # with the float network: an engine that computes something else is not timed


def environment(folder, octavo_library):
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [python, "-m", "pip", "install", "-q"]
        subprocess.run([*pip, "-r", common.ROOT / "zoo/requirements.txt"], check=True)
        subprocess.run([*pip, *PACKAGES], check=True)
    return python, {**os.environ, "PYTHONPATH": str(common.ROOT / "python"), "OCTAVO_LIBRARY": str(octavo_library)}


class Process:
    """An engine that has loaded its file and answered once."""

    def __init__(self, python, variables, engine, path, threads, cores):
        self.process = subprocess.Popen([python, HERE / "engine.py", engine, path, str(threads), cores], env=variables,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.load_ms = self.answer()

    def answer(self):
        while line := self.process.stdout.readline():
            try:
                return json.loads(line)
            except ValueError:
                pass  # what a library prints by itself
        raise RuntimeError(f"the engine ended with {self.process.wait()}")

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def correlation(a, b):
    centred = [[x - statistics.fmean(v) for x in v] for v in (a, b)]
    product = sum(x * y for x, y in zip(*centred))
    return product / (sum(x * x for x in centred[0]) * sum(x * x for x in centred[1])) ** 0.5


class Bench:
    def __init__(self, options, python, variables):
        self.options, self.python, self.variables = options, python, variables
        self.cores = sorted(os.sched_getaffinity(0))[:2]

    def started(self, folder, name, threads, held, core=None):
        engine, file = ENGINES[name]
        if not (folder / file).exists():
            return None
        cores = str(core) if core is not None else ",".join(map(str, self.cores[:threads]))
        try:
            return Process(self.python, {**self.variables, **(VECTORS if held else {})}, engine, folder / file, threads, cores)
        except RuntimeError as error:
            print(f"{folder.name}: {name}: {error}", file=sys.stderr)
            return None

    def latencies(self, folder, threads, held):
        """{engine: {"rounds": median of each round, "least": ms, "load_ms", "memory_mib"}}."""
        running = {name: process for name in ENGINES if (process := self.started(folder, name, threads, held))}
        float_network = Process(self.python, self.variables, "onnxruntime", folder / "float.onnx", 1, str(self.cores[0]))
        expected = float_network.ask("value")
        float_network.close()
        out = {}
        for name, process in list(running.items()):
            found = correlation(process.ask("value"), expected)
            out[name] = {"rounds": [], "least": float("inf"), "correlation": found, "load_ms": process.load_ms}
            if not found > LEAST_CORRELATION:
                running.pop(name).close()
        for _ in range(self.options.rounds):
            for name, process in running.items():
                taken = process.ask("time", self.options.seconds)
                out[name]["rounds"].append(statistics.median(taken))
                out[name]["least"] = min(out[name]["least"], *taken)
        for name, process in running.items():
            out[name]["memory_mib"] = process.ask("memory")
            process.close()
        return out

    def streams(self, folder, names):
        """{engine: frames a second of two processes, one thread and one core each}."""
        out = {}
        for name in names:
            pair = [self.started(folder, name, 1, False, core) for core in self.cores]
            if len(pair) < 2 or None in pair:
                continue
            for process in pair:  # both at once
                process.process.stdin.write(f"time {self.options.seconds * 2}\n")
                process.process.stdin.flush()
            out[name] = sum(1e3 / statistics.median(process.answer()) for process in pair)
            for process in pair:
                process.close()
        return out


def octavo_plan(folder, size=224):
    """Makes the plan of FOLDER/float.onnx where it is not there; its multiply-accumulates."""
    plan = folder / "plan.octavo"
    if not plan.exists():
        calibration = folder / "calibration"
        calibration.mkdir(exist_ok=True)
        for index in range(networks.CALIBRATION):
            pixels = networks.pixels(index, size)
            header = f"P6 {pixels.shape[1]} {pixels.shape[0]} 255\n".encode()
            (calibration / f"{index:02}.ppm").write_bytes(header + pixels.tobytes())
        # As the peers' files: with made-up weights there is no accuracy that 16 bits would keep.
        common.octavo("build", folder / "float.onnx", "--no-auto-int16", "-o", plan, "--calib", calibration, "--preset", "torchvision",
                      "--resize", size, "--size", f"{size}x{size}", "-q")
    info = common.octavo_json("inspect", plan)
    return info["macs"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--networks", nargs="+", default=networks.NAMES)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.6, help="of one engine in a round")
    parser.add_argument("--spread", type=float, default=0.2,
                        help="how far half of an engine's rounds may lie above its least for a ratio to be shown")
    parser.add_argument("--venv", type=pathlib.Path, help="the environment (default: FOLDER/venv)")
    parser.add_argument("--write", type=pathlib.Path, help="a page whose table and plot are replaced")
    parser.add_argument("--again", action="store_true", help="time anew what is known")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    library = pathlib.Path(common.OCTAVO).parent / "liboctavo_runtime.so"
    python, variables = environment(options.venv or options.folder / "venv", library)
    bench = Bench(options, python, variables)
    has_tiles = "amx_int8" in pathlib.Path("/proc/cpuinfo").read_text()
    store = options.folder / "times.json"
    times = json.loads(store.read_text()) if store.exists() and not options.again else {}
    for name in options.networks:
        folder = options.folder / name
        if name in times:
            continue
        made = subprocess.run([python, HERE / "networks.py", options.folder, name], env=variables, text=True,
                              capture_output=True)
        for said in made.stdout.splitlines():  # what an engine could not do, and not the others' progress
            if said.startswith(f"{name}: "):
                print(said, file=sys.stderr)
        if not (folder / "float.onnx").exists():
            print(f"{name}: {made.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            continue
        row = {"macs": octavo_plan(folder), "one": bench.latencies(folder, 1, False)}
        if len(bench.cores) > 1:
            row["two"] = bench.latencies(folder, 2, False)
            best = table.best_peer(row["one"])
            row["streams"] = bench.streams(folder, ["octavo", best] if best else ["octavo"])
        if has_tiles:
            row["vectors"] = bench.latencies(folder, 1, True)
        times[name] = row
        store.write_text(json.dumps(times))
        print(table.line(name, row, options.spread), flush=True)
    times = {name: times[name] for name in options.networks if name in times}
    text = table.markdown(times, options.spread, common.machine(), ", ".join(PACKAGES[2:5]))
    print(text)
    if options.write:
        isa = common.octavo_json("doctor")["isas"][-1]
        table.replace(options.write, isa, text)
        plot = options.write.with_name(f"peers-{isa}.svg")
        subprocess.run([python, HERE / "plot.py", store, plot, str(options.spread)], env=variables, check=True)


if __name__ == "__main__":
    main()
