"""Every exported network of a folder (zoo/export.py): does it import, is its float result that of
ONNX Runtime, can all of it be integers? One row a file; what was measured is kept in a JSON
file, so that an interrupted run goes on where it was.

usage: bench/all_models.py FOLDER [--integers [--rows FOLDER]] [--results FILE] [--again] [MODEL...]
FOLDER/FORM/MODEL.onnx or FOLDER/MODEL.onnx; a file changed since is measured again. With --rows
the plans and times are those that `octavo zoo build --out` left there."""

import argparse
import functools
import json
import pathlib
import resource
import sys
import tempfile
import time

import numpy
import onnxruntime

from common import SHARED, listed, machine, octavo, octavo_json, octavo_run

INPUTS, SEED = 3, 20240611
PICTURES = 32
LARGEST_DIFFERENCE = 1e-3  # of the standard deviation of the logits


def natural_noise(random, shape):
    """Normalised pictures whose amplitudes fall as 1 / frequency."""
    height, width = shape[2:]
    fy, fx = numpy.fft.fftfreq(height)[:, None], numpy.fft.rfftfreq(width)[None]
    falling = 1 / numpy.sqrt(fy**2 + fx**2 + 1 / height**2)
    noise = numpy.fft.irfft2(numpy.fft.rfft2(random.standard_normal(shape)) * falling,
                             s=(height, width))
    light = random.normal(0, 0.5, (*shape[:2], 1, 1))
    return (noise / noise.std() + light).astype(numpy.float32)


def runtime_session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def float_result(path):
    """Largest difference of the logits to ONNX Runtime's, in their standard deviations."""
    session = runtime_session(path)
    first = session.get_inputs()[0]
    random = numpy.random.default_rng(SEED)
    inputs = [natural_noise(random, tuple(first.shape)) for _ in range(INPUTS)]
    theirs = numpy.concatenate([session.run(None, {first.name: x})[0] for x in inputs])
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, x in enumerate(inputs):
            files.append(f"{folder}/{i}.npy")
            numpy.save(files[-1], x)
        start = children_seconds()
        code, _, message = octavo_run("classify", path, *files, "-q", "--logits", f"{folder}/y.npy")
        if code != 0:
            return {"error": message.strip()}
        seconds = children_seconds() - start
        ours = numpy.load(f"{folder}/y.npy").reshape(theirs.shape)
    return {"difference": float(abs(ours - theirs).max() / theirs.std()), "float_s": seconds}


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check_result(path):
    """What `octavo check` says, and the processor time that it takes."""
    start = children_seconds()
    code, text, message = octavo_run("check", path, "--json")
    seconds = children_seconds() - start
    if not text.strip():
        return {"error": message.strip()}
    rows = json.loads(text)["nodes"]
    refused = [f"{row['name']}: {row['why']}" for row in rows if row["why"]]
    return {"nodes": len(rows), "refused": refused, "check_s": seconds, "check_code": code}


def logits_of(model, pictures):
    """[n, classes]"""
    with tempfile.TemporaryDirectory() as folder:
        octavo("classify", model, *pictures, "-q", "--logits", f"{folder}/logits.npy")
        return numpy.load(f"{folder}/logits.npy")


