#!/usr/bin/env python3
"""Accuracy beside the peers: the same float files, calibration pictures and held-back pictures by ONNX Runtime
(each method of calibration), NNCF (both bias corrections, run by OpenVINO) and Octavo, each with its defaults.
What float answers is ONNX Runtime's own; statistics are paired, picture by picture. The tools come from PyPI into
an environment of their own; what was measured is kept in FOLDER/results.json, so that a run goes on where it was.

usage: bench/accuracy_peers.py FOLDER [--only TEXT] [--samples N] [--limit N] [--small] [--venv FOLDER/venv]
--small: also the small networks of ../shared/models/small, on their own pictures."""

import argparse
import json
import pathlib
import subprocess
import sys

import numpy

import common

PACKAGES = ["onnxruntime==1.32", "onnx==1.22.0", "openvino==2026.4", "nncf==3.4.0", "numpy", "sympy"]
SMALL = {"mean": "123.675 116.28 103.53", "std": "58.395 57.12 57.375", "resize_short": "64",
         "interpolation": "bilinear", "input": "64x64"}


# ---- inside the peers' environment -------------------------------------------------------------

def run_onnxruntime(path, inputs):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return numpy.concatenate([session.run(None, {name: x[None]})[0].reshape(1, -1) for x in inputs])


def by_onnxruntime(method):
    def quantized(model, calibration, inputs, folder):
        import onnx
        from onnxruntime import quantization as q
        from onnxruntime.quantization.shape_inference import quant_pre_process
        name = onnx.load(model).graph.input[0].name

        class Reader(q.CalibrationDataReader):
            def __init__(self):
                self.set_range(0, len(calibration))

            def __len__(self):
                return len(calibration)

            def set_range(self, start_index, end_index):
                self.inputs = iter(calibration[start_index:end_index])

            def get_next(self):
                x = next(self.inputs, None)
                return None if x is None else {name: numpy.ascontiguousarray(x[None])}

        prepared, out = folder / "prepared.onnx", folder / "quantized.onnx"
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        # The intermediate values of all pictures at once would not fit into memory.
        stride = max(n for n in range(1, 26) if len(calibration) % n == 0)
        q.quantize_static(str(prepared), str(out), Reader(), quant_format=q.QuantFormat.QDQ, per_channel=True,
                          activation_type=q.QuantType.QUInt8, weight_type=q.QuantType.QInt8,
                          calibrate_method=getattr(q.CalibrationMethod, method),
                          extra_options={"CalibStridedMinMax": stride})
        return run_onnxruntime(out, inputs)
    return quantized


def by_nncf(fast):
    def quantized(model, calibration, inputs, folder):
        import logging

        import nncf
        import openvino
        nncf.set_log_level(logging.ERROR)
        network = openvino.convert_model(str(model))
        data = nncf.Dataset([x[None] for x in calibration])
        network = nncf.quantize(network, data, preset=nncf.QuantizationPreset.MIXED, subset_size=len(calibration),
                                fast_bias_correction=fast, target_device=nncf.TargetDevice.CPU)
        # Where the CPU has bfloat16, OpenVINO would round what stayed float to it.
        compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return numpy.concatenate([compiled(x[None])[0].reshape(1, -1).copy() for x in inputs])
    return quantized


def by_float(model, calibration, inputs, folder):
    return run_onnxruntime(model, inputs)


PEERS = {"float": by_float,
         "ONNX Runtime, MinMax": by_onnxruntime("MinMax"),
         "ONNX Runtime, Entropy": by_onnxruntime("Entropy"),
         "ONNX Runtime, Percentile": by_onnxruntime("Percentile"),
         "NNCF, fast bias correction": by_nncf(True),
         "NNCF, bias correction": by_nncf(False)}


def peer(name, model, folder):
    folder = pathlib.Path(folder)
    calibration, inputs = (numpy.load(folder / f"{what}.npy", mmap_mode="r") for what in ("calibration", "held"))
    numpy.save(folder / "logits.npy", PEERS[name](model, calibration, inputs, folder))


# ---- outside -----------------------------------------------------------------------------------

def environment(folder):
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES, "Pillow"], check=True)
    return python


def networks(small):
    rows = [dict(row, calibration="calibration", held="val500") for row in common.shared_models()]
    if small:
        rows += [dict(SMALL, name=path.stem, path=path, calibration="small/calibration", held="small/val")
                 for path in sorted((common.SHARED / "models/small").glob("*.onnx"))]
    return rows


