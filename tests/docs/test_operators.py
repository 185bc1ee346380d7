"""docs/operators.md names every operator of the importer's tables and every rewrite."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operators.md").read_text()


def test_every_onnx_operator_is_named():
    rows = set()
    for file in (ROOT / "source/onnx").glob("*.cpp"):
        rows |= set(re.findall(r'\{\s*"([A-Z]\w+)",\s*\d+,', file.read_text()))
    assert len(rows) > 80
    assert rows - set(re.findall(r"\w+", PAGE)) == set()


def test_every_rewrite_is_named():
    names = []
    for file in ("source/rewrite/pipeline.cpp", "source/quantize/prepare.cpp"):
        for table in re.findall(r"constexpr Rewrite \w+\[\] = \{(.*?)^\};", (ROOT / file).read_text(), re.S | re.M):
            names += re.findall(r'^    \{"([a-z0-9-]+)",', table, re.M)
    assert len(names) > 40
    assert names == re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE, re.M)
