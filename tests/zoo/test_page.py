"""The page of `zoo table` in headless Chromium: sorts, filters, colours, widths, and no request."""

import json
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/command"), str(ROOT / "tests/zoo")]
import browser  # noqa: E402
import rows  # noqa: E402
from program import BINARY, run  # noqa: E402

HOSTILE = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>\"'{{script}}"
NAMES = ["EdgeNeXt_base", "EdgeNeXt_small", "ResNet18", "VargConvNet", "RepViT_m1_0", "RepViT_m0_9",
         "MobileOne_S4", "MobileOne_S0", "Efficientnet_B4", "GoogLeNet"]
WITHOUT_ACCURACY = ["ResNet18", "GoogLeNet"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """mixed: rows with and without accuracy, one of them hostile; made_up: none with accuracy."""
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    if run("zoo", "--help").returncode != 0:
        pytest.skip("this octavo is built without the zoo")
    folder = tmp_path_factory.mktemp("pages")
    print("seed", rows.SEED)
    mixed = [rows.row(name, number, name not in WITHOUT_ACCURACY) for number, name in enumerate(NAMES)]
    mixed[2] |= {"weights": HOSTILE, "reasons": {"accuracy": HOSTILE}}
    mixed[3]["host"] |= {"cpu": HOSTILE}
    made_up = [rows.row(name, number, False) for number, name in enumerate(NAMES)]
    for name, content in {"mixed": mixed, "made_up": made_up}.items():
        rows.write(folder / name, *content)
        done = run("zoo", "table", folder / name, "-o", folder / f"{name}.html")
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def chromium(pages):
    if not browser.PROGRAM:
        pytest.skip("chromium is not installed")
    opened = browser.Browser(pages / "profile")
    yield opened
    opened.close()


@pytest.fixture
def page(chromium, pages):
    chromium.open(pages / "mixed.html")
    yield chromium
    assert chromium.problems == []
    assert chromium.requests == [(pages / "mixed.html").as_uri()]


def column(page, key):
    """The visible rows' cells, as numbers where they are; None where nothing was measured."""
    return page.run(f"""(() => {{
        const at = [...document.querySelectorAll('thead th[data-key]')]
            .findIndex(head => head.dataset.key === '{key}');
        return [...document.querySelector('tbody').rows].filter(row => !row.hidden).map(row => {{
            const cell = row.cells[at];
            if (cell.classList.contains('none')) return null;
            return 'value' in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
        }});
    }})()""")


def click_head(page, key):
    page.run(f"document.querySelector('th[data-key={key}] button').click()")
    return page.run(f"document.querySelector('th[data-key={key}]').getAttribute('aria-sort')")


def set_filter(page, name, value):
    member = "checked" if isinstance(value, bool) else "value"
    page.run(f"""(() => {{
        const input = document.forms[0].elements[{json.dumps(name)}];
        input.{member} = {json.dumps(value)};
        input.dispatchEvent(new Event('input', {{bubbles: true}}));
    }})()""")


def test_rows_come_in_the_zoos_order(page):
    order = [model["name"] for model in json.loads(run("zoo", "list", "--json").stdout)["models"]]
    assert column(page, "model") == sorted(NAMES, key=order.index)


@pytest.mark.parametrize("key", ["quantized_top1", "ms_one_thread", "float_ci95"])
def test_numbers_sort_both_ways_with_the_empty_ones_last(page, key):
    before = column(page, key)
    numbers = [value for value in before if value is not None]
    empty = [None] * (len(before) - len(numbers))
    assert len(empty) == (0 if key == "ms_one_thread" else len(WITHOUT_ACCURACY))
    assert click_head(page, key) == "ascending"
    assert column(page, key) == sorted(numbers) + empty
    assert click_head(page, key) == "descending"
    assert column(page, key) == sorted(numbers, reverse=True) + empty
    assert click_head(page, key) == "none"
    assert column(page, key) == before


def test_text_sorts_and_only_one_column_says_so(page):
    click_head(page, "ms_one_thread")
    click_head(page, "model")
    assert column(page, "model") == sorted(NAMES, key=str.lower)
    assert page.run("document.querySelectorAll('th[aria-sort=ascending]').length") == 1


def test_a_key_sorts_as_a_click_does(page):
    page.run("document.querySelector('th[data-key=gmacs] button').focus()")
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r",
                  windowsVirtualKeyCode=13)
    values = column(page, "gmacs")
    assert values == sorted(values)


@pytest.mark.parametrize("name, value, expected", [
    ("text", "REPVIT", {"RepViT_m1_0", "RepViT_m0_9"}),
    ("text", "nothing is called so", set()),
    ("family", "MobileOne", {"MobileOne_S4", "MobileOne_S0"}),
    ("architecture", "Transformer", {"EdgeNeXt_base", "EdgeNeXt_small"}),
    ("accuracy", True, set(NAMES) - set(WITHOUT_ACCURACY)),
])
def test_filters_hide_rows_and_marks(page, name, value, expected):
    set_filter(page, name, value)
    assert set(column(page, "model")) == expected
    assert page.run("document.querySelector('output').value") == f"{len(expected)} of {len(NAMES)} models"
    assert page.run("document.querySelectorAll('.mark:not(.out)').length") == len(
        expected - set(WITHOUT_ACCURACY))


