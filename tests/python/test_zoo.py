"""octavo.zoo says what zoo/models.toml says, and fetches what an index names."""

import hashlib
import json
import tomllib

import octavo
import pytest

import program
from program import ROOT

TABLE = tomllib.loads((ROOT / "zoo/models.toml").read_text())


@pytest.fixture(autouse=True, scope="module")
def zoo():
    if program.run("zoo", "--help").returncode != 0:
        pytest.skip("this octavo is built without the zoo")


@pytest.fixture
def index(tmp_path):
    """Of two files, one of which has other bytes than the index says."""
    entries = []
    for name, data, stated in [("right", b"a network", b"a network"), ("wrong", b"a networ!", b"a network")]:
        (tmp_path / f"{name}.onnx").write_bytes(data)
        entries.append({"name": name, "file": f"{name}.onnx", "url": f"{name}.onnx", "size": len(stated),
                        "sha256": hashlib.sha256(stated).hexdigest(), "weights": "made up"})
    (tmp_path / "index.json").write_text(json.dumps({"schema_version": 1, "files": entries}))
    return tmp_path


@pytest.fixture
def served(index):
    """The index behind a server: only http and https are fetched."""
    import functools
    import http.server
    import threading

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=index))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.json"
    server.shutdown()


def test_the_models_are_the_tables():
    entries = octavo.zoo.models()
    assert [entry.name for entry in entries] == list(TABLE)
    for entry in entries:
        row = TABLE[entry.name]
        assert (entry.family, entry.architecture) == (row["family"], row["architecture"])
        assert (entry.parameters_m, entry.reference) == (row.get("parameters_m"), row.get("reference"))
        assert json.loads(entry.to_json())["recipe"]["size"] == row["size"]
    assert octavo.zoo.info(entries[3].name) == entries[3]


def test_filters_are_the_commands():
    small = octavo.zoo.models(family=["RepViT", "MobileOne"], max_parameters=6)
    assert small and all(entry.family in ("RepViT", "MobileOne") and entry.parameters_m <= 6 for entry in small)
    with pytest.raises(octavo.UsageError, match="did you mean repvit"):
        octavo.zoo.models(family="repvitt")


def test_a_file_is_fetched_once(served, tmp_path):
    fetched = octavo.zoo.fetch("right", index=served, cache=tmp_path / "cache")
    with open(fetched.path, "rb") as file:
        assert file.read() == b"a network"
    assert (fetched.bytes, fetched.weights, fetched.was_cached) == (9, "made up", False)
    (again,) = octavo.zoo.fetch(["right"], index=served, cache=tmp_path / "cache")
    assert again.was_cached and again.path == fetched.path


def test_wrong_bytes_are_refused(served, tmp_path):
    with pytest.raises(octavo.RejectedError, match="wrong: .*SHA-256"):
        octavo.zoo.fetch(["right", "wrong"], index=served, cache=tmp_path / "cache", backoff_seconds=0)
    assert octavo.zoo.fetch("right", index=served, cache=tmp_path / "cache").was_cached
    with pytest.raises(octavo.UsageError, match="no index says"):
        octavo.zoo.fetch("right")
