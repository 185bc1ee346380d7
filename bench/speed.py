"""int8 of Octavo against int8 of ONNX Runtime (static, QDQ, per channel), one thread,
interleaved in one run so that a drifting clock meets both alike.
usage: speed.py PLAN_FOLDER [NETWORK...]   plans as accuracy.py leaves them"""

import pathlib
import statistics
import sys
import tempfile
import time

import numpy
import onnxruntime
from onnxruntime.quantization import (CalibrationDataReader, QuantFormat, QuantType,
                                      quantize_static)
from onnxruntime.quantization.shape_inference import quant_pre_process

from common import listed, machine, octavo_json, pillow_input, shared_models

ROUNDS, FRAMES, CALIBRATION = 12, 150, 32


class Reader(CalibrationDataReader):
    def __init__(self, name, row):
        self.feeds = iter([{name: pillow_input(path, row)}
                           for path, _ in listed("calibration")[:CALIBRATION]])

    def get_next(self):
        return next(self.feeds, None)


def quantized_session(row, folder):
    prepared, out = folder / "prepared.onnx", folder / "int8.onnx"
    quant_pre_process(str(row["path"]), str(prepared), skip_symbolic_shape=True)
    name = onnxruntime.InferenceSession(str(prepared)).get_inputs()[0].name
    quantize_static(str(prepared), str(out), Reader(name, row), quant_format=QuantFormat.QDQ,
                    per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(out), options), name


def median_ms(call):
    times = []
    for _ in range(FRAMES):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def main():
    plans = pathlib.Path(sys.argv[1])
    wanted = sys.argv[2:]
    print(machine(), "onnxruntime", onnxruntime.__version__)
    print("| network | Octavo ms | ONNX Runtime ms | ratio (median of rounds) |\n|---|---|---|---|")
    for row in shared_models():
        stem = pathlib.Path(row["file"]).stem
        if wanted and stem not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            session, name = quantized_session(row, pathlib.Path(folder))
            x = pillow_input(listed("val500")[0][0], row).astype(numpy.float32)
            ours, theirs = [], []
            for _ in range(ROUNDS):
                run = octavo_json("bench", plans / f"{stem}.octavo", "--frames", FRAMES, "--warmup", 0.1)
                ours.append(run["runs"][0]["ms"]["p50"])
                theirs.append(median_ms(lambda: session.run(None, {name: x})))
            ratio = statistics.median(a / b for a, b in zip(ours, theirs))
            print(f"| {stem} | {min(ours):.3f} | {min(theirs):.3f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
