"""Whole-process figures: classify one picture, build time and memory, library size.
usage: footprint.py PLAN_FOLDER   plans as accuracy.py leaves them"""

import pathlib
import statistics
import subprocess
import sys
import tempfile

from common import OCTAVO, ROOT, SHARED, listed, machine, preprocess_flags, run_measured, shared_models


def classify(plan):
    picture = listed("val500")[0][0]
    runs = [run_measured([OCTAVO, "classify", plan, picture]) for _ in range(11)]
    assert all(code == 0 for *_, code in runs)
    print(f"classify of one JPEG, whole process: median {1e3 * statistics.median(r[0] for r in runs):.1f} ms, "
          f"peak {max(r[1] for r in runs):.1f} MiB")


def build(row, samples):
    with tempfile.TemporaryDirectory() as folder:
        seconds, peak, code = run_measured(
            [OCTAVO, "build", row["path"], "-o", pathlib.Path(folder) / "out.octavo", "--calib",
             SHARED / "data/calibration", "--samples", samples, "-q", *preprocess_flags(row)])
        assert code == 0
        print(f"build with {samples} pictures: {seconds:.1f} s, peak {peak:.0f} MiB")


def library():
    path = ROOT / "build/runtime/liboctavo_runtime.so"
    if not path.exists():
        subprocess.run(["cmake", "-S", ROOT, "-B", ROOT / "build/runtime", "-G", "Ninja",
                        "-DCMAKE_BUILD_TYPE=Release", "-DOCTAVO_RUNTIME_ONLY=ON",
                        "-DOCTAVO_CODECS=OFF", "-DOCTAVO_TESTS=OFF"], check=True, capture_output=True)
        subprocess.run(["ninja", "-C", ROOT / "build/runtime", "octavo_runtime_shared"], check=True,
                       capture_output=True)
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, path], check=True)
        print(f"runtime library, codecs off, stripped: {pathlib.Path(stripped.name).stat().st_size / 2**20:.2f} MiB")


def main():
    plans = pathlib.Path(sys.argv[1])
    row = next(r for r in shared_models() if r["file"].startswith("mobilenet_v2"))
    print(machine())
    classify(plans / "mobilenet_v2_1.0.octavo")
    for samples in (50, 300):
        build(row, samples)
    library()


if __name__ == "__main__":
    main()
