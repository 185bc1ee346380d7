"""What the pages show: commands, code, links; and which flags a command has."""

import functools
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT / "tests/command"))
import program  # noqa: E402

NOT_RUN = re.compile(r"octavo zoo (pull|build|table)\b|\S*python zoo/export\.py\b")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(), re.S | re.M)


def commands(page):
    return [line for block in blocks(page, "sh") for line in block.splitlines() if line.strip()]


def is_run(command):
    """Whether a command needs nothing but the small network and pictures: no index, no PyTorch."""
    return not NOT_RUN.match(command)


@functools.cache
def help_of(*names):
    done = program.run(*names, "--help")
    assert done.returncode == 0, f"there is no command octavo {' '.join(names)}: {done.stderr}"
    return done.stdout


def unknown_flags(command):
    """Flags of a command that is not run and that its program does not have."""
    words = command.split()
    if words[0] == "octavo":
        assert re.search(rf"^ +{words[2]} ", help_of(words[1]), re.M), f"octavo {words[1]} has no {words[2]}"
        known = help_of(*words[1:3])
    else:
        known = (ROOT / words[1]).read_text()
    return [word for word in words if re.fullmatch(r"--?[a-z][\w-]*", word)
            and not re.search(rf"(?<![\w-]){word}(?![\w-])", known)]


def anchors(page):
    """The names by which headings are linked, as GitHub and its kin make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    return re.findall(r"\]\(([^)\s]+)\)", text)
