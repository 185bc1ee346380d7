"""Float logits of Octavo against ONNX Runtime, end to end: Octavo decodes and resizes
with its own code, ONNX Runtime is fed by Pillow. 50 pictures, every shared network."""

import tempfile

import numpy
import onnxruntime

from common import listed, machine, octavo, pillow_input, preprocess_flags, shared_models

PICTURES = 50


def main():
    print(machine())
    print("| network | largest difference / largest logit | same Top-1 |\n|---|---|---|")
    pictures = [path for path, _ in listed("val500")][:PICTURES]
    for row in shared_models():
        session = onnxruntime.InferenceSession(str(row["path"]), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        theirs = numpy.concatenate([session.run(None, {name: pillow_input(p, row)})[0] for p in pictures])
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/logits.npy"
            octavo("classify", row["path"], *pictures, *preprocess_flags(row), "-q", "--logits", out)
            ours = numpy.load(out)
        difference = abs(ours - theirs).max() / abs(theirs).max()
        same = (ours.argmax(1) == theirs.argmax(1)).mean() * 100
        print(f"| {row['file']} | {difference:.2e} | {same:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
