"""docs/mirror.md as it is written: a folder of files, its index, a server, and Octavo."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/command"), str(ROOT / "tests/docs")]
from pages import commands  # noqa: E402
from program import BINARY, make_network  # noqa: E402

INDEX = ROOT / "zoo/make_index.py"


@pytest.fixture
def models(tmp_path):
    """A folder of files: one of the zoo's by its name, one that says what its weights are."""
    import onnx
    folder = tmp_path / "models"
    folder.mkdir()
    make_network(str(folder / "MobileOne_S0.onnx"))
    network = onnx.load(folder / "MobileOne_S0.onnx")
    for key, value in [("other", "no"), ("octavo.weights", "made up, seed 4711")]:
        found = network.metadata_props.add()
        found.key, found.value = key, value
    onnx.save(network, folder / "my net.onnx")
    (folder / "notes.txt").write_text("no model")
    return folder


def make_index(*arguments):
    return subprocess.run([sys.executable, INDEX, *map(str, arguments)], capture_output=True, text=True)


def test_an_index_says_what_the_files_are(models):
    import hashlib
    done = make_index(models)
    assert done.returncode == 0, done.stderr
    index = json.loads((models / "index.json").read_text())
    first, second = index["files"]
    assert first == {"name": "MobileOne_S0", "file": "MobileOne_S0.onnx", "url": "MobileOne_S0.onnx",
                     "size": (models / "MobileOne_S0.onnx").stat().st_size,
                     "sha256": hashlib.sha256((models / "MobileOne_S0.onnx").read_bytes()).hexdigest()}
    assert (second["name"], second["url"], second["weights"]) == (
        "my net", "my%20net.onnx", "made up, seed 4711")
    assert sorted(p.name for p in models.iterdir()) == [
        "MobileOne_S0.onnx", "index.json", "my net.onnx", "notes.txt"]


def test_the_names_are_those_of_the_table(models):
    import tomllib
    table = tomllib.loads((ROOT / "zoo/models.toml").read_text())
    renamed = {row["file"]: name for name, row in table.items() if "file" in row}
    for file in renamed:
        (models / file).write_bytes((models / "MobileOne_S0.onnx").read_bytes())
    assert make_index(models, "--weights", "pretrained").returncode == 0
    files = {f["file"]: f for f in json.loads((models / "index.json").read_text())["files"]}
    assert {file: files[file]["name"] for file in renamed} == renamed
    assert all(f["weights"] == "pretrained" for f in files.values())


@pytest.mark.parametrize("damage", [lambda b: b[:-7], lambda b: b"\xff" * 64, lambda b: b""])
def test_a_file_that_is_no_model_ends_it_in_one_line(models, damage):
    path = models / "MobileOne_S0.onnx"
    path.write_bytes(damage(path.read_bytes()))
    done = make_index(models)
    assert done.returncode == 1 and done.stderr.startswith(str(path)) and done.stderr.count("\n") == 1
    assert not (models / "index.json").exists()


def test_an_empty_folder(tmp_path):
    assert "no .onnx files" in make_index(tmp_path).stderr


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the server does not come up")


@pytest.mark.skipif(not BINARY.exists(), reason=f"{BINARY} is not built")
def test_the_page(models, tmp_path):
    port = free_port()
    (tmp_path / "zoo").symlink_to(ROOT / "zoo")
    (tmp_path / "octavo").symlink_to(BINARY)
    environment = {k: v for k, v in os.environ.items()
                   if not k.startswith("OCTAVO_") and "proxy" not in k.lower()}
    environment.update(PATH=f"{tmp_path}:{environment['PATH']}", OCTAVO_CACHE=str(tmp_path / "cache"))
    file = models / "MobileOne_S0.onnx"
    server = None
    try:
        for command in commands("mirror.md"):
            command = command.replace("8000", str(port)).replace("python3", sys.executable)
            if "http.server" in command:
                server = subprocess.Popen(command.split(), cwd=tmp_path, stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL)
                wait_for_port(port)
                continue
            done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, text=True,
                                  capture_output=True, timeout=60)
            assert done.returncode == 0, (command, done.stderr)
            if "zoo pull" in command:
                first = (json.loads(done.stdout)["files"][0]["path"] if "--json" in command
                         else done.stdout.splitlines()[0])
                assert (tmp_path / first).read_bytes() == file.read_bytes()
    finally:
        if server:
            server.kill()
            server.wait()
