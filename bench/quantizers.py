"""Files of other quantizers: three small networks, quantized by ONNX Runtime, NNCF, Quark, ModelOpt and Brevitas with
several presets each (bench/quantized_files.py), are checked and built, and the plans' outputs compared with those of the files'
own runtime, ONNX Runtime without graph optimizations. The tools come from PyPI into an environment of their own.

usage: bench/quantizers.py FOLDER [--venv FOLDER/venv] [--tool NAME ...]
The files stay in FOLDER; what is there is not made again. Where a file rounds every tensor, both answers are also compared with
what it says in exact arithmetic (binary64), and so is every code that either stores, given its own codes in front of it: which
are ties, and which are not (tests/command/ties.py). That needs step_codes, which is built with the tests."""

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

from common import OCTAVO, ROOT, machine, octavo_run

sys.path.insert(0, str(ROOT / "tests/command"))

import ties
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

# steps: the plan from its file's runtime. exact: the plan, and the runtime, from exact arithmetic; judged: of both, codes counted
# and how far the outputs are from exact ones given their own codes; or None. bits: of weights and activations.
Result = collections.namedtuple("Result", "name state message open steps exact judged bits", defaults=("", 0, None, None, None, ""))
Judged = collections.namedtuple("Judged", "counts steps")


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


def judge(path, plan, pictures, inputs, step):
    """The plan's codes and outputs, and the runtime's, each given its own in front."""
    file = ties.ExactFile(path)
    tensors = ties.plan_tensors(pathlib.Path(OCTAVO).with_name("step_codes"), plan, pictures.transpose(0, 2, 3, 1))
    outputs = numpy.stack([list(values.values())[-1] for values in tensors])
    judged = []
    for codes, got, sums_exact in ((ties.plan_codes(file, tensors, inputs), outputs, True), (*ties.runtime_codes(path, inputs), False)):
        counts, exact = ties.counted(file, inputs, codes, sums_exact)
        judged.append(Judged(counts, abs(got - exact) / step))
    return judged


def bits(path):
    """Of weights and activations: the widest that the file rounds to."""
    file = ties.ExactFile(path)
    activations = max((rounding.zero.dtype.itemsize for rounding in file.roundings.values()), default=1)
    weights = 1
    for node in file.nodes:
        if node.op_type in ties.PRODUCTS and node.input[1] in file.constants:
            maker = next((n for n in file.evaluator.rt_nodes_ if node.input[1] in n.output), None)
            if maker is not None and maker.op_type in ties.READS:
                weights = max(weights, file.constants[maker.input[0]].dtype.itemsize)
    return "16-bit weights too" if weights > 1 else "16-bit activations" if activations > 1 else "8 bits"


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
        step = output_step(path, reference)
        inputs = stored["input"][:len(pictures)]
        exact = from_exact(path, inputs, logits, reference)
        judged = judge(path, plan, pictures, inputs, step) if open_tensors == 0 else None
        return Result(path.stem, "built", "", open_tensors, abs(logits - reference) / step, exact, judged, bits(path))


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


def ties_counted(results):
    """Which codes are not the exact ones, by bits and kind, and of how many files all of them are ties."""
    sizes = sorted({result.bits for result in results}, reverse=True)
    print("\n| bits | value | compared | plan: near a border, turned over, no ties | runtime: near, turned over, no ties |")
    print("|---|---|---|---|---|")
    for size in sizes:
        sums = [collections.defaultdict(lambda: numpy.zeros(4, numpy.int64)) for _ in range(2)]
        for result in results:
            for by_kind, judged in zip(sums, result.judged if result.bits == size else ()):
                for count in judged.counts:
                    by_kind[count.kind] += [count.values, count.near, count.changed, count.changed - count.ties]
        for kind in sums[0]:
            cells = [", ".join(f"{n:,}" for n in by_kind[kind][1:]) for by_kind in sums]
            print(f"| {size} | {kind} | {sums[0][kind][0]:,} | {' | '.join(cells)} |")
    print("\n| files | number | plan within a step of the runtime | plan, runtime within a step of exact | plan: ties counted | runtime: ties counted |")
    print("|---|---|---|---|---|---|")
    for size in sizes:
        rows = [result for result in results if result.bits == size]
        near = [sum(far(result.exact[i]) == 0 for result in rows) for i in (0, 1)]
        counted = [sum(but_for_ties(result.judged[i]) for result in rows) for i in (0, 1)]
        print(f"| {size} | {len(rows)} | {sum(far(r.steps) == 0 for r in rows)} | {near[0]}, {near[1]} | {counted[0]} | {counted[1]} |")
    for result in results:
        for who, judged in zip(("plan", "runtime"), result.judged):
            if not but_for_ties(judged):
                wrong = [c for c in judged.counts if c.changed > c.ties]
                print(f"{result.name}, {who}: {sum(c.changed - c.ties for c in wrong)} of {sum(c.values for c in judged.counts)} codes are no ties, "
                      f"at most {max((c.farthest for c in wrong), default=0):.4f} steps from the border"
                      f"{': ' + wrong[0].kind if wrong else ''}; logits given the codes {judged.steps.max():.2f} steps")


def but_for_ties(judged):
    """Whether every code is the exact one or a tie, and every output within a step of the exact one given the codes."""
    return far(judged.steps) == 0 and all(count.changed == count.ties for count in judged.counts)


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
    ties_counted(rounded)
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
