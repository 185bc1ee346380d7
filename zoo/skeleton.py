#!/usr/bin/env python3
"""Skeletons: exported networks without their weights, small enough for a repository. Every float
tensor of more than a few elements keeps its shape and, in its doc_string, mean, deviation and
bounds; refill() makes numbers like them from a seed. Integer constants stay, since shapes and
indices are part of the graph. Needs numpy and onnx alone.

usage: skeleton.py EXPORTED.onnx SKELETON.onnx.xz"""

import lzma
import sys

import numpy
import onnx
from onnx import numpy_helper

MARK = "skeleton "
MOST_KEPT = 16  # elements: bounds, exponents and scales are part of the graph too
CALM = 0.8  # weights shrink by this: signals must not grow from layer to layer, since the
# statistics of normalization are no longer those of the weights


def tensors(model):
    """Every constant tensor of the graph, initializers and Constant nodes alike."""
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def strip(model):
    """Takes large float tensors out, and everything that no reader of the graph needs."""
    for tensor in tensors(model):
        values = numpy_helper.to_array(tensor)
        if values.dtype != numpy.float32 or values.size <= MOST_KEPT:
            continue
        facts = (values.mean(), values.std(), values.min(), values.max())
        tensor.doc_string = MARK + " ".join(f"{fact:.4g}" for fact in facts)
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
    del model.graph.value_info[:]
    for node in model.graph.node:
        node.ClearField("doc_string")
        scopes = [m for m in node.metadata_props if m.key == "pkg.torch.onnx.name_scopes"]
        del node.metadata_props[:]
        node.metadata_props.extend(scopes)
    return model


def refill(model, seed):
    """Puts random numbers of the same mean, deviation and bounds where strip() left none."""
    random = numpy.random.default_rng(seed)
    for tensor in tensors(model):
        if not tensor.doc_string.startswith(MARK):
            continue
        mean, deviation, least, greatest = map(float, tensor.doc_string[len(MARK):].split())
        if len(tensor.dims) > 1:
            deviation *= CALM
        values = random.normal(mean, deviation, tuple(tensor.dims)).clip(least, greatest)
        tensor.raw_data = values.astype(numpy.float32).tobytes()
        tensor.doc_string = ""
    return model


def save(model, path):
    with lzma.open(path, "wb") as file:
        file.write(model.SerializeToString(deterministic=True))


def load(path):
    with lzma.open(path) as file:
        return onnx.load_from_string(file.read())


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    save(strip(onnx.load(sys.argv[1])), sys.argv[2])


if __name__ == "__main__":
    main()
