"""zoo pull over a network that does all it can to prevent it."""

import hashlib
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/command"))
from hostile import (Server, cut, drip, endless, honest, ignore_range, other_range,  # noqa: E402
                     pause, redirect, stall, status)
from program import BINARY  # noqa: E402

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason=f"{BINARY} is not built")

SEED = 4711
SIZE = 300_000
HALF = SIZE // 2
DATA = random.Random(SEED).randbytes(SIZE)
OTHER = random.Random(SEED + 1).randbytes(SIZE)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


def entry(name="a", data=DATA, url=None):
    return {"name": name, "file": f"{name}.onnx", "url": url or f"{name}.onnx", "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest()}


class Puller:
    """Runs `zoo pull` with a cache of its own against one server's index."""

    def __init__(self, server, folder):
        self.server, self.cache = server, folder / "cache"
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.startswith(("OCTAVO_", "XDG_")) and "proxy" not in k.lower()}

    def index(self, *entries):
        text = json.dumps({"schema_version": 1, "files": list(entries)}).encode()
        self.server.paths["/index.json"] = [honest(text)]

    def command(self, *arguments, cache=True):
        usual = {"--backoff-seconds": 0.01, "--stall-seconds": 0.4, "--attempts": 3}
        if cache:
            usual["--cache"] = self.cache
        if "OCTAVO_ZOO_INDEX" not in self.environment:
            usual["--index"] = self.server.base + "/index.json"
        more = [part for flag, value in usual.items() if flag not in arguments for part in (flag, value)]
        return [str(a) for a in (BINARY, "zoo", "pull", *arguments, *more)]

    def start(self, *arguments, cache=True, **options):
        return subprocess.Popen(self.command(*arguments, cache=cache), text=True,
                                env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **options)

    def run(self, *arguments, **options):
        process = self.start(*arguments, **options)
        process.out, process.err = process.communicate(timeout=30)
        return process

    def file(self, name="a", data=DATA):
        return self.cache / "sha256" / hashlib.sha256(data).hexdigest() / f"{name}.onnx"

    def part(self):
        return self.cache / "sha256" / DIGEST / ".part"

    def files(self):
        return [p for p in self.cache.rglob("*") if p.is_file()]

    def gets_right(self, *behaviours, path="/a.onnx", arguments=()):
        """One file, whose server behaves so; returns the ranges that were asked for."""
        self.index(entry())
        self.server.paths[path] = list(behaviours)
        done = self.run("a", "-q", *arguments)
        assert (done.returncode, done.err) == (0, "")
        assert done.out == f"{self.file()}\n"
        assert self.file().read_bytes() == DATA
        assert self.files() == [self.file()]
        return self.server.ranges(path)

    def fails(self, *behaviours, code=1, arguments=()):
        """One line that says why, and nothing that looks like the file; returns the line."""
        self.index(entry())
        self.server.paths["/a.onnx"] = list(behaviours)
        done = self.run("a", "-q", *arguments)
        assert done.returncode == code, done.err
        assert done.out == "" and done.err.count("\n") == 1 and done.err.startswith("octavo: a: ")
        assert not self.file().exists()
        return done.err


@pytest.fixture
def puller(server, tmp_path):
    return Puller(server, tmp_path)


def test_fetches_once_and_then_from_the_cache(puller):
    assert puller.gets_right(honest(DATA)) == [None]
    again = json.loads(puller.run("A", "a", "--json", "-q").out)["files"]
    assert again == [{"name": "a", "path": str(puller.file()), "bytes": SIZE, "sha256": DIGEST,
                      "weights": "", "was_cached": True}]
    seen = puller.server.of("/a.onnx")
    assert len(seen) == 1 and seen[0]["agent"].startswith("octavo/") and not seen[0]["cookie"]


def test_resumes_from_the_byte_where_it_broke(puller):
    ranges = puller.gets_right(cut(DATA, 100_000), cut(DATA, 50_000), honest(DATA))
    assert ranges == [None, "bytes=100000-", "bytes=150000-"]
    assert [r["sent"] for r in puller.server.of("/a.onnx")] == [100_000, 50_000, 150_000]


def test_a_connection_that_breaks_more_often_than_there_are_attempts(puller):
    assert len(puller.gets_right(cut(DATA, 30_000))) == 10


def test_a_server_that_brings_nothing_new_is_given_up(puller):
    assert "a.onnx'" in puller.fails(cut(DATA, 0))
    assert len(puller.server.of("/a.onnx")) == 3
    assert puller.files() == []