def pictures(name, count):
    """`count` of data/<name>, spread over its whole list: (path, class)."""
    listing = common.listed(name)
    return [listing[i * len(listing) // count] for i in range(min(count, len(listing)))] if count else listing


def by_octavo(row, calibration, held, folder):
    plan, listing, out = folder / "plan.octavo", folder / "calibration.txt", folder / "logits.npy"
    listing.write_text("".join(f"{path}\n" for path, _ in calibration))
    flags = common.preprocess_flags(row) + (["--size", row["input"]] if row["input"] != "224x224" else [])
    common.octavo("build", row["path"], "-o", plan, "--calib", listing, "--overwrite", "-q", *flags)
    common.octavo("classify", plan, *(path for path, _ in held), "-q", "--logits", out, "--overwrite")
    return numpy.load(out)


def log_softmax(logits):
    centred = logits - logits.max(1, keepdims=True)
    return centred - numpy.log(numpy.exp(centred).sum(1, keepdims=True))


def figures(logits, reference, classes):
    """Paired: drop in points with its 95 % interval, agreement, mean divergence in nats with its interval, SQNR of
    the centred logits in dB."""
    logits, reference = logits.astype(numpy.float64), reference.astype(numpy.float64)
    n = len(classes)
    right, before = logits.argmax(1) == classes, reference.argmax(1) == classes
    lost, won = int((before & ~right).sum()), int((right & ~before).sum())
    half = 196 * numpy.sqrt(lost + won - (lost - won) ** 2 / n) / n
    p, q = log_softmax(reference), log_softmax(logits)
    divergence = (numpy.exp(p) * (p - q)).sum(1)
    signal = reference - reference.mean(1, keepdims=True)
    noise = logits - logits.mean(1, keepdims=True) - signal
    return {"n": n, "top1": 100 * right.mean(), "drop": 100 * (lost - won) / n, "half": half, "lost": lost, "won": won,
            "agree": 100 * (logits.argmax(1) == reference.argmax(1)).mean(), "divergence": divergence.mean(),
            "divergence_half": 1.96 * divergence.std(ddof=1) / numpy.sqrt(n),
            "sqnr": 10 * numpy.log10((signal**2).sum() / (noise**2).sum())}


def measure(row, options, python, results, keep):
    folder = options.folder / pathlib.Path(row["path"]).stem
    folder.mkdir(exist_ok=True)
    calibration, held = (pictures(row[what], count) for what, count in
                         (("calibration", options.samples), ("held", options.limit)))
    classes = numpy.array([label for _, label in held])
    due = [name for name in [*PEERS, "Octavo"] if name not in results]
    if any(name in PEERS for name in due):
        for what, listing in (("calibration", calibration), ("held", held)):
            numpy.save(folder / f"{what}.npy",
                       numpy.concatenate([common.pillow_input(path, row) for path, _ in listing]))
    for name in due:
        if name == "Octavo":
            logits = by_octavo(row, calibration, held, folder)
        else:
            done = subprocess.run([python, __file__, "--peer", name, row["path"], folder], capture_output=True, text=True)
            if done.returncode != 0:
                results[name] = {"error": (done.stderr.strip().splitlines() or ["no message"])[-1][:200]}
                keep()
                continue
            logits = numpy.load(folder / "logits.npy")
        if name == "float":
            numpy.save(folder / "float.npy", logits)
            results[name] = {"n": len(classes), "top1": 100 * (logits.argmax(1) == classes).mean()}
        else:
            results[name] = figures(logits, numpy.load(folder / "float.npy"), classes)
        keep()
    for what in ("calibration", "held"):
        (folder / f"{what}.npy").unlink(missing_ok=True)


def table(rows, results):
    print("| network | by | Top-1 | drop [95 %] | agreement | divergence | SQNR |\n|---|---|---|---|---|---|---|")
    for row in rows:
        for name, f in results.get(row["name"], {}).items():
            if "error" in f:
                print(f"| {row['name']} | {name} | | | | {f['error']} | |")
            elif name == "float":
                print(f"| {row['name']} | {name} | {f['top1']:.1f} | n = {f['n']} | | | |")
            else:
                print(f"| {row['name']} | {name} | {f['top1']:.1f} | {f['drop']:.1f} [{f['drop'] - f['half']:.1f}, "
                      f"{f['drop'] + f['half']:.1f}] | {f['agree']:.1f} % | {f['divergence']:.4f} ± "
                      f"{f['divergence_half']:.4f} | {f['sqnr']:.1f} dB |")
    print("\n| network | divergence: Octavo's over the best peer's | the best peer |\n|---|---|---|")
    for row in rows:
        of = {name: f for name, f in results.get(row["name"], {}).items() if "divergence" in f and name != "float"}
        peers = [name for name in of if name != "Octavo"]
        if "Octavo" in of and peers:
            best = min(peers, key=lambda name: of[name]["divergence"])
            print(f"| {row['name']} | {of['Octavo']['divergence'] / of[best]['divergence']:.2f} | {best} |")


def main():
    if sys.argv[1:2] == ["--peer"]:
        return peer(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="part of a network's name")
    parser.add_argument("--samples", type=int, default=300, help="pictures to calibrate with")
    parser.add_argument("--limit", type=int, default=0, help="pictures to judge by (default: all)")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--venv", type=pathlib.Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    python = environment(options.venv or options.folder / "venv")
    store = options.folder / "results.json"
    results = json.loads(store.read_text()) if store.exists() else {}
    rows = [row for row in networks(options.small) if options.only.lower() in row["name"].lower()]
    print(f"{common.machine()}; {', '.join(PACKAGES[:4])}; {options.samples} pictures to calibrate with\n", flush=True)
    for row in rows:
        measure(row, options, python, results.setdefault(row["name"], {}),
                lambda: store.write_text(json.dumps(results, indent=1)))
    table(rows, results)


if __name__ == "__main__":
    main()
