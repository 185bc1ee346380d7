"""Times as a table: ratios only where both engines' rounds lie close together."""

import math
import statistics



def spread(times):
    """How far half of the rounds lie above the least of them."""
    return statistics.median(times["rounds"]) / min(times["rounds"]) - 1


def best_peer(engines):
    known = {name: min(times["rounds"]) for name, times in engines.items() if name != "octavo" and times["rounds"]}
    return min(known, key=known.get) if known else None


def compared(engines, most_spread):
    """(text, ratio of medians or None, ratio of least times) of Octavo against the best peer."""
    peer = best_peer(engines) if engines else None
    if peer is None or "octavo" not in engines or not engines["octavo"]["rounds"]:
        return "-", None, None
    ours, theirs = engines["octavo"], engines[peer]
    median = [statistics.median(times["rounds"]) for times in (ours, theirs)]
    shown = f"{median[0]:.2f} / {median[1]:.2f} {peer}"
    widest = max(spread(ours), spread(theirs))
    if widest > most_spread:
        return f"{shown}; too noisy: {100 * widest:.0f} %", None, None
    return shown, median[0] / median[1], ours["least"] / theirs["least"]


def cells(row, key, most_spread):
    text, ratio, least = compared(row.get(key), most_spread)
    return [text, "-" if ratio is None else f"{ratio:.2f} ({least:.2f})"]


def line(name, row, most_spread):
    return f"{name}: " + "; ".join(" ".join(cells(row, key, most_spread)) for key in ("one", "two", "vectors") if key in row)


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values)) if values else float("nan")


def summary(times, key, most_spread):
    ratios = [ratio for row in times.values() if (ratio := compared(row.get(key), most_spread)[1]) is not None]
    if not ratios:
        return "-"
    return f"{geometric_mean(ratios):.2f}, faster on {sum(r < 1 for r in ratios)} of {len(ratios)}"


def markdown(times, most_spread, machine, versions):
    keys = [("one", "1 thread"), ("two", "2 threads"), ("vectors", "1 thread, held to VNNI")]
    keys = [(key, title) for key, title in keys if any(key in row for row in times.values())]
    out = [f"{machine}; {versions}. Medians of rounds in ms, Octavo / the best peer; ratio of these and, in brackets, of the "
           "least times.", "",
           "| network | MMAC | " + " | ".join(f"{title} | ratio" for _, title in keys) +
           " | start, ms | memory, MiB | frames a second of two processes |",
           "|---" * (5 + 2 * len(keys)) + "|"]
    for name, row in times.items():
        one, peer = row["one"], best_peer(row["one"])
        pair = [name for name in ("octavo", peer) if name in one]
        start = " / ".join(f"{one[name]['load_ms']:.0f}" for name in pair)
        memory = " / ".join(f"{one[name]['memory_mib']:.0f}" for name in pair if "memory_mib" in one[name])
        streams = " / ".join(f"{row['streams'][name]:.0f}" for name in pair if name in row.get("streams", {}))
        measured = [cell for key, _ in keys for cell in cells(row, key, most_spread)]
        out.append("| " + " | ".join([name, f"{row['macs'] / 1e6:.0f}", *measured, start, memory, streams]) + " |")
    means = [cell for key, _ in keys for cell in ("", summary(times, key, most_spread))]
    out.append("| geometric mean | | " + " | ".join(means) + " | | | |")
    return "\n".join(out)


def replace(page, isa, text):
    """Puts it between the two marks that the page has for the machine's ISA."""
    begin, end = (f"<!-- peers {isa}: {mark} -->" for mark in ("begin", "end"))
    content = page.read_text()
    if begin not in content:
        raise SystemExit(f"{page} has no {begin}: add it, and {end}, where the table is to stand")
    before, rest = content.split(begin)
    after = rest.split(end)[1]
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")
