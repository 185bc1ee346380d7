"""Architectures of timm that nobody chose for this project: the smallest network of each, made-up
weights, from export to digests. One row a name; what was found is kept in FOLDER/results.json, so
that an interrupted run goes on where it was. Each name is a process of its own, with a limit of time.

usage: bench/architectures.py FOLDER [--count N] [--samples N] [--pictures N] [--check-only]
                              [--again [failed|all]] [--seconds N] [NAME...]
Needs torch and timm as zoo/requirements.txt names them."""

import argparse
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy

from common import ROOT, SHARED, listed, machine, octavo, octavo_json, octavo_run

COUNT, SEED, CALIBRATION, PICTURES = 130, 1, 32, 16
LEAST_COSINE = 0.98
SIZE, LARGEST_SIZE = 128, 256  # input sides: of networks that take any, and the most of the others
SECONDS = 900


def architecture_of(module, name):
    """Where a module of timm holds several architectures, the letters that a name begins with tell
    them apart: seresnet, ecaresnet, resnext."""
    return module, re.match(r"[a-z]+(_[a-z]+)*", name)[0].split("_")[0]


def created(name, meta=False):
    import timm
    import torch
    with torch.device("meta") if meta else contextlib.nullcontext():
        return timm.create_model(name, pretrained=False)


def smallest_of_each(count):
    """Names in the order in which they are tried: of every module its smallest, then of every further
    architecture in a module its smallest, least first."""
    import timm
    sizes = {}
    for module in timm.list_modules():
        for name in timm.list_models(module=module):
            try:
                model = created(name, meta=True)
            except Exception:  # no such size on the meta device, or a library that is missing
                continue
            if model.default_cfg.get("input_size", (0,))[0] != 3 or not getattr(model, "num_classes", 0):
                continue
            sizes[name] = (module, sum(p.numel() for p in model.parameters()))
    ordered = sorted(sizes, key=lambda name: (sizes[name][1], name))
    modules, kinds = {}, {}
    for name in ordered:
        modules.setdefault(sizes[name][0], name)
        kinds.setdefault(architecture_of(sizes[name][0], name), name)
    first = sorted(modules.values(), key=ordered.index)
    rest = sorted(set(kinds.values()) - set(first), key=ordered.index)
    return (first + rest)[:count]


def input_sizes(config):
    """Sides to try: a small one where the network takes any, and its own."""
    own = config["input_size"][1]
    if config.get("fixed_input_size"):
        return [own if own <= LARGEST_SIZE else 224]
    small = max(SIZE, (config.get("min_input_size") or (3, 0))[1])
    return [small, min(own, 224)] + ([own] if 224 < own <= LARGEST_SIZE else [])


def made_up(name, size):
    """The network with made-up weights, and its row as zoo/models.toml has them."""
    import timm
    import torch
    from weights import make_up
    torch.manual_seed(SEED)
    config = created(name, meta=True).default_cfg
    fixed = config.get("fixed_input_size") and size != config["input_size"][1]
    model = timm.create_model(name, pretrained=False, **({"img_size": size} if fixed else {}))
    row = {"family": name, "library": "timm", "mean": config["mean"], "std": config["std"],
           "crop": config.get("crop_pct") or 1, "interpolation": "bilinear", "model": name, "tag": ""}
    return make_up(model.eval(), SEED, size, pictures=4), row


def export(name, path):
    """Runs in a process of its own: a network of made-up weights as a file, by TorchScript at opset
    17; where that cannot, with attention written out, at opset 18, at the network's own size, or by
    torch.export."""
    sys.path.insert(0, str(ROOT / "zoo"))
    import export as zoo_export
    import onnx
    import timm.layers
    import torch
    torch.set_num_threads(1)
    sizes = input_sizes(created(name, meta=True).default_cfg)
    forms = [(zoo_export.Form(), True), (zoo_export.Form(), False), (zoo_export.Form(opset=18), False)]
    ways = [(form, fused, size) for size in sizes for form, fused in forms]
    ways += [(zoo_export.Form("dynamo", 18), False, size) for size in sizes]
    for form, fused, size in ways:
        try:
            timm.layers.set_fused_attn(fused)
            model, row = made_up(name, size)
            exported = zoo_export.to_onnx(model, row, form, size)
            break
        except Exception:  # the exporter raises what it likes
            if (form, fused, size) == ways[-1]:
                raise
    zoo_export.drop_traces(exported)
    zoo_export.describe(exported, row, str(SEED), size)
    onnx.save(exported, path)


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no message"


