"""Frames of 640x480 NV12 at 30 a second through a plan, on one core: GStreamer's octavoclassify and
`octavo stream`. Late frames, the share of the core that is spent beyond making the frames, and whether
both give the same scores.
usage: camera.py PLAN [SECONDS] [CORE]"""

import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

from common import OCTAVO, machine

SIZE, RATE = (640, 480), 30
CAPS = f"video/x-raw,format=NV12,width={SIZE[0]},height={SIZE[1]},framerate={RATE}/1"


def run(words, core, folder):
    """stdout, and seconds of CPU and of the clock."""
    environment = dict(os.environ, GST_PLUGIN_PATH=str(pathlib.Path(OCTAVO).parent / "gstreamer-1.0"),
                       GST_REGISTRY=str(folder / "registry.bin"))
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(["taskset", "-c", str(core), *map(str, words)], env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{words}: {done.stderr}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, spent, time.monotonic() - start


def launch(pipeline, core, folder):
    return run(["gst-launch-1.0", "-m", *pipeline.split()], core, folder)


def messages(printed):
    """Of each frame that was classified: index and score."""
    return re.findall(r"octavoclassify, .*? score=\(double\)([\d.e-]+), index=\(int\)(\d+)", printed.replace("\\", ""))


def live(frames, element, core, folder):
    return launch(f"videotestsrc is-live=true pattern=smpte num-buffers={frames} ! {CAPS} ! queue leaky=downstream "
                  f"max-size-buffers=1 ! {element} fakesink sync=true", core, folder)


def main(plan, seconds=20, core=0):
    frames = int(seconds) * RATE
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        live(1, f"octavoclassify model={plan} !", core, folder)  # makes the registry
        _, idle, _ = live(frames, "", core, folder)
        printed, busy, clock = live(frames, f"octavoclassify model={plan} !", core, folder)
        late = frames - len(messages(printed))
        print(f"octavoclassify: {frames} frames, {late} late, {100 * (busy - idle) / clock:.1f} % of a core "
              f"({100 * idle / clock:.1f} % for the frames themselves)")

        raw = folder / "frames.nv12"
        launch(f"videotestsrc pattern=ball num-buffers={frames} ! {CAPS} ! filesink location={raw}", core, folder)
        source = [f"{raw}:{SIZE[0]}x{SIZE[1]}", plan, "--range", "video", "--json"]
        printed, busy, clock = run([OCTAVO, "stream", *source, "--fps", RATE], core, folder)
        summary = json.loads(printed.splitlines()[-1])["summary"]
        print(f"octavo stream --fps {RATE}: {summary['frames']} frames, {summary['dropped']} late, {100 * busy / clock:.1f} % "
              f"of a core, latency {summary['latency_ms']['p50']:.1f} ms (median), {summary['latency_ms']['p99']:.1f} (99 %)")

        printed, _, _ = run([OCTAVO, "stream", *source, "--rate", 0], core, folder)
        ours = [(str(line["top"][0]["score"]), str(line["top"][0]["index"]))
                for line in map(json.loads, printed.splitlines()[:-1])]
        printed, _, _ = launch(f"filesrc location={raw} ! rawvideoparse format=nv12 width={SIZE[0]} height={SIZE[1]} "
                               f"framerate={RATE}/1 ! octavoclassify model={plan} ! fakesink", core, folder)
        theirs = [(str(float(score)), index) for score, index in messages(printed)]
        same = sum(a == b for a, b in zip(ours, theirs)) if len(ours) == len(theirs) else 0
        print(f"the same label and score: {same} of {frames} frames, {len(set(ours))} different answers")


if __name__ == "__main__":
    main(*sys.argv[1:])
