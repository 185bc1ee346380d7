"""Every command in the docs' `sh` blocks runs and exits as it should; every link leads somewhere."""

import os
import subprocess
import sys

import numpy
import pytest

from pages import DOCS, ROOT, anchors, blocks, commands, is_run, links, unknown_flags

PAGES = ["../README.md", "tutorial.md", "howto.md", "from-rdk-model-zoo.md", "families/README.md", "commands.md",
         "camera.md"]
LINKED = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), ROOT / "zoo/README.md"])


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_the_page_run(shell, page):
    assert commands(page), f"{page} shows no command"
    for command in filter(is_run, commands(page)):
        shell(command)


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_need_more_exist_with_their_flags(workplace, page):
    for command in commands(page):
        if not is_run(command):
            assert unknown_flags(command) == [], command


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name} links to {link}"


def test_every_page_can_be_found_from_the_readme():
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        reached.add(page)
        targets = {(page.parent / link.split("#")[0]).resolve() for link in links(page)
                   if "://" not in link and link.split("#")[0].endswith(".md")}
        todo += targets - reached
    assert {page.resolve() for page in DOCS.rglob("*.md")} - reached == set()


def test_the_c_program_compiles(tmp_path):
    (code,) = blocks("from-rdk-model-zoo.md", "c")
    (tmp_path / "frame.c").write_text(code)
    done = subprocess.run(["gcc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                           f"-I{ROOT / 'include'}", str(tmp_path / "frame.c")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_comparison_with_the_board_says_who_is_off(workplace, shell):
    (code,) = blocks("from-rdk-model-zoo.md", "python")
    frame = "frame.nv12:64x48 --range video --resize 0"
    shell(f"octavo classify model.onnx {frame} --logits float.npy")
    shell(f"octavo classify model.octavo {frame} --logits octavo.npy")
    reference = numpy.load(workplace / "float.npy")[0]
    (-reference).tofile(workplace / "model_infer_output_0_output.bin")
    (workplace / "same.py").write_text(code)
    said = shell(f"{sys.executable} same.py").splitlines()
    values = {line.split()[0]: float(line.split()[2]) for line in said}
    assert values["board"] < -0.999 and values["octavo"] > 0.95


@pytest.mark.parametrize("page,last", [("python.md", "gate"), ("porting.md", "0.9")])
def test_a_page_of_python_runs_from_top_to_bottom(workplace, page, last):
    library = ROOT / "build/release/liboctavo_runtime.so.0"
    if not library.exists():
        pytest.skip(f"{library} is not built")
    code = "".join(blocks(page, "python"))
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "python"), OCTAVO_LIBRARY=str(library),
                       OCTAVO_PROGRAM=str(workplace / "octavo"))
    (workplace / "fresh.octavo").unlink(missing_ok=True)
    done = subprocess.run([sys.executable, "-c", code], cwd=workplace, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert last in done.stdout.splitlines()[-1]
