"""What is made from the parser: --help, the manual page, the reference, what shells complete."""

import json
import re
import shutil
import subprocess

import pytest

from program import BINARY, ROOT, run

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason=f"{BINARY} is not built")


def commands_below(*path):
    """The commands that --help lists, those of groups in place of these."""
    text = run(*path, "--help").stdout
    if "\nCommands:\n" not in text:
        return [list(path)]
    listed = re.findall(r"^  ([a-z]+) ", text.split("\nCommands:\n")[1].split("\n\n")[0], re.M)
    return [command for name in listed for command in commands_below(*path, name)]


COMMANDS = commands_below() if BINARY.exists() else []


def made(form):
    done = run("help", "--format", form)
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout


def flags_in(text):
    return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", text))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_readable_and_has_an_example(command):
    done = run(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("help", *command).stdout == done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "Example:\n  octavo " + " ".join(command) in done.stdout
    assert not re.search(r"\[\S* - |9223372036854775807|1e\+", done.stdout)


def test_the_commands_are_those_that_people_know():
    assert [["classify"], ["zoo", "pull"], ["help"]] == [c for c in COMMANDS if c[-1] in ("classify", "pull", "help")]
    assert len(COMMANDS) >= 15


def test_help_says_defaults_and_choices():
    text = " ".join(run("build", "--help").stdout.split())
    assert "--method auto|max|percentile|mse|kl how ranges are chosen (default: auto)" in text
    assert "--samples N at most so many of them; 0: all (default: 300)" in text
    assert "--percentile P for --method percentile (50 to 100; default: 99.999)" in text
    assert "--threads N of one frame (1 to 1024; default: physical cores)" in text
    assert "octavo eval MODEL... --data DATA [FLAGS]" in run("eval", "--help").stdout


CHOICES = [(command, flag, words.split("|")) for command in COMMANDS if command[0] != "help"
           for flag, words in re.findall(r"^  (--[\w-]+) (\w+(?:\|\w+)+)(?:$| {2})", run(*command, "--help").stdout, re.M)] \
    if BINARY.exists() else []
NEEDED = {"check": ["m.onnx"], "build": ["m.onnx", "-o", "m.octavo", "--calib", "none"], "inspect": ["m.onnx"],
          "classify": ["m.onnx", "p.jpg"], "stream": ["p.nv12", "m.onnx"], "eval": ["m.onnx", "--data", "none"], "bench": ["m.onnx"],
          "compare": ["m.onnx", "m.octavo", "--data", "none"], "report": ["m.octavo", "-o", "m.html"], "zoo table": ["none"]}


@pytest.mark.parametrize("command,flag,words", CHOICES, ids=lambda part: part if isinstance(part, str) else " ".join(part))
def test_the_choices_that_help_shows_are_those_that_the_command_knows(command, flag, words, tmp_path):
    if flag == "--preset":
        pytest.skip("a preset is looked up after the model is read")
    done = run(*command, *NEEDED[" ".join(command)], flag, "nonsense", cwd=tmp_path)
    known = re.search(r"known are ([\w, ]+)", done.stderr)
    assert done.returncode == 2 and known, done.stderr
    assert known[1].split(", ") == words


def test_the_reference_page_is_what_the_parser_says():
    page = ROOT / "docs/commands.md"
    assert page.read_text() == made("markdown"), f"octavo help --format markdown > {page}"


def test_every_page_has_every_flag_of_every_command():
    for form, marked in [("man", lambda name: name.replace("-", "\\-")), ("markdown", str), ("bash", str), ("zsh", str)]:
        text = made(form)
        for command in COMMANDS:
            for flag in flags_in(run(*command, "--help").stdout.split("Example:")[1].split("\n", 2)[2]):
                assert re.search(rf"{re.escape(marked(flag))}(?![\w-])", text), (form, command, flag)


def test_one_command_is_asked_for_by_name():
    done = run("help", "zoo", "pul")
    assert done.returncode == 2 and "octavo zoo has no command 'pul'; did you mean pull?" in done.stderr
    assert run("help", "build", "--format", "man").returncode == 2
    assert run("help", "--format", "htm").stderr.startswith("octavo: --format 'htm': known are text, man,")


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not here")
def test_the_manual_page_has_no_fault():
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=made("man"), capture_output=True, text=True)
    assert "ERROR" not in done.stdout and "UNSUPP" not in done.stdout, done.stdout
    shown = subprocess.run(["mandoc", "-T", "utf8"], input=made("man"), capture_output=True, text=True).stdout
    assert "octavo build [MODEL] [FLAGS]" in re.sub(r".\x08", "", shown)


