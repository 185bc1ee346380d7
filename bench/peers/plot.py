"""Times as a plot: each network's ratio to the best peer, with one and two threads. Runs in the peers' environment.

usage: plot.py TIMES.json OUT.svg SPREAD     SPREAD: as --spread of run.py"""

import json
import pathlib
import sys

import matplotlib

import table

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "octavo"  # the same bytes for the same times

from matplotlib import pyplot


def main():
    times = json.loads(pathlib.Path(sys.argv[1]).read_text())
    names, most_spread = list(times), float(sys.argv[3])
    figure, axes = pyplot.subplots(figsize=(8, 0.28 * len(names) + 1.2))
    for offset, key, title in ((-0.2, "one", "1 thread"), (0.2, "two", "2 threads")):
        ratios = [table.compared(times[name].get(key), most_spread)[1] for name in names]
        known = [(i, ratio) for i, ratio in enumerate(ratios) if ratio is not None]
        if known:
            axes.barh([i + offset for i, _ in known], [ratio for _, ratio in known], 0.38, label=title)
    axes.axvline(1, color="gray", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("Octavo's time over the best peer's; below 1 is faster")
    axes.legend()
    figure.tight_layout()
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