def test_a_length_that_is_a_lie(puller):
    for lie in (HALF, SIZE + 1):
        line = puller.fails(honest(DATA, length=lie))
        assert f"announces {lie} bytes; the index says {SIZE}" in line
    puller.gets_right(honest(DATA, length=SIZE * 2), honest(DATA, length=1), honest(DATA))


def test_wrong_bytes_and_then_right_ones(puller):
    assert puller.gets_right(honest(OTHER), honest(DATA)) == [None, None]


def test_nothing_but_wrong_bytes(puller):
    line = puller.fails(honest(OTHER), code=3)
    assert DIGEST in line and hashlib.sha256(OTHER).hexdigest() in line
    assert puller.files() == []
    assert len(puller.server.of("/a.onnx")) == 2


def test_wrong_bytes_of_a_mirror(puller):
    puller.server.paths["/m/a.onnx"] = [honest(OTHER)]
    puller.gets_right(honest(DATA), arguments=["--mirror", puller.server.base + "/m"])
    assert [r["path"] for r in puller.server.requests] == ["/index.json", "/m/a.onnx", "/a.onnx"]


def test_mirrors_are_asked_in_order_and_go_on_from_each_others_bytes(puller):
    puller.server.paths.update({"/m/a.onnx": [cut(DATA, 1000)], "/n/a.onnx": [cut(DATA, 2000)]})
    mirrors = f"{puller.server.base}/m/ {puller.server.base}/n"
    puller.environment["OCTAVO_ZOO_MIRRORS"] = mirrors
    assert puller.gets_right(honest(DATA)) == ["bytes=3000-"]
    assert puller.server.ranges("/n/a.onnx") == ["bytes=1000-"]


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server(puller, code):
    puller.gets_right(status(code), status(code), honest(DATA))


def test_a_busy_server_is_left_alone_as_long_as_it_asks(puller):
    puller.gets_right(status(429, Retry_After=1), honest(DATA))
    first, second = puller.server.of("/a.onnx")
    assert 1 <= second["time"] - first["time"] < 5


def test_a_server_that_asks_for_a_day(puller):
    begin = time.monotonic()
    assert "left alone for 86400 seconds" in puller.fails(status(503, Retry_After=86400))
    assert time.monotonic() - begin < 5


def test_a_circle_of_redirects(puller):
    puller.server.paths["/b"] = [redirect("/a.onnx")]
    assert "redirects more than 5 times" in puller.fails(redirect("/b"))


def test_a_redirect_that_leads_there(puller):
    puller.server.paths["/b"] = [honest(DATA)]
    puller.gets_right(redirect("/b"))


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/a", "gopher://127.0.0.1/a"])
def test_a_redirect_to_another_scheme(puller, target):
    assert "redirects where Octavo does not follow" in puller.fails(redirect(target))
    assert len(puller.server.of("/a.onnx")) == 1


def test_a_stall(puller):
    assert puller.gets_right(stall(DATA, HALF), honest(DATA)) == [None, f"bytes={HALF}-"]


def test_stalls_for_ever(puller):
    assert "stalled" in puller.fails(stall(DATA, 0), arguments=["--attempts", 1])


def test_a_drip_is_a_stall(puller):
    assert "stalled" in puller.fails(drip(DATA, SIZE), arguments=["--attempts", 1])


def test_a_server_that_knows_no_ranges(puller):
    assert puller.gets_right(ignore_range(DATA, HALF), ignore_range(DATA)) == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize("start", [0, 100, HALF + 1])
def test_a_server_that_sends_another_range(puller, start):
    ranges = puller.gets_right(cut(DATA, HALF), other_range(DATA, start), honest(DATA))
    assert ranges == [None, f"bytes={HALF}-", None]


def test_a_part_that_nobody_asked_for(puller):
    assert "206" not in puller.fails(other_range(DATA, 5))
    assert puller.files() == []


def test_a_server_that_denies_the_range(puller):
    assert puller.gets_right(cut(DATA, HALF), status(416), honest(DATA)) == [None, f"bytes={HALF}-", None]


def test_a_file_that_is_not_there(puller):
    assert "answers HTTP status 404" in puller.fails(status(404))
    assert len(puller.server.of("/a.onnx")) == 1


def test_a_content_encoding_is_not_taken_off(puller):
    import gzip
    packed = gzip.compress(DATA)
    puller.index(entry("a", packed))
    puller.server.paths["/a.onnx"] = [lambda h: (h.head(200, len(packed), Content_Encoding="gzip"),
                                                 h.body(packed))]
    assert puller.run("a").returncode == 0
    assert puller.file("a", packed).read_bytes() == packed


