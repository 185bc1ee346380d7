"""Plans in which a stream of 16 bits has copies in bytes (quantize/byte_copies.h), from the program's side."""

import json

import pytest

from program import SEED, make_pictures, residual_network, run


def answer(*arguments):
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


FLAGS = ["--mean", "127.5,127.5,127.5", "--std", "60,60,60"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(model, plan by default settings, pictures)"""
    folder = tmp_path_factory.mktemp("copies")
    model, plan, data = folder / "m.onnx", folder / "p.octavo", folder / "data"
    residual_network(model)
    print("seed", SEED)
    make_pictures(data, 128, SEED)
    done = run("build", model, "-o", plan, "--calib", data, *FLAGS)
    assert done.returncode == 0, done.stderr
    return model, plan, data


def test_compare_names_copies_and_what_is_copied(made):
    model, plan, data = made
    steps = answer("inspect", plan)["steps"]
    copies = [s["name"].removesuffix(".bytes") for s in steps if s["name"].endswith(".bytes")]
    assert copies, "this network is made so that a copy pays"
    layers = {layer["name"]: layer for layer in answer("compare", model, plan, "--data", data, *FLAGS)["layers"]}
    assert list(layers) == [s["name"] for s in steps]
    for name in copies:
        copy, words = layers[name + ".bytes"], layers[name]
        assert 20 < copy["sqnr_db"] < words["sqnr_db"], "a copy is rounded once more, to bytes"
        assert words["sqnr_alone_db"] > copy["sqnr_alone_db"] + 20, "words are hundreds of times finer"
        assert copy["logit_sqnr_db"] > 10 and "worst_channel" in copy


def test_a_search_for_accuracy_begins_with_what_build_gives_by_itself(made, tmp_path):
    model, plan, data = made

    def words(path):
        return sum(s["precision"] == "int16" for s in answer("inspect", path)["steps"])

    bytes_alone = tmp_path / "bytes.octavo"
    assert run("build", model, "-o", bytes_alone, "--calib", data, "--no-auto-int16", *FLAGS).returncode == 0
    done = run("build", model, "-o", tmp_path / "s.octavo", "--calib", data, "--min-agreement", 100, "--json", *FLAGS)
    frontier = json.loads(done.stdout)["search"]["frontier"]
    print(frontier)
    assert frontier[0]["agreement"] < 100, "or nothing is searched"
    assert [frontier[0]["int16"], frontier[1]["int16"]] == [0, words(plan) - words(bytes_alone)]
    assert frontier[-1]["agreement"] >= frontier[1]["agreement"]
