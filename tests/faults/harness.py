"""Injects faults into the program and holds it to one rule, whatever fails:

it ends in time, by itself, with a documented exit code and one line that says why; a file that was
there is whole, a new one is whole or absent, nothing is left beside them; an exit code of 0 means
that the answer is the one of a run without faults.

As a program: harness.py --count N [--seed S] [--kinds a,b]; prints the seed and the faults of each
kind. tests/faults/test_sample.py runs a sample, bench/long-tests the whole.
"""

import argparse
import collections
import contextlib
import ctypes
import dataclasses
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "command"))
from program import BINARY, make_network, make_pictures  # noqa: E402

NOBODY = 65534
DOCUMENTED = {0, 1, 2, 3, 4, 5, 130}
OLD = b"an old file that must stay whole\n"
SYSCALLS = {  # what may fail, and how
    "openat": ["EACCES", "EMFILE", "ENFILE", "EIO", "ENOENT"],
    "read": ["EIO", "EINTR"],
    "pread64": ["EIO", "EINTR", "ENOMEM"],
    "write": ["ENOSPC", "EIO", "EINTR", "EPIPE"],
    "mmap": ["ENOMEM"],
    "munmap": ["EINVAL"],
    "fsync": ["EIO", "ENOSPC"],
    "linkat": ["EEXIST", "EPERM", "ENOSPC", "EIO", "ENOENT"],
    "rename": ["EACCES", "EIO", "ENOSPC"],
    "fchmod": ["EPERM", "EIO"],
    "fchown": ["EPERM"],
    "newfstatat": ["EIO", "EACCES"],
    "getdents64": ["EIO"],
    "flock": ["EAGAIN", "ENOLCK"],  # strace knows EWOULDBLOCK by this name
    "clone3": ["EAGAIN"],
    "brk": ["ENOMEM"],
    "madvise": ["EINVAL"],
    "sched_getaffinity": ["EINVAL"],
}


@dataclasses.dataclass
class World:
    """What the program is run on, and its answers without faults."""
    folder: pathlib.Path
    preload: pathlib.Path
    environment: dict
    commands: dict  # name: (arguments, name of the file that it writes or None)
    answers: dict = dataclasses.field(default_factory=dict)  # name: (stdout, file)
    calls: dict = dataclasses.field(default_factory=dict)  # (name, syscall): first and last index


@dataclasses.dataclass
class Run:
    code: int
    out: bytes
    err: str
    seconds: float
    left: list
    file: bytes


def shorten(text):
    """Figures of time and memory differ from run to run."""
    return re.sub(rb"[0-9.]+", b"0", text)


