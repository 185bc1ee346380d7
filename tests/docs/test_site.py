"""The documentation as a site (tools/make-site), where its generator is: in the tests' Python or in the one that
OCTAVO_SITE_PYTHON names."""

import os
import re
import shutil
import subprocess
import sys
import urllib.parse

import pytest

from pages import DOCS, ROOT

PYTHON = os.environ.get("OCTAVO_SITE_PYTHON", sys.executable)
QUIET = dict(os.environ, DISABLE_MKDOCS_2_WARNING="true")
pytestmark = pytest.mark.skipif(
    subprocess.run([PYTHON, "-c", "import mkdocs, material"], capture_output=True).returncode != 0,
    reason="mkdocs-material is not here: tools/make-site installs it")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what the site is made from, so that nothing is written into the checkout."""
    folder = tmp_path_factory.mktemp("site")
    for name in ["README.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "mkdocs.yml"]:
        shutil.copy(ROOT / name, folder)
    for name in ["docs", "zoo", "include", "tools"]:
        shutil.copytree(ROOT / name, folder / name)
    return folder


def make(tree):
    return subprocess.run([tree / "tools/make-site", PYTHON], capture_output=True, text=True, env=QUIET)


def test_every_page_is_there_and_no_link_is_dead(tree):
    done = make(tree)
    assert done.returncode == 0, done.stderr
    for page in DOCS.rglob("*.md"):
        name = "index.html" if page.name == "README.md" else page.with_suffix(".html").name
        assert (tree / "build/site/docs" / page.parent.relative_to(DOCS) / name).exists(), page
    assert "octavo_session_create" in (tree / "build/site/api/octavo.h.html").read_text()


def test_pages_ask_nothing_of_other_servers(tree):
    assert make(tree).returncode == 0
    for page in (tree / "build/site").rglob("*.html"):
        asked = re.findall(r"<(?:script|img|iframe)[^>]*src=\"?(https?:[^\" >]*)|<link[^>]*stylesheet[^>]*href=\"?(https?:[^\" >]*)",
                           page.read_text())
        assert asked == [], page


def test_the_search_has_its_index_beside_it(tree):
    """A page that is opened from a folder answers a search, in a browser without a network."""
    if not shutil.which("chromium"):
        pytest.skip("chromium is not here")
    assert make(tree).returncode == 0
    address = (tree / "build/site/index.html").as_uri() + "?q=" + urllib.parse.quote("requantize")
    done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000",
                           f"--user-data-dir={tree / 'profile'}", "--allow-file-access-from-files", "--dump-dom", address],
                          capture_output=True, text=True, timeout=120)
    found = re.findall(r'class="md-search-result__link"[^>]*href="([^"]*)"|href="([^"]*)"[^>]*class="md-search-result__link"',
                       done.stdout)
    assert any("numerics.html" in one + other for one, other in found), done.stdout[-2000:]


@pytest.mark.parametrize("link", ["[x](nowhere.md)", "[x](numerics.md#nowhere)"])
def test_a_dead_link_ends_it(tree, link):
    page = tree / "docs/tutorial.md"
    before = page.read_text()
    page.write_text(f"{before}\n{link}\n")
    try:
        done = make(tree)
        assert done.returncode != 0 and "nowhere" in done.stderr
    finally:
        page.write_text(before)
