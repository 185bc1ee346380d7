"""docs/families: a page a family of the reference table, which names its models, quotes the table of
models as it is, and shows commands that run; nodes that it names are in the exported networks."""

import lzma
import re
import shutil
import tomllib

import onnx
import pytest

from pages import DOCS, ROOT, commands, is_run, unknown_flags

with open(ROOT / "zoo/models.toml", "rb") as file:
    MODELS = {name: row for name, row in tomllib.load(file).items() if "reference" in row}
FAMILIES = sorted({row["family"] for row in MODELS.values()})
INDEX = (DOCS / "families/README.md").read_text()


def models_of(family):
    return {name: row for name, row in MODELS.items() if row["family"] == family}


def page_of(family):
    return f"families/{family.lower()}.md"


def text_of(family):
    return (DOCS / page_of(family)).read_text()


def rows(text):
    """The tables' rows as lists of cells."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
            if line.startswith("| ")]


def test_every_family_has_a_page_and_every_page_a_family():
    assert len(MODELS) == 53
    pages = {page.stem for page in (DOCS / "families").glob("*.md")} - {"README"}
    assert pages == {family.lower() for family in FAMILIES}
    assert re.findall(r"^\| \[(\w+)\]\((\w+)\.md\)", INDEX, re.M) \
        and sorted(re.findall(r"^\| \[(\w+)\]", INDEX, re.M)) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_figures_are_those_of_the_table_of_models(family):
    models = models_of(family)
    shown = {cells[0]: cells[1:] for cells in rows(text_of(family)) if cells[0] in MODELS}
    assert list(shown) == list(models)
    for name, row in models.items():
        weights, parameters, published, board_float, board_int8 = shown[name]
        made_by = row["model"] + (f".{row['tag']}" if "tag" in row else "")
        assert weights == f"{row['library']} `{made_by}`"
        assert float(parameters) == row["parameters_m"]
        if "published_top1" in row:
            assert published == f"{row['published_top1']:.2f} at {row['size']}"
        else:
            assert published == "none"
        reference = row["reference"]
        assert [float(board_float), float(board_int8)] == [reference["float_top1"], reference["quantized_top1"]]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_board_loses_is_said_right_in_the_index(family):
    (said,) = [cells[-1] for cells in rows(INDEX) if cells[0].startswith(f"[{family}]")]
    losses = [row["reference"]["float_top1"] - row["reference"]["quantized_top1"]
              for row in models_of(family).values()]
    limits = [float(number) for number in said.split(" to ")]
    assert limits[0] == pytest.approx(min(losses), abs=0.06)
    assert limits[-1] == pytest.approx(max(losses), abs=0.06)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_licence_is_named(family):
    said = text_of(family).split("## Doubts and licence")[1].lower()
    for row in models_of(family).values():
        if "licence" in row:
            assert row["licence"] in said


def node_names(model):
    """Of the exported network, if tests/models has it."""
    path = ROOT / f"tests/models/{model}.ts11raw.onnx.xz"
    assert path.exists(), f"no exported {model} to look for nodes in"
    return {node.name for node in onnx.load_from_string(lzma.decompress(path.read_bytes())).graph.node}


@pytest.mark.parametrize("family", FAMILIES)
def test_commands_of_the_page_run(workplace, shell, family):
    shown = commands(page_of(family))
    exported = [command for command in shown if not is_run(command)]
    assert exported and len(shown) > 3
    for command in exported:
        assert unknown_flags(command) == [], command
        model, weights = re.search(r"export\.py (\w+) --weights (\w+)", command).groups()
        assert model in models_of(family)
        assert MODELS[model]["library"] != "own" or weights.isdigit(), f"{model} has no published weights"
    for command in filter(is_run, shown):
        for file in re.findall(r"\S+\.onnx", command):
            assert any(f"--out {file}" in made for made in exported), f"{file} is exported nowhere"
            shutil.copy(workplace / "model.onnx", workplace / file)
        for nodes in re.findall(r"--int16 (\S+)", command):
            model = re.search(r"export\.py (\w+)", exported[0])[1]
            assert set(nodes.split(",")) <= node_names(model), nodes
            command = command.replace(nodes, "residual")  # the small network's own
        shell(command)
