"""Builds every shared network with default settings and compares it with float, paired,
on data/val500. usage: accuracy.py [PLAN_FOLDER] [more flags for octavo build...]"""

import pathlib
import sys
import tempfile
import time

from common import SHARED, machine, octavo, octavo_json, preprocess_flags, shared_models


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    extra = sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    print(machine())
    print("| network | float Top-1 | int8 Top-1 | drop [95 %] | agreement | build s |\n|---|---|---|---|---|---|")
    lost = n = 0
    for row in shared_models():
        plan = folder / (pathlib.Path(row["file"]).stem + ".octavo")
        start = time.perf_counter()
        octavo("build", row["path"], "-o", plan, "--calib", SHARED / "data/calibration",
               "--overwrite", "-q", *preprocess_flags(row), *extra)
        seconds = time.perf_counter() - start
        result = octavo_json("eval", row["path"], plan, "--data", SHARED / "data/val500", "-q",
                             *preprocess_flags(row))
        pair, (float_model, int8) = result["paired"][0], result["models"]
        low, high = pair["drop_ci95"]
        print(f"| {plan.stem} | {float_model['top1']:.1f} (stated {row['float_top1_val500']}) | "
              f"{int8['top1']:.1f} | {pair['drop']:.1f} [{low:.1f}, {high:.1f}] | "
              f"{pair['agree']:.1f} % | {seconds:.0f} |", flush=True)
        if "mobilenet_v3" not in plan.stem:
            lost += pair["right_to_wrong"] - pair["wrong_to_right"]
            n += result["n"]
    print(f"pooled over the others than mobilenet_v3 (n = {n}): drop {100 * lost / n:.2f} points")


if __name__ == "__main__":
    main()