def test_a_server_that_does_not_stop_sending(puller):
    puller.gets_right(endless(DATA))
    assert puller.server.of("/a.onnx")[0]["sent"] < 40_000_000


def test_a_file_that_changed_in_between_is_not_glued_together(puller):
    ranges = puller.gets_right(cut(OTHER, HALF, etag='"old"'), honest(DATA, etag='"new"'))
    assert ranges == [None, f"bytes={HALF}-"]
    assert puller.server.of("/a.onnx")[1]["if_range"] == '"old"'


def test_glued_bytes_are_found_out_and_all_are_asked_for(puller):
    assert puller.gets_right(cut(OTHER, HALF), honest(DATA)) == [None, f"bytes={HALF}-", None]


def test_a_page_of_another_length_does_not_touch_what_is_there(puller):
    """As a hotel's login page answers everything with 200."""
    page = lambda h: (h.head(200, 5), h.body(b"hello"))  # noqa: E731
    assert puller.gets_right(cut(DATA, HALF), page, honest(DATA))[-1] == f"bytes={HALF}-"


def test_one_that_fails_does_not_stop_the_others(puller):
    puller.index(entry("a"), entry("b"), entry("c", OTHER))
    puller.server.paths.update({"/b.onnx": [status(404)], "/a.onnx": [honest(DATA)],
                                "/c.onnx": [honest(OTHER)]})
    done = puller.run("--all", "--json", "-q")
    files = {f["name"]: f for f in json.loads(done.out)["files"]}
    assert done.returncode == 1
    assert "404" in files["b"]["error"] and "path" not in files["b"]
    assert puller.file("a").read_bytes() == DATA and puller.file("c", OTHER).read_bytes() == OTHER


def test_two_at_once_are_one_download(puller):
    gate = threading.Event()
    puller.index(entry())
    puller.server.paths["/a.onnx"] = [pause(DATA, HALF, gate)]
    first = puller.start("a", "--json")
    puller.server.wait_for(lambda: puller.server.of("/a.onnx"))
    second = puller.start("a", "--json")
    puller.server.wait_for(lambda: len(puller.server.of("/index.json")) == 2)
    time.sleep(0.2)
    gate.set()
    answers = [json.loads(p.communicate(timeout=20)[0])["files"][0]["was_cached"] for p in (first, second)]
    assert answers == [False, True]
    assert len(puller.server.of("/a.onnx")) == 1 and puller.file().read_bytes() == DATA


def test_killed_in_the_middle_and_again(puller):
    puller.index(entry())
    puller.server.paths["/a.onnx"] = [stall(DATA, HALF), honest(DATA)]
    first = puller.start("a", "--stall-seconds", "30")
    puller.server.wait_for(lambda: puller.part().exists() and puller.part().stat().st_size == HALF)
    waiting = puller.start("a")  # takes over as soon as the first one is gone
    puller.server.wait_for(lambda: len(puller.server.of("/index.json")) == 2)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert waiting.communicate(timeout=20)[0] == f"{puller.file()}\n"
    assert puller.server.ranges("/a.onnx") == [None, f"bytes={HALF}-"]
    assert puller.file().read_bytes() == DATA and puller.files() == [puller.file()]


def test_interrupted_says_how_to_go_on(puller):
    puller.index(entry())
    puller.server.paths["/a.onnx"] = [stall(DATA, HALF), honest(DATA)]
    process = puller.start("a", "--stall-seconds", "30", "-q")
    puller.server.wait_for(lambda: puller.part().exists() and puller.part().stat().st_size == HALF)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert err == ("octavo: interrupted; what has come is kept, the same command goes on from there\n")
    assert puller.part().stat().st_size == HALF
    assert puller.run("a").returncode == 0
    assert puller.server.ranges("/a.onnx")[-1] == f"bytes={HALF}-"


@pytest.mark.parametrize("left", [DATA[:HALF], OTHER[:HALF], DATA, OTHER, DATA + b"more"])
def test_whatever_part_is_there(puller, left):
    puller.part().parent.mkdir(parents=True)
    puller.part().write_bytes(left)
    ranges = puller.gets_right(honest(DATA))
    assert ranges == {DATA[:HALF]: [f"bytes={HALF}-"], DATA: []}.get(
        left, [f"bytes={HALF}-", None] if left == OTHER[:HALF] else [None])


@pytest.mark.parametrize("damaged", [OTHER, DATA[:-1], b""])
def test_a_damaged_file_in_the_cache_is_fetched_again(puller, damaged):
    puller.file().parent.mkdir(parents=True)
    puller.file().write_bytes(damaged)
    puller.gets_right(honest(DATA))


def full_disk():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, HALF))