def exported_file(folder, name, seconds):
    path = folder / f"{name}.onnx"
    if path.exists():
        return path, None
    try:
        done = subprocess.run([sys.executable, __file__, str(folder), "--export", name],
                              capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return path, "the export took too long"
    return path, None if done.returncode == 0 and path.exists() else last_line(done.stderr)


def refusals(path):
    """[(operator, reason)] of what `check` says cannot be integers; or the error of the whole file."""
    _, text, message = octavo_run("check", path, "--json")
    if not text.strip():
        return None, last_line(message)
    rows = json.loads(text)["nodes"]
    return [[row["op_type"], row["why"], row["name"]] for row in rows if row["why"]], None


def logits(model, pictures, file):
    octavo("classify", model, *pictures, "--threads", 1, "-q", "--logits", file)
    return numpy.load(file).astype(numpy.float64)


def built(path, samples, pictures, limit):
    """The plan's distance to the float network on pictures that calibration did not see."""
    calibration = SHARED / "data/calibration"
    held_out = [picture for picture, _ in listed("val500")[:: 500 // pictures]][:pictures]
    with tempfile.TemporaryDirectory() as folder:
        plan, start = f"{folder}/plan.octavo", time.monotonic()
        try:
            code, _, message = octavo_run("build", path, "-o", plan, "--calib", calibration,
                                          "--samples", samples, "--threads", 1, "-q", seconds=limit)
        except subprocess.TimeoutExpired:
            return {"error": "the build took too long"}
        if code != 0:
            return {"error": last_line(message)}
        seconds = time.monotonic() - start
        ours = logits(plan, held_out, f"{folder}/ours.npy")
        theirs = logits(path, held_out, f"{folder}/theirs.npy")
        cosines = (ours * theirs).sum(1) / numpy.sqrt((ours**2).sum(1) * (theirs**2).sum(1))
        isas = [isa for isa in octavo_json("doctor")["isas"] if isa != "reference"]
        differ = [isa for isa in isas if octavo_run("selftest", plan, "--isa", isa, "-q")[0] != 0]
        return {"cosine": float(cosines.mean()), "median": float(numpy.median(cosines)),
                "samples": samples, "pictures": pictures, "build_s": seconds, "isas": isas, "differ": differ}


def measure(folder, name, options):
    path, error = exported_file(folder, name, options.seconds)
    if error:
        return {"export": error}
    refused, error = refusals(path)
    if error:
        return {"check": error}
    result = {"refused": refused}
    if not refused and not options.check_only:
        result["plan"] = built(path, options.samples, options.pictures, options.seconds)
    return result


def passes(result):
    plan = result.get("plan", {})
    return "cosine" in plan and plan["cosine"] >= LEAST_COSINE and not plan["differ"]


def text_of(result):
    """(mean cosine or result, median, reason) of a row."""
    if "export" in result:
        return "not exported", "", result["export"]
    if "check" in result:
        return "not read", "", result["check"]
    if result["refused"]:
        operator, why, node = result["refused"][0]
        return f"{len(result['refused'])} refused", "", f"{node} ({operator}): {why}"
    plan = result.get("plan")
    if plan is None:
        return "can be built", "", ""
    if "error" in plan:
        return "not built", "", plan["error"]
    differ = "digests differ: " + ", ".join(plan["differ"]) if plan["differ"] else ""
    return f"{plan['cosine']:.4f}", f"{plan['median']:.4f}", differ


def is_due(result, options):
    if result is None or options.again == "all":
        return True
    complete = "plan" in result or result.get("refused") or "export" in result or "check" in result
    return not passes(result) if options.again else not (complete or options.check_only)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--samples", type=int, default=CALIBRATION, help="pictures to calibrate with")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="others to compare")
    parser.add_argument("--seconds", type=int, default=SECONDS,
                        help="limit of an export, and of a build")
    parser.add_argument("--check-only", action="store_true", help="build nothing")
    parser.add_argument("--again", nargs="?", const="failed", choices=["failed", "all"],
                        help="also what did not pass, or all")
    parser.add_argument("--export", help=argparse.SUPPRESS)
    return parser.parse_intermixed_args()


def main():
    options = parse()
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    if options.export:
        return export(options.export, folder / f"{options.export}.onnx")
    names = folder / "names.json"
    if not names.exists():
        names.write_text(json.dumps(smallest_of_each(10**6)))
    store = folder / "results.json"
    results = json.loads(store.read_text()) if store.exists() else {}
    wanted = options.names or json.loads(names.read_text())[: options.count]
    print(machine())
    print("| name | logits cosine | median | reason |\n|---|---|---|---|")
    for name in wanted:
        if is_due(results.get(name), options):
            results[name] = measure(folder, name, options)
            store.write_text(json.dumps(results, indent=1))
        print(f"| {name} | " + " | ".join(text_of(results[name])) + " |", flush=True)
    good = passes if not options.check_only else lambda result: result.get("refused") == []
    failed = [name for name in wanted if not good(results[name])]
    print(f"\n{len(wanted) - len(failed)} of {len(wanted)} pass")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
