#!/usr/bin/env python3
"""How cost grows: the time of a frame against multiply-accumulates within families, against the side of the input,
and frames a second against threads and streams. Made-up weights; files from zoo/export.py, plans calibrated on pictures that
bench/peers/networks.py draws. What is timed together takes turns within a round; the least median of the rounds counts.

usage: bench/growth.py FOLDER --venv ENVIRONMENT [--rounds N] [--frames N] [--write docs]
ENVIRONMENT is that of bench/peers/run.py (FOLDER/venv). FOLDER keeps files, plans and times."""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "peers"))

import common
import run as peers

FAMILIES = {"ConvNeXt": ["ConvNeXt_atto", "ConvNeXt_femto", "ConvNeXt_pico", "ConvNeXt_nano"],
            "FasterNet": ["FasterNet_T0", "FasterNet_T1", "FasterNet_T2", "FasterNet_S"],
            "MobileOne": ["MobileOne_S0", "MobileOne_S1", "MobileOne_S2", "MobileOne_S3", "MobileOne_S4"],
            "RepGhostNet": ["RepGhostNet_100", "RepGhostNet_111", "RepGhostNet_130", "RepGhostNet_150", "RepGhostNet_200"],
            "EfficientNet": ["Efficientnet_B2", "Efficientnet_B3", "Efficientnet_B4"],
            "RepVGG": ["RepVGG_A0", "RepVGG_A1", "RepVGG_A2", "RepVGG_B0", "RepVGG_B1g4", "RepVGG_B1g2"]}
SIZED = ["Mobilenetv2", "ResNet18", "Mobilenetv3_large_100"]
SIZES = [128, 160, 192, 224, 256, 320, 384, 448, 512]
SHARED = ["Mobilenetv4_conv_small", "Mobilenetv2", "ResNet18"]


def plan_of(folder, name, size, python):
    """(path, multiply-accumulates)."""
    here = folder / f"{name}-{size}"
    here.mkdir(parents=True, exist_ok=True)
    file = here / "float.onnx"
    if not file.exists():
        subprocess.run([python, common.ROOT / "zoo/export.py", name, "--out", file, "--size", str(size)], check=True,
                       capture_output=True)
    return here / "plan.octavo", peers.octavo_plan(here, size)


def median_ms(plan, frames, threads=1, streams=1):
    """Of one frame, and frames a second."""
    flags = ["--streams", streams] if streams > 1 else []
    result = common.octavo_json("bench", plan, "--frames", frames, "--threads", threads, "--warmup", 0.1, "-q", *flags)["runs"][-1]
    return result["ms"]["p50"], result["fps"]


def timed(plans, options):
    """{name: least median of the rounds}, all of them in turn."""
    best = {}
    for _ in range(options.rounds):
        for name, plan in plans.items():
            best[name] = min(best.get(name, math.inf), median_ms(plan, options.frames)[0])
    return best


def slope(points):
    """Exponent b of time = a * cost^b, by least squares on logarithms."""
    x, y = [math.log(p[0]) for p in points], [math.log(p[1]) for p in points]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)


def families(options, python, results):
    for family, names in FAMILIES.items():
        if family in results:
            continue
        plans = {name: plan_of(options.folder, name, 224, python) for name in names}
        times = timed({name: plan for name, (plan, _) in plans.items()}, options)
        results[family] = [[name, plans[name][1] / 1e6, times[name]] for name in names]
        yield


def sizes(options, python, results):
    for name in SIZED:
        if name in results:
            continue
        plans = {size: plan_of(options.folder, name, size, python) for size in SIZES}
        times = timed({size: plan for size, (plan, _) in plans.items()}, options)
        results[name] = [[size, plans[size][1] / 1e6, times[size]] for size in SIZES]
        yield


def sharing(options, python, results):
    """Frames a second of one stream with all cores, and of as many streams as cores, over those of one thread."""
    cores = len(os.sched_getaffinity(0))
    for name in SHARED:
        if name in results:
            continue
        plan, _ = plan_of(options.folder, name, 224, python)
        ways = {"one": (1, 1), **{f"{n} threads": (n, 1) for n in range(2, cores + 1)},
                **{f"{n} streams": (1, n) for n in range(2, cores + 1)}}
        best = {}
        for _ in range(options.rounds):
            for way, (threads, streams) in ways.items():
                best[way] = max(best.get(way, 0), median_ms(plan, options.frames, threads, streams)[1])
        results[name] = best
        yield


def page(results):
    out = ["| family | network: MMAC, ms | grows as MAC to the power |", "|---|---|---|"]
    for family, rows in results["families"].items():
        listed = "; ".join(f"{name} {macs:.0f}, {ms:.2f}" for name, macs, ms in rows)
        out.append(f"| {family} | {listed} | {slope([row[1:] for row in rows]):.2f} |")
    out += ["", "| network | " + " | ".join(map(str, SIZES)) + " | ms a GMAC, first and last |", "|---" * (len(SIZES) + 2) + "|"]
    for name, rows in results["sizes"].items():
        rates = [1e3 * row[2] / row[1] for row in (rows[0], rows[-1])]
        out.append(f"| {name} | " + " | ".join(f"{row[2]:.2f}" for row in rows) + f" | {rates[0]:.1f}, {rates[1]:.1f} |")
    out += ["", "| network | one thread, frames a second | " +
            " | ".join(way for way in next(iter(results["sharing"].values())) if way != "one") + " |"]
    out.append("|---" * (out[-1].count("|") - 1) + "|")
    for name, best in results["sharing"].items():
        others = " | ".join(f"{fps / best['one']:.2f} times" for way, fps in best.items() if way != "one")
        out.append(f"| {name} | {best['one']:.0f} | {others} |")
    return "\n".join(out)


PLOT = """
import json, sys
import matplotlib
matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "octavo"
from matplotlib import pyplot
results = json.load(open(sys.argv[1]))
figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
for family, rows in results["families"].items():
    rows.sort(key=lambda row: row[1])
    left.loglog([row[1] for row in rows], [row[2] for row in rows], "o-", label=family)
for name, rows in results["sizes"].items():
    right.loglog([row[0] for row in rows], [row[2] for row in rows], "o-", label=name)
left.set_xlabel("million multiply-accumulates"), right.set_xlabel("side of the input, pixels")
for axes in (left, right):
    axes.set_ylabel("ms, one thread")
    axes.grid(True, which="both", linewidth=0.3)
    axes.legend(fontsize=8)
figure.tight_layout()
figure.savefig(sys.argv[2], metadata={"Date": None})
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--venv", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--write", type=pathlib.Path, help="a folder for growth.svg")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    store = options.folder / "growth.json"
    results = json.loads(store.read_text()) if store.exists() else {"families": {}, "sizes": {}, "sharing": {}}
    python = options.venv / "bin/python"
    for key, measure in (("families", families), ("sizes", sizes), ("sharing", sharing)):
        for _ in measure(options, python, results[key]):
            store.write_text(json.dumps(results))
    print(f"{common.machine()}; least of {options.rounds} medians of {options.frames} frames\n\n{page(results)}")
    if options.write:
        subprocess.run([python, "-c", PLOT, store, options.write / "growth.svg"], check=True)


if __name__ == "__main__":
    main()
