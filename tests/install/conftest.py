"""What `cmake --install` makes of the release build, in a folder of its own."""

import shutil
import sys
import types

import pytest

from installing import BUILD, ROOT, done

sys.path.insert(0, str(ROOT / "tests/command"))
import program  # noqa: E402


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """prefix, and lib in it."""
    if not list(BUILD.glob("liboctavo_runtime.so*")):
        pytest.skip(f"{BUILD} holds no liboctavo_runtime.so: `ninja -C {BUILD}`")
    prefix = tmp_path_factory.mktemp("installed")
    done("cmake", "--install", BUILD, "--prefix", prefix)
    (lib,) = {path.parent for path in prefix.rglob("liboctavo_runtime.so")}
    return types.SimpleNamespace(prefix=prefix, lib=lib)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A small plan with labels, pictures, and what the program says of these."""
    folder = tmp_path_factory.mktemp("small")
    program.make_network(str(folder / "model.onnx"))
    program.make_pictures(folder / "pictures", 12, program.SEED)
    (folder / "labels.txt").write_text("red\ngreen\nblue\nyellow\n")
    done(program.BINARY, "build", "model.onnx", "-o", "model.octavo", "--calib", "pictures",
         "--labels", "labels.txt", cwd=folder)
    pictures = sorted(str(path) for path in (folder / "pictures").glob("*.[jp][pn]g"))
    plan = folder / "model.octavo"
    said = done(program.BINARY, "classify", plan, *pictures)
    assert said.count("[0]") == 12
    return types.SimpleNamespace(folder=folder, plan=plan, pictures=pictures, said=said)


@pytest.fixture(scope="session")
def examples(installed, tmp_path_factory):
    """examples/ built against the installed tree, as its user does it."""
    build = tmp_path_factory.mktemp("examples")
    source = build / "source"
    source.mkdir()
    for path in (ROOT / "examples").iterdir():
        if path.is_file():
            shutil.copy(path, source)
    done("cmake", "-S", source, "-B", build / "build", f"-DCMAKE_PREFIX_PATH={installed.prefix}",
         "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror")
    done("cmake", "--build", build / "build")
    return build / "build"