def test_a_full_disk(puller):
    puller.index(entry())
    puller.server.paths["/a.onnx"] = [honest(DATA)]
    done = puller.run("a", "-q", preexec_fn=full_disk)
    assert (done.returncode, done.out) == (1, "")
    assert done.err == f"octavo: a: cannot write '{puller.part()}': File too large\n"
    assert puller.files() == []
    assert len(puller.server.of("/a.onnx")) == 1


def test_a_cache_that_cannot_be_written(puller, tmp_path):
    puller.index(entry())
    (tmp_path / "file").write_text("")
    for cache in (tmp_path / "file", "/proc/octavo"):
        done = puller.run("a", "-q", "--cache", cache, cache=False)
        assert done.returncode == 1 and done.err.startswith("octavo: a: cannot make the folder ")
        assert done.err.count("\n") == 1


def test_no_home(puller):
    puller.index(entry())
    puller.environment.pop("HOME", None)
    done = puller.run("a", "-q", cache=False)
    assert done.returncode == 2 and "set --cache, OCTAVO_CACHE or HOME" in done.err
    assert done.err.count("\n") == 1


def test_the_environment_names_index_and_cache(puller, tmp_path):
    puller.gets_right(honest(DATA))
    puller.environment.update(OCTAVO_ZOO_INDEX=puller.server.base + "/index.json",
                              OCTAVO_CACHE=str(puller.cache))
    assert puller.run("a", cache=False).out == f"{puller.file()}\n"


def test_no_index_points_to_build(puller):
    done = subprocess.run([BINARY, "zoo", "pull", "a"], env=puller.environment, capture_output=True,
                          text=True)
    assert done.returncode == 2 and "octavo zoo build" in done.stderr and "--index" in done.stderr


def test_names_that_are_not_there(puller):
    puller.index(entry("MobileOne_S0"))
    for name, words in [("MobileOne_S1", "the zoo has MobileOne_S1, but the index"),
                        ("MobileOne_S", "did you mean MobileOne_S0?"),
                        ("../../etc/passwd", "neither the zoo nor the index has")]:
        done = puller.run("MobileOne_S0", name)
        assert done.returncode == 2 and words in done.err and done.err.count("\n") == 1
    assert puller.files() == []
    assert puller.run().returncode == 2 and puller.run("a", "--all").returncode == 2


@pytest.mark.parametrize("change, words", [
    ({"file": "../../a.onnx"}, "a plain name"), ({"url": "file:///etc/passwd"}, "http and https"),
    ({"sha256": DIGEST[:-1]}, "not 63 characters"), ({"size": 0}, "whole number of bytes"),
    ({"colour": 1}, "no key of a file")])
def test_a_bad_index(puller, change, words):
    puller.index({**entry(), **change})
    done = puller.run("a")
    assert done.returncode == 3 and words in done.err and done.err.count("\n") == 1
    assert puller.files() == []


def test_an_index_that_is_none(puller, tmp_path):
    local = tmp_path / "index.json"
    cases = [(b'{"files": ["\xff"]}', "no JSON"), (b"{" * 1000, "no JSON"),
             (b" " * ((16 << 20) + 1), "the most that is read here is 16777216")]
    for text, words in cases:
        local.write_bytes(text)
        done = puller.run("a", "--index", local)
        assert done.returncode == 3 and words in done.err and done.err.count("\n") == 1
    for place, code in [(tmp_path / "missing.json", 1), ("ftp://127.0.0.1/index.json", 2),
                        (tmp_path, 3), (puller.server.base + "/missing.json", 1)]:
        done = puller.run("a", "--index", place)
        assert done.returncode == code and done.err.count("\n") == 1, done.err
    puller.server.paths["/index.json"] = [endless(b"{")]
    done = puller.run("a")
    assert done.returncode == 3 and "the most is 16777216" in done.err


def test_the_index_too_is_asked_for_again(puller):
    puller.index(entry())
    good = puller.server.paths["/index.json"][0]
    puller.server.paths["/index.json"] = [status(503), cut(b"{}" * 50, 20), good]
    puller.server.paths["/a.onnx"] = [honest(DATA)]
    assert puller.run("a").returncode == 0


def test_a_certificate_that_nobody_vouches_for(puller, server, tmp_path):
    import ssl
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                           "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem", "-out",
                           "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                           "subjectAltName=IP:127.0.0.1"], cwd=tmp_path, capture_output=True)
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    puller.index(entry())
    done = puller.run("a", "--index", server.base.replace("http", "https") + "/index.json")
    assert done.returncode == 1 and "certificate" in done.err and done.err.count("\n") == 1
    assert server.requests == []
