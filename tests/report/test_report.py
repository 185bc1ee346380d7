"""octavo report: the page's figures, what hostile names do to it, and how it looks in a browser."""

import html
import json
import pathlib
import re
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "command"), str(HERE.parent / "zoo")]
import browser  # noqa: E402
from program import BINARY, make_network, make_pictures, run  # noqa: E402

HOSTILE = "</script><script>alert(1)</script>\"'&{{style}}"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Plans and their pages: bare, with a verdict, and with a search and hostile labels."""
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    folder = tmp_path_factory.mktemp("report")
    make_network(str(folder / "model.onnx"))
    make_pictures(folder / "calibration", 60, 21)
    make_pictures(folder / "validation", 60, 22)
    (folder / "labels.txt").write_text("\n".join([HOSTILE, "green", "blue", "yellow"]) + "\n")
    done = run("build", folder / "model.onnx", "-o", folder / "model.octavo", "--calib", folder / "calibration",
               "--labels", folder / "labels.txt", "--max-slowdown", 1000)
    assert done.returncode == 0, done.stderr
    done = run("report", folder / "model.octavo", "-o", folder / "bare.html")
    assert done.returncode == 0, done.stderr
    done = run("report", folder / "model.octavo", "--model", folder / "model.onnx", "--data",
               folder / "validation", "-o", folder / "full.html", "--json")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_verdict_is_evals(made):
    page = (made / "full.html").read_text()
    done = run("eval", made / "model.onnx", made / "model.octavo", "--data", made / "validation", "--json")
    said = json.loads(done.stdout)
    pair = said["paired"][0]
    assert f"<td class=\"number\">{said['models'][0]['top1']:.2f}</td>" in page
    assert f"<td class=\"number\">{pair['agree']:.2f}</td>" in page
    assert f"{pair['verdict']} at a margin of 1.00 points" in page
    low, high = pair["drop_ci95"]
    assert f"[{low:.2f}, {high:.2f}]" in page


def test_every_step_has_its_row_and_its_errors(made):
    page = (made / "bare.html").read_text()
    plan = json.loads(run("inspect", made / "model.octavo", "--json").stdout)
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>", page)
    assert [html.unescape(row) for row in rows] == [layer["name"] for layer in plan["steps"]]
    assert page.count("<svg class=\"bar\"") == len(rows)
    assert "Accuracy was not measured" in page and "<h2>Verdict</h2>" not in page


def test_the_frontier_of_a_search_is_drawn(made):
    page = (made / "bare.html").read_text()
    stored = json.loads(json.loads(run("inspect", made / "model.octavo", "--json").stdout)["provenance"]["options"])
    assert page.count("tensors of 16 bits:</") + page.count("tensors of 16 bits: ") >= len(stored["search"]["frontier"])


def test_pictures_that_differ_are_shown(tmp_path):
    """A plan of other weights differs from the float network on nearly every picture."""
    make_network(str(tmp_path / "model.onnx"))
    make_pictures(tmp_path / "pictures", 24, 31)
    done = run("build", tmp_path / "model.onnx", "-o", tmp_path / "a.octavo", "--calib", tmp_path / "pictures",
               "--mean", "0,0,0", "--std", "300,300,300")
    assert done.returncode == 0, done.stderr
    done = run("report", tmp_path / "a.octavo", "--model", tmp_path / "model.onnx", "--data", tmp_path / "pictures",
               "-o", tmp_path / "a.html", "--flips", 3, "--json")
    assert done.returncode == 0, done.stderr
    flips = json.loads(done.stdout)["flips"]
    page = (tmp_path / "a.html").read_text()
    assert page.count("<img ") == min(flips, 3)
    if flips:
        import base64
        import io

        import numpy
        from PIL import Image
        encoded = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page).group(1)
        picture = Image.open(io.BytesIO(base64.b64decode(encoded)))
        assert picture.size == (32, 32) and numpy.asarray(picture).shape == (32, 32, 3)


@pytest.mark.parametrize("flags, code, told", [
    (["--model", "model.onnx"], 2, "--data"),
    (["--model", "model.octavo", "--data", "validation"], 2, "is a plan"),
    (["--model", "absent.onnx", "--data", "validation"], 1, "absent.onnx"),
    (["--margin", "0"], 2, "--margin"),
])
def test_what_cannot_be_reported_is_said(made, tmp_path, flags, code, told):
    done = run("report", "model.octavo", "-o", tmp_path / "a.html", *flags, cwd=made)
    assert done.returncode == code and told in done.stderr, done.stderr
    assert not (tmp_path / "a.html").exists()


def test_a_float_model_or_an_existing_page_is_refused(made):
    done = run("report", made / "model.onnx", "-o", made / "x.html")
    assert done.returncode == 2 and "about a plan" in done.stderr
    before = (made / "bare.html").read_bytes()
    done = run("report", made / "model.octavo", "-o", made / "bare.html")
    assert done.returncode != 0 and "overwrite" in done.stderr
    assert (made / "bare.html").read_bytes() == before


@pytest.fixture(scope="module")
def chromium(made):
    if not browser.PROGRAM:
        pytest.skip("chromium is not installed")
    opened = browser.Browser(made / "profile")
    yield opened
    opened.close()


@pytest.mark.parametrize("name", ["bare", "full"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_asks_for_nothing_and_never_scrolls_sideways(chromium, made, name, width):
    url = (made / f"{name}.html").as_uri()
    chromium.requests.clear()
    for scheme in ("light", "dark"):
        chromium.open(made / f"{name}.html", width=width, height=740, scheme=scheme)
        assert chromium.run("document.scrollingElement.scrollWidth <= innerWidth")
    chromium.run("document.querySelector('details').open = true")
    assert chromium.run("document.scrollingElement.scrollWidth <= innerWidth")
    assert chromium.problems == []
    assert {r for r in chromium.requests if not r.startswith("data:")} == {url}


def test_no_row_hides_behind_its_heading(chromium, made):
    chromium.open(made / "full.html")
    gaps = chromium.run("[...document.querySelectorAll('table')].map(t => "
                        "t.tBodies[0].rows[0].cells[0].getBoundingClientRect().top - "
                        "t.tHead.rows[0].cells[0].getBoundingClientRect().bottom)")
    assert len(gaps) == 3 and all(gap >= -0.5 for gap in gaps), gaps


def test_steps_sort_by_a_heading(chromium, made):
    chromium.open(made / "bare.html")
    chromium.run("[...document.querySelectorAll('table.sortable th button')].find(b => "
                 "b.textContent.startsWith('MACs')).click()")
    values = chromium.run("[...document.querySelectorAll('table.sortable tbody tr')].map(r => "
                          "Number(r.cells[4].dataset.value))")
    assert values == sorted(values) and len(values) > 5


def test_hostile_labels_stay_text(chromium, made):
    chromium.open(made / "full.html")
    assert chromium.run("document.scripts.length") == 1
    assert chromium.problems == []