def test_picture_has_a_mark_a_row_with_accuracy(page):
    told = page.run("[...document.querySelectorAll('svg .mark')].map(mark => mark.ariaLabel)")
    assert len(told) == len(NAMES) - len(WITHOUT_ACCURACY)
    for label in told:
        assert label.split(":")[0].split(" (host")[0] in NAMES
    assert page.run("document.querySelectorAll('svg .mark .whisker').length") == len(told)
    # More milliseconds are drawn further right.
    places = page.run("""[...document.querySelectorAll('svg .mark')].map(mark =>
        [Number(/([0-9.]+) ms$/.exec(mark.ariaLabel)[1]),
         mark.querySelector('circle, path').getBoundingClientRect().x])""")
    assert [x for _, x in sorted(places)] == sorted(x for _, x in places)


def test_a_reason_shows_on_focus_and_is_listed(page):
    assert page.run("document.querySelector('.tip').hidden")
    page.run("document.querySelector('#line-7 .none a, .none a').focus()")
    assert not page.run("document.querySelector('.tip').hidden")
    assert page.run("""[...document.querySelectorAll('.none a')].every(link =>
        document.querySelector(link.getAttribute('href')).textContent === link.dataset.tip)""")


def test_hostile_texts_stay_texts(page):
    assert page.run("window.broken") is None
    assert page.run("document.querySelectorAll('script, img').length") == 1
    assert HOSTILE in page.run("document.querySelector('.facts').textContent")
    assert HOSTILE in column(page, "weights")


COLOURS = """['body', 'h1', 'thead th.board', 'tbody td.number', 'tbody th', '.none a', '.lead',
              '.note', '.warning p', 'output', '.facts dt'].map(selector => {
    const element = document.querySelector(selector);
    let paper = element;
    while (getComputedStyle(paper).backgroundColor === 'rgba(0, 0, 0, 0)') paper = paper.parentElement;
    const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    return [getComputedStyle(element).color, getComputedStyle(paper).backgroundColor].map(colour => {
        paint.fillStyle = colour;
        paint.fillRect(0, 0, 1, 1);
        return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
    });
})"""


def luminance(colour):
    """Relative luminance of WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_both_colour_schemes_can_be_read(chromium, pages):
    papers = {}
    for scheme in ("light", "dark"):
        chromium.open(pages / "mixed.html", scheme=scheme)
        colours = chromium.run(COLOURS)
        papers[scheme] = luminance(colours[0][1])
        assert min(contrast(*pair) for pair in colours) >= 4.5, (scheme, colours)
        assert chromium.problems == []
    assert papers["light"] > 0.8 and papers["dark"] < 0.05


@pytest.mark.parametrize("name", ["mixed", "made_up"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_never_scrolls_sideways(chromium, pages, name, width):
    chromium.open(pages / f"{name}.html", width=width, height=740)
    assert chromium.run("document.scrollingElement.scrollWidth <= innerWidth")
    # The table does, and its first column stays.
    edge = "document.querySelector('tbody th').getBoundingClientRect().left"
    before = chromium.run(edge)
    chromium.run("document.querySelector('.table').scrollLeft = 400")
    assert chromium.run("document.querySelector('.table').scrollLeft") == 400
    assert chromium.run(edge) == before


def test_without_accuracy_the_picture_says_what_it_shows_instead(chromium, pages):
    chromium.open(pages / "made_up.html")
    assert "no Top-1 was measured" in chromium.run("document.querySelector('figcaption').textContent")
    assert chromium.run("document.querySelectorAll('svg .mark').length") == len(NAMES)
    assert "claim no accuracy" in chromium.run("document.querySelector('.warning').textContent")


def test_without_scripts_it_is_a_plain_table(chromium, pages):
    chromium.open(pages / "mixed.html", script=False)
    assert chromium.problems == []
    document = chromium.send("DOM.getDocument", depth=-1)["root"]["nodeId"]

    def found(selector):
        return chromium.send("DOM.querySelectorAll", nodeId=document, selector=selector)["nodeIds"]

    assert len(found("tbody tr")) == len(NAMES)
    assert len(found("form[hidden]")) == 1
    assert not found("th button")
    assert all("title" in chromium.send("DOM.getAttributes", nodeId=node)["attributes"]
               for node in found(".none a"))


def test_only_the_pages_own_script_and_style_may_run(chromium, pages, tmp_path):
    """Even a row that got through the escaping could not run a script."""
    text = (pages / "mixed.html").read_text()
    forged = tmp_path / "forged.html"
    forged.write_text(text.replace("<main>", "<main><script>window.broken = 1</script>", 1))
    chromium.open(forged)
    assert chromium.run("window.broken") is None
    assert chromium.problems