def completed(tmp_path, *words):
    """What bash offers for the last of the words."""
    (tmp_path / "octavo.bash").write_text(made("bash"))
    code = ("source octavo.bash\ncompopt() { opts+=\" $*\"; }\nopts=\nCOMP_WORDS=(\"$@\")\nCOMP_CWORD=$(($# - 1))\n_octavo\n"
            "printf '%s\\n' \"${COMPREPLY[@]}\"\necho \"$opts\"")
    done = subprocess.run(["bash", "-c", code, "bash", *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr == ""
    *offered, options = done.stdout.splitlines()
    return [word for word in offered if word], options.strip()


@pytest.mark.parametrize("words,offered,files", [
    (["octavo", "cl"], ["classify"], False),
    (["octavo", "zoo", ""], ["list", "info", "pull", "build", "table", "-h", "--help"], False),
    (["octavo", "build", "--meth"], ["--method"], False),
    (["octavo", "build", "--method", ""], ["auto", "max", "percentile", "mse", "kl"], False),
    (["octavo", "build", "--method", "=", "m"], ["max", "mse"], False),
    (["octavo", "zoo", "build", "--rebu"], ["--rebuild"], False),
    (["octavo", "build", "--rebu"], [], False),
    (["octavo", "build", "-o", ""], [], True),
    (["octavo", "build", "--samples", ""], [], False),
    (["octavo", "classify", "mod"], [], True),
])
def test_bash_completes(tmp_path, words, offered, files):
    got, options = completed(tmp_path, *words)
    assert got == offered
    assert ("default" in options) == files or words[-2] == "zoo"


@pytest.mark.parametrize("shell,words,offered", [
    ("fish", "octavo cl", ["classify"]),
    ("fish", "octavo zoo pu", ["pull"]),
    ("fish", "octavo build --meth", ["--method"]),
    ("fish", "octavo build --method m", ["max", "mse"]),
    ("fish", "octavo zoo build --rebu", ["--rebuild"]),
    ("fish", "octavo build --rebu", []),
])
def test_fish_completes(tmp_path, shell, words, offered):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not here")
    (tmp_path / "octavo.fish").write_text(made("fish"))
    code = f"source octavo.fish; complete -C {json.dumps(words)}"
    done = subprocess.run([shell, "--no-config", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == offered


def test_zsh_reads_its_functions(tmp_path):
    if not shutil.which("zsh"):
        pytest.skip("zsh is not here")
    (tmp_path / "_octavo").write_text(made("zsh"))
    # _arguments itself says what is wrong with a specification; outside a completion it cannot offer.
    code = ("autoload -Uz compinit; compinit -D -u\n"
            "_arguments() { print -rl -- \"$@\" }\n_describe() { : }\n"
            "functions[_octavo_file]=$(<_octavo)\n_octavo_file 2>/dev/null; _octavo_build; _octavo_zoo_pull")
    done = subprocess.run(["zsh", "-f", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "*--method=[how ranges are chosen (default\\: auto)]:word:(auto max percentile mse kl)" in done.stdout
    assert "*--parallel=[files at once (1 to 64; default\\: 4)]:N: " in done.stdout


def test_quiet_is_quiet_about_the_summary_too(small, tmp_path):
    words = ["build", small.model, "--calib", small.calibration, "-o"]
    assert "wrote" in run(*words, tmp_path / "a.octavo").stdout
    done = run(*words, tmp_path / "b.octavo", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "b.octavo").read_bytes() == (tmp_path / "a.octavo").read_bytes()
    assert json.loads(run(*words, tmp_path / "c.octavo", "-q", "--json").stdout)["bytes"] > 0
