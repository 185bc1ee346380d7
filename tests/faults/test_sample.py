"""A sample of the faults, with a new seed every time; bench/long-tests injects the whole."""

import time

import pytest

from harness import BINARY, Harness


def test_a_sample_of_faults_leaves_the_rule_standing(tmp_path):
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    seed = int(time.time())
    print("seed", seed)
    harness = Harness(seed, tmp_path)
    harness.go(seconds=40)
    print(harness.summary())
    assert not harness.violations, f"seed {seed}\n{harness.summary()}"
    assert len(harness.counts) >= 4, "kinds of faults that this machine can inject"
