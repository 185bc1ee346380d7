"""For code that was written for ONNX Runtime: the same calls, over a plan."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Sequence

import numpy

from .errors import UsageError
from .model import load


@dataclasses.dataclass(frozen=True)
class NodeArg:
    name: str
    shape: list[Any]
    type: str = "tensor(float)"


class InferenceSession:
    """onnxruntime.InferenceSession of a plan: one input, normalised floats NCHW; one output, logits."""

    def __init__(self, path_or_bytes: "str | os.PathLike[str] | bytes", sess_options: Any = None,
                 providers: Sequence[str] | None = None) -> None:
        if sess_options is not None:
            raise UsageError("sess_options have no meaning here; octavo.load(..., threads=, isa=) has what there is")
        if providers is not None and list(providers) != ["CPUExecutionProvider"]:
            raise UsageError(f"there is no provider but CPUExecutionProvider, not {list(providers)}")
        self.model = load(path_or_bytes)

    def get_inputs(self) -> list[NodeArg]:
        h, w, channels = self.model.info.input
        return [NodeArg("input", ["n", channels, h, w])]

    def get_outputs(self) -> list[NodeArg]:
        return [NodeArg("logits", ["n", self.model.info.classes])]

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]

    def run(self, output_names: Sequence[str] | None, input_feed: dict[str, Any],
            run_options: Any = None) -> "list[numpy.ndarray[Any, Any]]":
        if run_options is not None:
            raise UsageError("run_options have no meaning here")
        if output_names is not None and list(output_names) not in ([], ["logits"]):
            raise UsageError(f"there is one output, logits, not {list(output_names)}")
        if len(input_feed) != 1:
            raise UsageError(f"a plan has one input, not {len(input_feed)}")
        (value,) = input_feed.values()
        return [self.model.run(value, layout=None if numpy.asarray(value).dtype == numpy.uint8 else "NCHW")]
