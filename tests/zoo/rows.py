"""Rows of the zoo, made up from a seed, and the figures that a test looks for again."""

import json
import random

SEED = 5353


def row(name, number, accuracy=True, **members):
    """One row as `zoo build` writes it."""
    value = random.Random(f"{SEED} {name}")
    macs = int(value.uniform(1.5e8, 5e9))
    ms = 3 + macs / 1e8 * value.uniform(0.7, 1.6)
    out = {
        "schema_version": 1, "name": name, "weights": "pretrained", "measured": "2026-11-24",
        "host": {"cpu": "A processor", "isa": "avx512vnni", "compiler": "gcc 12.2",
                 "version": "0.1.0", "physical_cores": 2},
        "input": [224, 224], "classes": 1000, "parameters": int(value.uniform(2e6, 3e7)),
        "macs": macs, "model_bytes": 40_000_000, "plan_bytes": int(value.uniform(2e6, 3e7)),
        "calibration_pictures": 300,
        "one_thread": {"threads": 1, "streams": 1, "ms": ms, "fps": 1000 / ms},
        "all_threads": {"threads": 2, "streams": 1, "ms": ms * 0.56, "fps": 1000 / ms / 0.56},
        "all_streams": {"threads": 1, "streams": 2, "ms": ms * 1.03, "fps": 2000 / ms / 1.03},
        "float_one_thread": {"threads": 1, "streams": 1, "ms": ms * 3.1, "fps": 1000 / ms / 3.1},
        "peak_bytes": int(value.uniform(2e7, 9e7)), "build_peak_bytes": 700_000_000,
        "build_seconds": value.uniform(20, 90)}
    if accuracy:
        top1 = 69 + 3 * (macs / 1e8) ** 0.35 + value.uniform(-1.5, 1.5)
        drop = value.uniform(-0.1, 1.6)
        out["accuracy"] = {
            "data": "imagenet-val", "n": 5000, "float_top1": top1,
            "float_ci95": [top1 - 1.2, top1 + 1.1], "quantized_top1": top1 - drop,
            "quantized_ci95": [top1 - drop - 1.2, top1 - drop + 1.1], "drop": drop,
            "drop_ci95": [drop - 0.4, drop + 0.4], "agree": 96.5 - number % 5,
            "verdict": "equivalent" if drop < 0.6 else "undecided"}
    else:
        out["weights"] = "made up, seed 1"
        out["reasons"] = {"accuracy": "made-up weights claim no accuracy"}
    out.update(members)
    return out


def write(folder, *rows):
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(rows):
        (folder / f"{number:03}.json").write_text(json.dumps(content))
    return folder
