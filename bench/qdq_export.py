#!/usr/bin/env python3
"""A plan exported as QDQ, run by other runtimes on the same pictures as the plan itself.

    bench/qdq_export.py [--plans FOLDER] [--only TEXT] [--limit N] [--symmetric] [--read-back]

For each of the shared ImageNet networks: build (or take FOLDER/NAME.octavo), export, check the file with
onnx.checker, and compare Top-1 of ONNX Runtime and (where it is installed) OpenVINO with Octavo's own
on val500. --read-back builds a plan from the file again and compares it likewise.
"""

import argparse
import pathlib
import tempfile

import numpy
import onnx
import onnxruntime

import common

try:
    import openvino
except ImportError:
    openvino = None


def plan_of(row, folder):
    path = folder / (pathlib.Path(row["file"]).stem + ".octavo")
    if not path.exists():
        common.octavo("build", row["path"], "-o", path, "--calib", common.SHARED / "data/calibration",
                      "-q", *common.preprocess_flags(row))
    return path


def by_onnxruntime(path, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return numpy.concatenate([session.run(None, {name: x})[0] for x in inputs])


def by_openvino(path, inputs):
    # Where the CPU has bfloat16, OpenVINO would round float operators to it.
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return numpy.concatenate([compiled(x)[0].copy() for x in inputs])


def by_octavo(model, files, out, *flags):
    common.octavo("classify", model, *files, "-q", "--logits", out, "--overwrite", *flags)
    return numpy.load(out)


def report(what, logits, plan, classes):
    agree = 100 * numpy.mean(logits.argmax(1) == plan.argmax(1))
    top1, before = (100 * numpy.mean(x.argmax(1) == classes) for x in (logits, plan))
    noise = numpy.square(logits - plan).sum() / numpy.square(plan - plan.mean()).sum()
    print(f"  {what:14} agrees {agree:5.1f} %   Top-1 {top1:.1f}, plan {before:.1f}, drop {before - top1:+.1f}"
          f"   logits {-10 * numpy.log10(noise):.1f} dB", flush=True)


def measure(row, arguments, folder):
    plan = plan_of(row, arguments.plans or folder)
    path = folder / (plan.stem + ".onnx")
    flags = ["--symmetric"] if arguments.symmetric else []
    said = common.octavo_json("export", plan, "-o", path, "--overwrite", "-q", *flags)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    coarser = {tensor["name"]: round(tensor["factor"], 2) for tensor in said["coarser"]}
    print(f"{row['name']}: opset {said['opset']}, {len(said['equalized'])} tensors equalized, coarser {coarser}",
          flush=True)
    pictures = common.listed("val500")[:arguments.limit]
    files, classes = [path for path, _ in pictures], numpy.array([label for _, label in pictures])
    inputs = [common.pillow_input(file, row) for file in files]
    own = by_octavo(plan, files, folder / "own.npy")
    report("ONNX Runtime", by_onnxruntime(path, inputs), own, classes)
    if openvino is not None:
        report("OpenVINO", by_openvino(path, inputs), own, classes)
    if arguments.read_back:
        again = folder / "again.octavo"
        flags = [] if arguments.read_back == "alone" else ["--calib", common.SHARED / "data/calibration"]
        common.octavo("build", path, "-o", again, "-q", "--overwrite", *flags)
        report("read back", by_octavo(again, files, folder / "again.npy"), own, classes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plans", type=pathlib.Path, help="where plans are, or go (default: made anew)")
    parser.add_argument("--only", default="", help="part of a network's name")
    parser.add_argument("--limit", type=int, default=500, help="the first N pictures")
    parser.add_argument("--symmetric", action="store_true")
    parser.add_argument("--read-back", choices=["alone", "calibrated"], help="also build from the file")
    arguments = parser.parse_args()
    print(f"{arguments.limit} pictures, onnxruntime {onnxruntime.__version__}, "
          f"openvino {openvino.__version__ if openvino else 'not installed'}")
    with tempfile.TemporaryDirectory() as folder:
        for row in common.shared_models():
            if arguments.only.lower() in row["name"].lower():
                measure(row, arguments, pathlib.Path(folder))


if __name__ == "__main__":
    main()
