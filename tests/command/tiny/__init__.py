"""Tiny classifiers as exporters and converters write them, one kind each, made-up weights from a seed. `networks()` gives
(name, function that makes the model); every one is valid ONNX that ONNX Runtime runs. Names begin with what the kind is about."""

from . import (activations, attention, borders, choices, convolutions, ends, inputs, movement, norms, optimizer,  # noqa: F401
               pools, sizes)
from .net import networks  # noqa: F401
