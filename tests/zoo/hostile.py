"""A server that behaves as it is told, request by request, and remembers what it was asked."""

import http.server
import re
import threading
import time


class Server:
    """`paths` maps "/name" to a list of behaviours, one a request; the last one stays. A
    behaviour is a function of the handler."""

    def __init__(self):
        self.paths = {}
        self.requests = []  # a dict each: path, range, if_range, time, sent
        self.let_go = threading.Event()  # ends what waits
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.seen = {"path": self.path, "range": self.headers["Range"], "sent": 0,
                             "if_range": self.headers["If-Range"], "time": time.monotonic(),
                             "agent": self.headers["User-Agent"], "cookie": self.headers["Cookie"]}
                outer.requests.append(self.seen)
                behaviours = outer.paths.get(self.path, [status(404)])
                asked_before = sum(r["path"] == self.path for r in outer.requests) - 1
                self.server_state = outer
                self.close_connection = True
                try:
                    behaviours[min(asked_before, len(behaviours) - 1)](self)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            def start_of_range(self):
                found = re.fullmatch(r"bytes=(\d+)-", self.seen["range"] or "")
                return int(found[1]) if found else 0

            def head(self, code, length=None, **headers):
                self.send_response(code)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                for key, value in headers.items():
                    self.send_header(key.replace("_", "-"), str(value))
                self.send_header("Connection", "close")
                self.end_headers()

            def body(self, data):
                for at in range(0, len(data), 1 << 14):
                    self.wfile.write(data[at:at + (1 << 14)])
                    self.seen["sent"] += len(data[at:at + (1 << 14)])

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.let_go.set()
        self.http.shutdown()
        self.http.server_close()

    def of(self, path):
        return [request for request in self.requests if request["path"] == path]

    def ranges(self, path):
        return [request["range"] for request in self.of(path)]

    def wait_for(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.01)


def answer(h, data, etag=None, most=None, length=None):
    """The rest of the file as asked for; at most `most` bytes of it; `length` is announced."""
    start = h.start_of_range()
    if etag and h.seen["if_range"] not in (None, etag):
        start = 0
    headers = {"ETag": etag} if etag else {}
    if h.seen["range"] and start:
        headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    rest = data[start:]
    h.head(206 if "Content_Range" in headers else 200, len(rest) if length is None else length,
           **headers)
    h.body(rest[:most])


def honest(data, **options):
    return lambda h: answer(h, data, **options)


def cut(data, most, **options):
    """Announces all, sends `most` bytes, hangs up."""
    return honest(data, most=most, **options)


def status(code, **headers):
    return lambda h: (h.head(code, 3, **headers), h.body(b"no\n"))


def redirect(to):
    return status(302, Location=to)


def stall(data, after):
    """Sends `after` bytes of the whole, then nothing."""
    def behave(h):
        answer(h, data, most=after)
        h.wfile.flush()
        h.server_state.let_go.wait(30)
    return behave


def pause(data, after, gate):
    """Sends `after` bytes of what is asked for, the rest once the gate opens."""
    def behave(h):
        rest = data[h.start_of_range():]
        answer(h, data, most=after)
        h.wfile.flush()
        gate.wait(30)
        h.body(rest[after:])
    return behave


def drip(data, length):
    """A few bytes at a time, for ever."""
    def behave(h):
        h.head(200, length)
        while not h.server_state.let_go.wait(0.05):
            h.body(data[:10])
    return behave


def ignore_range(data, most=None):
    return lambda h: (h.head(200, len(data)), h.body(data[:most]))


def other_range(data, start):
    return lambda h: (h.head(206, len(data) - start,
                             Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}"),
                      h.body(data[start:]))


def endless(data):
    """No length announced, the file and then more and more."""
    def behave(h):
        h.head(200)
        h.body(data)
        for _ in range(3000):
            h.body(b"x" * (1 << 14))
    return behave