class Harness:
    def __init__(self, seed, folder):
        self.random = random.Random(seed)
        self.counts = collections.Counter()
        self.excused = collections.Counter()
        self.violations = []
        self.world = self.make_world(pathlib.Path(folder))
        self.strace = shutil.which("strace")
        self.root = os.geteuid() == 0

    def make_world(self, folder):
        folder.chmod(0o755)
        make_network(str(folder / "model.onnx"))
        make_pictures(folder / "pictures", 8, 1)
        preload = folder / "fail_malloc.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", preload, HERE / "fail_malloc.c", "-ldl"],
                       check=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("FAULT_")}
        base = [str(BINARY)]
        plan = str(folder / "model.octavo")
        done = subprocess.run([*base, "build", folder / "model.onnx", "-q", "--calib",
                               folder / "pictures", "-o", plan], capture_output=True)
        assert done.returncode == 0, done.stderr
        model, data = str(folder / "model.onnx"), str(folder / "pictures")
        pictures = [str(path) for path in sorted((folder / "pictures").glob("*.*g"))[:3]]
        two = ["--threads", "2"]
        commands = {
            "build": (["build", model, "--calib", data, "--overwrite", "-o", "OUT", *two], "out.octavo"),
            "classify": (["classify", plan, *pictures, "--logits", "OUT", "--overwrite", *two], "out.npy"),
            "classify_float": (["classify", model, *pictures, "--logits", "OUT", "--overwrite"], "out.npy"),
            "eval": (["eval", model, plan, "--data", data, "--csv", "OUT", "--overwrite", *two], "out.csv"),
            "compare": (["compare", model, plan, "--data", data, *two], None),
            "bench": (["bench", plan, "--frames", "20", "--warmup", "0", "--streams", "3"], None),
            "inspect": (["inspect", plan], None),
            "check": (["check", model], None),
            "selftest": (["selftest", plan], None),
            "doctor": (["doctor", "--json"], None),
            "zoo_list": (["zoo", "list"], None),
        }
        return World(folder, preload, environment, commands)

    # ---- one run

    def place(self, name):
        """A new folder with the old file, as the command is to find it."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.world.folder, prefix="run-"))
        folder.chmod(0o777)
        written = self.world.commands[name][1]
        if written:
            (folder / written).write_bytes(OLD)
            (folder / written).chmod(0o666)
        return folder

    def arguments(self, name, folder):
        arguments, written = self.world.commands[name]
        return [str(BINARY), *(str(folder / written) if a == "OUT" else a for a in arguments)]

    def run(self, name, folder, before=(), limits=None, environment=None, act=None, **streams):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   **streams}
        out = tempfile.TemporaryFile()
        err = tempfile.TemporaryFile()
        if streams["stdout"] == subprocess.PIPE:
            streams["stdout"] = out
        if streams["stderr"] == subprocess.PIPE:
            streams["stderr"] = err
        start = time.monotonic()
        process = subprocess.Popen([*before, *self.arguments(name, folder)], preexec_fn=limits,
                                   env={**self.world.environment, **(environment or {})}, cwd=folder,
                                   **streams)
        asked = act(process) if act else None
        try:
            process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return Run(-1000, b"", "hangs", 120, [], b"")
        seconds = time.monotonic() - (asked or start)
        out.seek(0)
        err.seek(0)
        written = self.world.commands[name][1]
        file = (folder / written).read_bytes() if written and (folder / written).exists() else b""
        left = sorted(path.name for path in folder.iterdir() if path.name != written)
        code = process.returncode
        if before and code > 128 and code != 130:
            code = 128 - code  # strace ends as the program did
        return Run(code, out.read(), err.read().decode(errors="replace"), seconds, left, file)

    def answer(self, name):
        if name not in self.world.answers:
            folder = self.place(name)
            done = self.run(name, folder)
            assert done.code == 0, (name, done.err)
            self.world.answers[name] = (done.out, done.file)
            shutil.rmtree(folder)
        return self.world.answers[name]

    # ---- the rule

    def judge(self, kind, what, name, run, folder, streams_fail=False, killed=False, excused=False):
        self.counts[kind] += 1
        wrong = []
        answer, file = self.answer(name)
        written = self.world.commands[name][1]
        if run.code not in DOCUMENTED and not (killed and run.code == -signal.SIGKILL):
            wrong.append(f"ended with {run.code}")
        lines = [line for line in run.err.splitlines() if line.startswith("octavo: ")
                 and not line.startswith("octavo: warning")]
        named = [line for line in lines if "cannot read" in line or "cannot open" in line
                 or "cannot decode" in line]
        if run.code not in (0, -signal.SIGKILL) and not streams_fail:
            # classify names each picture that it cannot read.
            if len(lines) != 1 and not (name.startswith("classify") and lines):
                wrong.append(f"{len(lines)} lines")
        strange = [line for line in run.err.splitlines()
                   if "terminate called" in line or "what():" in line or "rror while loading" in line]
        if strange and not excused:
            wrong.append(f"said {strange[0]!r}")
        if run.code == 0 and not streams_fail and shorten(run.out) != shorten(answer):
            if name not in ("bench", "doctor", "eval", "build"):
                wrong.append("another answer on stdout")
        if written and run.file not in (OLD, file):
            # What could not be read is named, and the rest written.
            if not (run.code == 3 and (named or "left out" in run.err)) or not run.file:
                wrong.append("the file is neither the old one nor the new one")
        if written and run.code == 0 and run.file != file:
            wrong.append("exit code 0 without its file")
        if written and run.code not in (0, 3, -signal.SIGKILL) and run.file != OLD:
            after_work = streams_fail or "standard output" in run.err
            if not after_work and run.code != 130:
                wrong.append("failed, yet the old file is gone")
        if run.left:
            if killed and all(re.fullmatch(r"\.octavo-.*\.tmp", left) for left in run.left):
                again = self.run(name, folder)
                if again.left:
                    wrong.append(f"left for good: {again.left}")
            else:
                wrong.append(f"left {run.left}")
        if wrong and excused:
            self.excused[kind] += 1
        elif wrong:
            self.violations.append(f"{kind} {what} {name}: {'; '.join(wrong)}: "
                                   f"{run.err.strip()[-300:]!r} exit {run.code}")
        shutil.rmtree(folder, ignore_errors=True)
        return not wrong

    def some(self, *names):
        return self.random.choice(names or list(self.world.commands))

    # ---- kinds of faults; each injects one

    def allocation(self):
        """The n-th allocation fails, alone or with all that follow."""
        name = self.some()
        report = self.world.folder / f"report-{name}"
        settings = {"LD_PRELOAD": str(self.world.preload), "FAULT_REPORT": str(report)}
        if (name, "malloc") not in self.world.calls:
            folder = self.place(name)
            self.run(name, folder, environment=settings)
            shutil.rmtree(folder)
            self.world.calls[name, "malloc"] = int(report.read_text().split()[0])
        total = self.world.calls[name, "malloc"]
        # Small numbers as often as large ones: what comes first is what most runs share.
        at = int(total ** self.random.random()) or 1
        settings["FAULT_AT"] = str(at)
        lasts = self.random.random() < 0.5
        if lasts:
            settings["FAULT_LASTS"] = "1"
        folder = self.place(name)
        run = self.run(name, folder, environment=settings)
        whose = (report.read_text().split() or ["", "-"])[-1]
        if whose == "-":
            shutil.rmtree(folder)  # threads made fewer of them this time
            return
        excused = whose == "libdnnl" or (lasts and name in ("build", "classify_float", "eval", "compare")
                                         and run.code in (-signal.SIGSEGV, -signal.SIGABRT)
                                         and self.died_in_library(name, settings))
        self.judge("allocation", f"{at}{'+' if lasts else ''} of {total} in {whose}", name, run, folder,
                   excused=excused)

    def died_in_library(self, name, settings):
        """The first failure was ours and handled; a later one was oneDNN's: asked of a debugger."""
        if not shutil.which("gdb"):
            return False
        folder = self.place(name)
        arguments = self.arguments(name, folder)
        command = ["gdb", "-q", "-batch", "-ex", "set startup-with-shell off"]
        for key, value in settings.items():
            command += ["-ex", f"set environment {key} {value}"]
        command += ["-ex", "run", "-ex", "bt", "--args", *arguments]
        told = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        shutil.rmtree(folder)
        return "libdnnl" in told.stdout

    def syscall(self):
        """A system call fails: the n-th of its name after the program's own work began."""
        name, call = self.some(), self.some(*SYSCALLS)
        if (name, call) not in self.world.calls:
            folder = self.place(name)
            log = self.world.folder / "strace.log"
            # Allocations go to the same place every time, so that numbers mean the same.
            self.run(name, folder, before=[self.strace, "-f", "-o", str(log), "-e",
                                           f"trace=openat,{call}"])
            shutil.rmtree(folder)
            first = total = 0
            began = False
            for line in log.read_text(errors="replace").splitlines():
                if '"/dev/null"' in line:
                    began = True
                if re.search(rf"\b{call}\(", line):
                    total += 1
                    first += not began
            self.world.calls[name, call] = (first, total)
        first, total = self.world.calls[name, call]
        if total <= first:
            return
        at = self.random.randint(first + 1, total)
        error = self.some(*SYSCALLS[call])
        lasts = "+" if self.random.random() < 0.3 and error != "EINTR" else ""
        folder = self.place(name)
        log = self.world.folder / "strace.log"
        log.unlink(missing_ok=True)
        run = self.run(name, folder, before=[self.strace, "-f", "-qq", "-o", str(log), "-e",
                                             f"trace={call}", "-e",
                                             f"inject={call}:error={error}:when={at}{lasts}"])
        if "(INJECTED)" not in log.read_text(errors="replace"):
            shutil.rmtree(folder)  # each thread counts its own calls: this one was not reached
            return
        # What the dynamic loader or oneDNN does when it has no memory is theirs.
        theirs = call in ("mmap", "brk") and run.code in (-signal.SIGSEGV, -signal.SIGABRT, 127)
        lost_output = call == "write"
        self.judge("syscall", f"{call}={error} {at}{lasts} of {total}", name, run, folder,
                   streams_fail=lost_output, excused=theirs)

    def limit(self):
        """Memory, files, processes or file size are limited."""
        name = self.some()
        kind, value = self.random.choice([
            ("AS", self.random.randint(30 << 20, 500 << 20)),
            ("NOFILE", self.random.randint(3, 16)),
            ("FSIZE", self.random.randint(0, 6000)),
            ("NPROC", self.random.randint(1, 3)),
            ("DATA", self.random.randint(10 << 20, 300 << 20)),
        ])

        def limits():
            if kind == "NPROC" and os.geteuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (value, value))

        folder = self.place(name)
        run = self.run(name, folder, limits=limits)
        # Below this the loader cannot even map the libraries: not the program's words.
        loader = "error while loading shared libraries" in run.err or run.code in (127, -signal.SIGKILL)
        theirs = kind in ("AS", "DATA") and run.code == -signal.SIGSEGV and name in (
            "build", "classify_float", "eval", "compare")
        self.judge("limit", f"{kind}={value}", name, run, folder, streams_fail=kind == "FSIZE",
                   excused=loader or theirs)

    def full_disk(self):
        """The folder is a small file system, nearly full."""
        name = self.some("build", "classify", "classify_float", "eval")
        folder = self.place(name)
        written = self.world.commands[name][1]
        free = self.random.randint(0, 12) * 4096
        with self.small_disk(folder, free + 4096):
            (folder / written).write_bytes(OLD)
            run = self.run(name, folder)
            self.judge("full disk", f"{free} bytes", name, run, folder)

    @contextlib.contextmanager
    def small_disk(self, folder, size):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, f"size={size},mode=777".encode()):
            raise OSError(ctypes.get_errno(), "mount")
        try:
            yield
        finally:
            libc.umount2(os.fsencode(folder), 2)
            shutil.rmtree(folder, ignore_errors=True)

    def signal(self):
        """SIGINT, SIGTERM or SIGKILL at a random moment."""
        name = self.some("build", "build", "eval", "classify_float", "compare", "classify")
        number = self.some(signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
        folder = self.place(name)
        if (name, "seconds") not in self.world.calls:
            self.world.calls[name, "seconds"] = self.run(name, self.place(name)).seconds
        wait = self.random.random() * self.world.calls[name, "seconds"]

        def act(process):
            time.sleep(wait)
            process.send_signal(number)
            return time.monotonic()

        run = self.run(name, folder, act=act)
        if run.code == -number and number != signal.SIGKILL and not run.err and not run.out:
            run.code = 130  # before main could say what a signal does
            run.err = "octavo: interrupted\n"
        if run.seconds > 2 + 10 * os.getloadavg()[0] / (os.cpu_count() or 1):
            self.violations.append(f"signal {number} {name}: ended {run.seconds:.1f} s later")
        self.judge("signal", f"{number} after {wait:.3f} s", name, run, folder,
                   killed=number == signal.SIGKILL)

    def stream(self):
        """stdout or stderr is closed, full, or a pipe that nobody reads."""
        name = self.some()
        which = self.some("stdout", "stderr", "both")
        how = self.some("closed", "full", "broken")
        folder = self.place(name)
        names = ["stdout", "stderr"] if which == "both" else [which]
        streams, limits, opened = {}, None, []
        if how == "closed":
            descriptors = [1 if stream == "stdout" else 2 for stream in names]

            def limits():
                for descriptor in descriptors:
                    os.close(descriptor)
        for stream in names:
            if how == "full":
                opened.append(open("/dev/full", "wb"))
                streams[stream] = opened[-1]
            if how == "broken":
                read, write = os.pipe()
                os.close(read)
                opened.append(os.fdopen(write, "wb"))
                streams[stream] = opened[-1]
        run = self.run(name, folder, limits=limits, **streams)
        for file in opened:
            file.close()
        expected = 1 if "stdout" in names and name != "build" else 0
        if run.code != expected:
            self.violations.append(f"stream {which} {how} {name}: exit {run.code}, not {expected}: {run.err}")
        _, file = self.answer(name)
        if self.world.commands[name][1] and run.file != file:
            self.violations.append(f"stream {which} {how} {name}: the finished file is lost")
        self.judge("stream", f"{which} {how}", name, run, folder, streams_fail=True)

    def swap(self):
        """A picture, or the model, is replaced, cut or removed while it is used."""
        name = self.some("build", "eval", "classify_float")
        folder = self.place(name)
        copy = folder / "inputs"
        shutil.copytree(self.world.folder / "pictures", copy / "pictures")
        shutil.copy(self.world.folder / "model.onnx", copy / "model.onnx")
        shutil.copy(self.world.folder / "model.octavo", copy / "model.octavo")
        arguments, written = self.world.commands[name]
        moved = [a.replace(str(self.world.folder), str(copy)) for a in arguments]
        victim = self.some(copy / "model.onnx", *sorted((copy / "pictures").glob("*.*g")))
        how = self.some("removed", "cut", "replaced", "a pipe")
        wait = self.random.random() * 0.3

        def act(process):
            time.sleep(wait)
            data = victim.read_bytes()
            if how == "cut":
                victim.write_bytes(data[:len(data) // 2])
            else:
                victim.unlink()
            if how == "replaced":
                other = sorted((copy / "pictures").glob("*.*g"))[-1]
                victim.write_bytes(other.read_bytes() if victim.suffix != ".onnx" else data[:-1] + b"x")
            if how == "a pipe":
                os.mkfifo(victim)
            return time.monotonic()

        self.world.commands["swap"] = (moved, written)
        try:
            run = self.run("swap", folder, act=act)
        finally:
            del self.world.commands["swap"]
        run.left = [left for left in run.left if left != "inputs"]
        run.seconds = 0
        _, file = self.answer(name)
        if name == "build" and run.code == 0 and run.file not in (OLD, file):
            # Swapped before it was read: a plan of the other file, which must not claim this one.
            if self.claims(run.file) == self.claims(file):
                self.violations.append(f"swap {how} {victim.name}: another plan, the same claim, exit 0")
            run.file, run.out = file, self.answer(name)[0]
        if name != "build" and run.code in (0, 3):
            run.file = file  # of another set of pictures: another answer, and a right one
            run.out = self.answer(name)[0]
        if name == "build" and run.code == 3 and run.file != OLD:
            # The first reading already found it: left out, named, and the plan claims the rest.
            run.file = OLD if "left out" in run.err else run.file
        self.judge("swap", f"{victim.name} {how} after {wait:.3f} s", name, run, folder)

    def claims(self, plan):
        """What a plan says that it was made from."""
        path = self.world.folder / "claims.octavo"
        path.write_bytes(plan)
        told = subprocess.run([str(BINARY), "inspect", str(path), "--json"], capture_output=True, text=True)
        return json.loads(told.stdout)["provenance"]

    def kinds(self):
        kinds = {"allocation": 4, "limit": 2, "signal": 3, "stream": 1, "swap": 1}
        if self.strace:
            kinds["syscall"] = 6
        if self.root:
            kinds["full_disk"] = 1
        return kinds

    def missing(self):
        return [] if self.strace and self.root else [
            what for what, there in (("strace", self.strace), ("root, for small disks", self.root))
            if not there]

    def go(self, count=None, seconds=None, only=None):
        weights = {k: w for k, w in self.kinds().items() if not only or k in only}
        end = time.monotonic() + seconds if seconds else None
        while (count is None or sum(self.counts.values()) < count) and (
                end is None or time.monotonic() < end):
            kind = self.random.choices(list(weights), list(weights.values()))[0]
            getattr(self, kind)()

    def summary(self):
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(self.counts.items()))
        lines = [f"{sum(self.counts.values())} faults: {told}"]
        if self.excused:
            lines.append("not the program's own (oneDNN, the dynamic loader): " + ", ".join(
                f"{kind} {count}" for kind, count in sorted(self.excused.items())))
        lines += [f"not tried, for lack of {what}" for what in self.missing()]
        return "\n".join([*lines, *self.violations])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--kinds", type=lambda text: text.split(","))
    options = parser.parse_args()
    print("seed", options.seed, flush=True)
    with tempfile.TemporaryDirectory(prefix="octavo-faults-") as folder:
        harness = Harness(options.seed, folder)
        harness.go(count=options.count, only=options.kinds)
    print(harness.summary())
    return 1 if harness.violations else 0


if __name__ == "__main__":
    sys.exit(main())
