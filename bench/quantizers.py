"""Files of other quantizers: three small networks, quantized by ONNX Runtime, NNCF, Quark, ModelOpt and Brevitas with
several presets each (bench/quantized_files.py), are checked and built, and the plans' outputs compared with those of the files'
own runtime, ONNX Runtime without graph optimizations. The tools come from PyPI into an environment of their own.

usage: bench/quantizers.py FOLDER [--venv FOLDER/venv] [--tool NAME ...]
The files stay in FOLDER; what is there is not made again. Where ONNX's own reference has all of a file's nodes, both answers
are also compared with what it says in exact arithmetic (binary64)."""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx

from common import ROOT, machine, octavo_run

sys.path.insert(0, str(ROOT / "tests/command"))

from exact_onnx import exact_outputs

# In one environment: torch first, so that nothing pulls a newer one.
PACKAGES = [["torch==2.13.0"], ["onnxruntime==1.32", "onnx==1.22.0", "numpy", "onnxscript", "nncf==3.4.0", "brevitas==0.13.4",
                                "onnxoptimizer", "amd-quark==0.13", "nvidia-modelopt==0.47.0", "onnx_graphsurgeon", "lief",
                                "cppimport", "polygraphy", "onnxconverter-common", "ml_dtypes"]]
TOOLS = ["onnxruntime", "nncf", "quark", "modelopt", "brevitas"]
# Nothing that eight or sixteen bits and fixed scales could hold: to be refused, with a way out.
REFUSED = {"onnxruntime-dynamic", "onnxruntime-weights-4bit", "nncf-weights-4bit", "modelopt-int4", "modelopt-fp8",
           "quark-bf16"}
CALIBRATION = 24  # of the pictures, where a file leaves tensors open
LAST_ROUNDING = 0.51  # steps: what the last rounding alone makes, which a plan leaves out

# steps: the plan from its file's runtime. exact: the plan, and the runtime, from exact arithmetic; or None.
Result = collections.namedtuple("Result", "name state message open steps exact", defaults=("", 0, None, None))


def environment(folder):
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        for packages in PACKAGES:
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return python


