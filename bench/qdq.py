"""Quantized files: networks that ONNX Runtime quantized (QDQ, weights a channel) are built without
calibration and compared with ONNX Runtime itself, whose kernels are told to be exact
(session.x64quantprecision). usage: qdq.py [MORE.onnx ...]    float networks, fed as ImageNet's"""

import pathlib
import sys
import tempfile

import numpy
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from common import listed, machine, octavo, pillow_input, preprocess_flags, shared_models

PICTURES, CALIBRATION = 100, 32
TYPES = {"u8": QuantType.QUInt8, "s8": QuantType.QInt8}


class Reader(CalibrationDataReader):
    def __init__(self, name, row):
        self.rest = iter([{name: pillow_input(path, row)}
                          for path, _ in listed("calibration")[:CALIBRATION]])

    def get_next(self):
        return next(self.rest, None)


def output_scale(path):
    """The scale of the logits' rounding."""
    model = onnx.load(path)
    values = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    node = makers[model.graph.output[0].name]
    if node.op_type != "DequantizeLinear":
        sys.exit(f"{path}: its logits are not quantized")
    return float(values[node.input[1]])


def compare(path, row, folder, kind):
    ready, quantized = folder / "ready.onnx", folder / f"{kind}.onnx"
    name = onnx.load(path, load_external_data=False).graph.input[0].name
    quant_pre_process(str(path), str(ready), skip_symbolic_shape=True)
    quantize_static(str(ready), str(quantized), Reader(name, row), quant_format=QuantFormat.QDQ,
                    per_channel=True, activation_type=TYPES[kind], weight_type=QuantType.QInt8)
    plan, out = folder / f"{kind}.octavo", folder / f"{kind}.npy"
    octavo("build", quantized, "-o", plan, *preprocess_flags(row), "-q")
    pictures = [path for path, _ in listed("val500")][:PICTURES]
    octavo("classify", plan, *pictures, "-q", "--logits", out)
    ours = numpy.load(out)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(str(quantized), options,
                                           providers=["CPUExecutionProvider"])
    theirs = numpy.concatenate([session.run(None, {name: pillow_input(p, row)})[0]
                                for p in pictures])
    step = output_scale(quantized)
    steps = abs(ours - theirs).max(1) / step
    # Eight-bit logits tie: ours is the same answer if it is one of their best.
    best = theirs[numpy.arange(len(theirs)), ours.argmax(1)] == theirs.max(1)
    same = ours.argmax(1) == theirs.argmax(1)
    print(f"| {path.name} | {kind} | {steps.max():.2f} | {numpy.median(steps):.2f} | "
          f"{(steps <= 2).mean() * 100:.0f} % | {same.mean() * 100:.0f} % | {best.mean() * 100:.0f} % |", flush=True)


def main():
    print(machine())
    print("| network | activations | largest difference, output steps | median of pictures | "
          "pictures within 2 steps | same Top-1 | same but for their ties |\n"
          "|---|---|---|---|---|---|---|")
    rows = [row for row in shared_models() if "mobilenet_v2" in row["file"]]
    networks = [(row["path"], row) for row in rows]
    networks += [(pathlib.Path(path), rows[0]) for path in sys.argv[1:]]
    for path, row in networks:
        for kind in TYPES:
            with tempfile.TemporaryDirectory() as folder:
                compare(path, row, pathlib.Path(folder), kind)


if __name__ == "__main__":
    main()