def agreement(path, plan):
    """Cosine of the plan's logits to the float network's on pictures that calibration did not see: its
    mean, and the median picture's. Not of all logits as one vector: with made-up weights a picture
    may have logits fifty times as large as all others."""
    pictures = [picture for picture, _ in listed("val500")[:: 500 // PICTURES]][:PICTURES]
    ours, theirs = (logits_of(model, pictures).astype(numpy.float64) for model in (plan, path))
    cosines = (ours * theirs).sum(1) / numpy.sqrt((ours**2).sum(1) * (theirs**2).sum(1))
    return {"logits_cosine": float(cosines.mean()), "median_cosine": float(numpy.median(cosines))}


def fastest_ms(file):
    runs = json.loads(octavo("bench", file, "--threads", 1, "--frames", 30, "--warmup", 0.2,
                             "--json", "-q"))["runs"]
    return runs[0]["ms"]["min"]


def build_plan(path, plan):
    """From 32 calibration pictures; its build time and latencies, or why there is none."""
    start = time.monotonic()
    code, _, message = octavo_run("build", path, "-o", plan, "--calib", SHARED / "data/calibration",
                                  "--samples", PICTURES, "-q")
    if code != 0:
        return {"error": message.strip()}
    return {"build_s": time.monotonic() - start, "int8_ms": fastest_ms(plan),
            "float_ms": fastest_ms(path)}


def row_of(file):
    """The same out of a row of `octavo zoo build`, whose plan lies beside it."""
    row = json.loads(file.read_text())
    if "one_thread" not in row:
        return {"error": "; ".join(sorted(set(row["reasons"].values())))}
    return {"build_s": row["build_seconds"], "int8_ms": row["one_thread"]["ms"],
            "float_ms": row["float_one_thread"]["ms"]}


def integer_result(path, rows=None):
    """A plan from 32 calibration pictures: what the build reports, its digests under every ISA of
    this machine, and latency beside the float engine's."""
    with tempfile.TemporaryDirectory() as folder:
        plan = rows / f"{path.stem}.octavo" if rows else pathlib.Path(folder) / "plan.octavo"
        result = row_of(plan.with_suffix(".json")) if rows else build_plan(path, plan)
        if "error" in result:
            return result
        told = octavo_json("inspect", plan)
        # The plan holds the digests of the reference's logits, which build has run.
        isas = [isa for isa in octavo_json("doctor")["isas"] if isa != "reference"]
        differ = [isa for isa in isas if octavo_run("selftest", plan, "--isa", isa, "-q")[0] != 0]
        result |= agreement(path, plan) | {"size": plan.stat().st_size}
    steps, report = told["steps"], told["report"]
    worst = min(report, key=lambda row: row["cosine_alone"])
    wide = sum(step["macs"] for step in steps if step["reads"] == "int16")
    return result | {"worst_alone": worst["cosine_alone"],
                     "worst_step": steps[worst["step"]]["name"],
                     "int16_macs": wide / max(1, told["macs"]),
                     "same_digests": isas != [] and not differ, "isas": isas}


def integer_text(key, form):
    return lambda r: r["integers"].get("error", "")[:200] or format(r["integers"][key], form)


# What is measured of a file, by name, and the columns that it gives: (heading, text of a row).
# A new measurement is one entry.
MEASUREMENTS = {"float": float_result, "check": check_result}
COLUMNS = [
    ("difference / std", lambda r: r["float"].get("error") or f"{r['float']['difference']:.1e}"),
    ("nodes", lambda r: r["check"].get("nodes", "")),
    ("not integer", lambda r: r["check"].get("error") or len(r["check"]["refused"])),
    ("check, s", lambda r: f"{r['check'].get('check_s', 0):.2f}"),
]

INTEGER_COLUMNS = [
    ("logits cosine", integer_text("logits_cosine", ".4f")),
    ("median picture's", integer_text("median_cosine", ".4f")),
    ("worst step alone", integer_text("worst_alone", ".4f")),
    ("int16 of MACs", integer_text("int16_macs", ".1%")),
    ("ISAs", lambda r: "same" if r["integers"].get("same_digests") else "DIFFER"),
    ("int8, ms", integer_text("int8_ms", ".2f")),
    ("float, ms", integer_text("float_ms", ".2f")),
    ("build, s", integer_text("build_s", ".0f")),
]


def passes(result):
    integers = result.get("integers")
    return (result["float"].get("difference", numpy.inf) <= LARGEST_DIFFERENCE
            and result["check"].get("refused") == []
            and (integers is None or integers_pass(integers)))


def integers_pass(r):
    return ("error" not in r and r["same_digests"] and r["logits_cosine"] >= 0.98
            and r["worst_alone"] >= 0.99 and r["int16_macs"] <= 0.05
            and r["int8_ms"] <= r["float_ms"])


def measure(path, kept, again, measurements):
    """Measures what is not in `kept` yet; the file's time of change tells whether it is the same."""
    changed = path.stat().st_mtime
    result = {} if again or kept.get("changed") != changed else kept
    result["changed"] = changed
    for name, function in measurements.items():
        if name not in result:
            result[name] = function(path)
    return result


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("models", nargs="*", help="only these, by the name of their files")
    parser.add_argument("--results", type=pathlib.Path, help="FOLDER/results.json")
    parser.add_argument("--integers", action="store_true",
                        help="also build every one, and measure the plan")
    parser.add_argument("--rows", type=pathlib.Path,
                        help="plans and times of `octavo zoo build` instead of building again")
    parser.add_argument("--again", action="store_true", help="forget what was measured")
    return parser.parse_intermixed_args()


def main():
    options = parse()
    store = options.results or options.folder / "results.json"
    results = json.loads(store.read_text()) if store.exists() else {}
    files = sorted(path for path in options.folder.rglob("*.onnx")
                   if not options.models or path.stem in options.models)
    if not files:
        sys.exit(f"no .onnx files in {options.folder}")
    measurements, columns = dict(MEASUREMENTS), list(COLUMNS)
    if options.integers:
        measurements["integers"] = functools.partial(integer_result, rows=options.rows)
        columns += INTEGER_COLUMNS
    print(machine())
    print("| file | " + " | ".join(heading for heading, _ in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    failed = []
    for path in files:
        name = str(path.relative_to(options.folder).with_suffix(""))
        result = measure(path, results.get(name, {}), options.again, measurements)
        results[name] = result
        store.write_text(json.dumps(results, indent=1))
        print(f"| {name} | " + " | ".join(str(text(result)) for _, text in columns) + " |", flush=True)
        if not passes(result):
            failed.append(name)
    print(f"\n{len(files) - len(failed)} of {len(files)} pass" +
          (": not " + ", ".join(failed) if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