def output_step(path, reference):
    """The scale of the last pair, or a 255th of what the logits reach where the file leaves them in float."""
    model = onnx.load(path)
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            values[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
    makers = {name: node for node in model.graph.node for name in node.output}
    node = makers[model.graph.output[0].name]
    while node.op_type in ("Identity", "Reshape", "Flatten", "Squeeze"):
        node = makers[node.input[0]]
    if node.op_type == "DequantizeLinear" and numpy.size(values[node.input[1]]) == 1:
        return float(numpy.ravel(values[node.input[1]])[0])
    return float(reference.max() - reference.min()) / 255


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def from_exact(path, inputs, *answers):
    """How far each answer is from the file's in exact arithmetic, in output steps; None where that is not known."""
    try:
        exact = exact_outputs(path, inputs)
    except (NotImplementedError, RuntimeError):  # a node, or an order of nodes, that the reference does not know
        return None
    return [abs(answer - exact) / output_step(path, answers[-1]) for answer in answers]


def measure(path):
    stored = numpy.load(path.with_suffix(".npz"))
    flags = ["--mean", ",".join(map(str, stored["mean"])), "--std", ",".join(map(str, stored["std"])),
             "--resize", stored["pixels"].shape[2]]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        code, _, messages = octavo_run("check", path)
        if code != 0:
            return Result(path.stem, "not imported", last_line(messages))
        if "output" not in stored:
            return Result(path.stem, "imported", "its own runtime refuses it")
        plan, open_tensors = folder / "p.octavo", 0
        code, _, messages = octavo_run("build", path, "-o", plan, "-q", *flags)
        if code == 3 and "--calib" in messages:  # a tensor without a pair
            open_tensors = int(last_line(messages).split(": ", 1)[-1].split()[0])
            (folder / "calibration").mkdir()
            for index, x in enumerate(stored["pixels"][-CALIBRATION:]):
                numpy.save(folder / f"calibration/{index:02}.npy", x[None])
            code, _, messages = octavo_run("build", path, "-o", plan, "-q", *flags, "--calib", folder / "calibration")
        if code != 0:
            return Result(path.stem, "not built", last_line(messages))
        pictures = stored["pixels"][:-CALIBRATION]
        numpy.save(folder / "pictures.npy", pictures)
        code, _, messages = octavo_run("classify", plan, folder / "pictures.npy", "-q", "--logits", folder / "logits.npy")
        if code != 0:
            return Result(path.stem, "not run", last_line(messages))
        reference = stored["output"][:len(pictures)]
        logits = numpy.load(folder / "logits.npy")
        steps = abs(logits - reference) / output_step(path, reference)
        exact = from_exact(path, stored["input"][:len(pictures)], logits, reference)
        return Result(path.stem, "built", "", open_tensors, steps, exact)


def row(result):
    network, rest = result.name.split("-", 1)
    if result.steps is None:
        expected = any(rest.startswith(name) for name in REFUSED)
        return f"| {rest} | {network} | {'refused, as it must be' if expected else result.state} | | | | | {result.message[:160]} |"
    steps = result.steps
    return (f"| {rest} | {network} | {'all rounded' if result.open == 0 else f'{result.open} open'} | {steps.max():.2f} | "
            f"{(steps <= 1.001).mean() * 100:.1f} % | {(steps > LAST_ROUNDING).sum()} of {steps.size} | {exact_cell(result)} | |")


def far(steps):
    return int((steps > 1.001).sum())


def exact_cell(result):
    return "-" if result.exact is None else " / ".join(str(far(steps)) for steps in result.exact)


def summary(results):
    """Counts of the files that a plan can be expected of."""
    wanted = [r for r in results if not any(r.name.split("-", 1)[1].startswith(name) for name in REFUSED)]
    imported = [r for r in wanted if r.state != "not imported"]
    rounded = [r for r in wanted if r.steps is not None and r.open == 0]
    within = [r for r in rounded if r.steps.max() <= 1.001]
    print(f"\n{len(results)} files; {len(imported)} of {len(wanted)} imported; of {len(rounded)} that round every tensor "
          f"{len(within)} within one output step, and of their {sum(r.steps.size for r in rounded)} outputs "
          f"{sum(int((r.steps > 1.001).sum()) for r in rounded)} are not, {sum(int((r.steps > LAST_ROUNDING).sum()) for r in rounded)} "
          f"are farther than the last rounding makes; {sum(r.open > 0 for r in wanted)} files left tensors open")
    known = [r for r in rounded if r.exact]
    print(f"of {sum(r.steps.size for r in known)} outputs of {len(known)} such files, farther than one step: the plan from the runtime "
          f"{sum(far(r.steps) for r in known)}, the plan from exact arithmetic {sum(far(r.exact[0]) for r in known)}, the runtime from it "
          f"{sum(far(r.exact[1]) for r in known)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--venv", type=pathlib.Path)
    parser.add_argument("--tool", choices=TOOLS, action="append")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    python = environment(options.venv or options.folder / "venv")
    tools = options.tool or TOOLS
    for tool in tools:
        if (options.folder / f"{tool}.json").exists():
            continue
        maker = pathlib.Path(__file__).with_name("quantized_files.py")
        done = subprocess.run([python, maker, options.folder.absolute(), tool], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            print(f"{tool}: {last_line(done.stderr)}", file=sys.stderr)
    paths = [path.with_suffix(".onnx") for path in sorted(options.folder.glob("*.npz"))
             if path.stem.split("-")[1] in tools]
    print(machine(), "\n")
    print("| quantizer, preset | network | tensors | most steps | within 1 step | over 0.51 | beyond 1 of exact: plan / runtime | |")
    print("|---|---|---|---|---|---|---|---|")
    results = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(measure, paths):
            results.append(result)
            print(row(result), flush=True)
    summary(results)
    for tool in tools:
        listing = options.folder / f"{tool}.json"
        for name, why in json.loads(listing.read_text()).items() if listing.exists() else ():
            print(f"{tool} itself does not make {name}: {why[:120]}")


if __name__ == "__main__":
    main()
