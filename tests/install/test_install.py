"""An installed Octavo: found by CMake and by pkg-config, shared and static, with the program's answers;
and what its shared library shows."""

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib

import pytest

from installing import BUILD, ROOT, done


def functions_of_header(name):
    text = (ROOT / "include/octavo" / name).read_text()
    return set(re.findall(r"^OCTAVO_API [\w \*]*?\*?(octavo_\w+)\(", text, re.M))


@pytest.mark.parametrize("example", ["classify", "classify_static", "classify_cpp"])
def test_an_example_answers_as_the_program(examples, small, example):
    assert done(examples / example, small.plan, *small.pictures) == small.said


def test_an_example_says_what_is_wrong(examples, small, tmp_path):
    (tmp_path / "not.jpg").write_bytes(b"no picture")
    ran = subprocess.run([examples / "classify", small.plan, tmp_path / "not.jpg"], capture_output=True, text=True)
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.startswith(f"{tmp_path}/not.jpg: ") and len(ran.stderr.splitlines()) == 1


def test_pkg_config_finds_what_builds(installed, small, tmp_path):
    environment = dict(os.environ, PKG_CONFIG_LIBDIR=str(installed.lib / "pkgconfig"))
    flags = done("pkg-config", "--cflags", "--libs", "octavo-build", env=environment).split()
    done("cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", ROOT / "examples/build.c", "-o",
         tmp_path / "build", *flags)
    environment = dict(os.environ, LD_LIBRARY_PATH=str(installed.lib))
    said = done(tmp_path / "build", small.folder / "model.onnx", small.folder / "pictures", tmp_path / "c.octavo",
                env=environment)
    assert said.startswith("wrote ")


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
def test_pkg_config_is_enough(installed, small, tmp_path, static):
    # Nothing but its own file is found: a device need not have the codecs' development packages.
    environment = dict(os.environ, PKG_CONFIG_LIBDIR=str(installed.lib / "pkgconfig"))
    ask = ["pkg-config", "--cflags", "--libs", *(["--static"] if static else []), "octavo-runtime"]
    flags = done(*ask, env=environment).split()
    if static:  # of two libraries of one name, the archive
        flags = [flag.replace("-loctavo_runtime", "-l:liboctavo_runtime.a") for flag in flags]
    done("cc", ROOT / "examples/classify.c", "-o", tmp_path / "classify", *flags)
    environment = dict(os.environ) if static else dict(os.environ, LD_LIBRARY_PATH=str(installed.lib))
    assert done(tmp_path / "classify", small.plan, *small.pictures, env=environment) == small.said


def test_an_unknown_component_is_refused_by_name(installed, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.16)\nproject(x LANGUAGES C)\n"
                                             "find_package(octavo REQUIRED COMPONENTS engine)\n")
    ran = subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "build",
                          f"-DCMAKE_PREFIX_PATH={installed.prefix}"], capture_output=True, text=True)
    assert ran.returncode != 0
    assert "octavo has no component engine; there are: runtime;runtime_static;build" in ran.stderr


@pytest.mark.parametrize("library, header, expected", [
    ("liboctavo_runtime.so", "octavo.h", {"OCTAVO_0", "OCTAVO_1", "OCTAVO_2"}),
    ("liboctavo.so", "build.h", {"OCTAVO_BUILD_0"})])
def test_a_shared_library_shows_its_header_and_nothing_else(installed, library, header, expected):
    symbols = done("nm", "-D", "--defined-only", installed.lib / library).splitlines()
    shown = {line.split()[-1] for line in symbols if line.split()[-2] != "A"}  # A: the version's name
    versions = {name.partition("@")[2].strip("@") for name in shown}
    assert versions == expected
    assert {name.partition("@")[0] for name in shown} == functions_of_header(header)


@pytest.mark.parametrize("library, more", [("liboctavo_runtime.so", set()),
                                           ("liboctavo.so", {"libcrypto", "libyaml-cpp"})])
def test_a_shared_library_needs_nothing_unexpected(installed, library, more):
    told = done("readelf", "-d", installed.lib / library)
    needed = re.findall(r"\(NEEDED\).*\[(.*?)\.so", told)
    assert set(needed) <= {"libjpeg", "libspng", "libwebp", "libstdc++", "libm", "libgcc_s", "libc", "ld-linux-x86-64",
                           "ld-linux-aarch64", "libpthread", "libdl"} | more
    assert f"[{library}.0]" in told


def test_a_plan_is_built_as_by_the_program(examples, small, tmp_path):
    """By the installed library, which finds its float engine in octavo/ beside it."""
    done(BUILD / "octavo", "build", small.folder / "model.onnx", "-o", tmp_path / "program.octavo", "--calib",
         small.folder / "pictures")
    said = done(examples / "build", small.folder / "model.onnx", small.folder / "pictures", tmp_path / "c.octavo")
    assert (tmp_path / "c.octavo").read_bytes() == (tmp_path / "program.octavo").read_bytes()
    assert re.fullmatch(rf"wrote {tmp_path}/c.octavo  \d+ bytes  sha256 [0-9a-f]{{64}}\n", said)


def test_a_build_that_is_interrupted_leaves_nothing(examples, small, tmp_path, tmp_path_factory):
    many = tmp_path_factory.mktemp("many")  # so that it is not done before the signal comes
    pictures = [path for path in (small.folder / "pictures").rglob("*") if path.is_file()]
    for index in range(300):
        shutil.copy(pictures[index % len(pictures)], many / f"{index:03}-{pictures[index % len(pictures)].name}")
    building = subprocess.Popen([examples / "build", small.folder / "model.onnx", many, tmp_path / "c.octavo"],
                                stderr=subprocess.PIPE, text=True)
    building.stderr.readline()  # it has begun
    building.send_signal(signal.SIGINT)
    rest = building.communicate(timeout=60)[1]
    assert building.returncode == 130 and "interrupted" in rest.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_no_installed_file_knows_the_build_tree(installed):
    for path in installed.prefix.rglob("*"):
        if path.is_file() and path.suffix in (".cmake", ".pc", ".h", ".hpp"):
            assert str(BUILD) not in path.read_text() and str(ROOT) not in path.read_text(), path


def test_the_installed_program_finds_its_float_engine(installed, small):
    said = done(installed.prefix / "bin/octavo", "classify", small.folder / "model.onnx", small.pictures[0])
    assert said.startswith(small.pictures[0])


def test_what_is_installed_describes_the_program(installed):
    program = installed.prefix / "bin/octavo"
    for form, page in [("man", "man/man1/octavo.1.gz"), ("bash", "bash-completion/completions/octavo"),
                       ("zsh", "zsh/vendor-completions/_octavo"), ("fish", "fish/vendor_completions.d/octavo.fish")]:
        data = (installed.prefix / "share" / page).read_bytes()
        text = gzip.decompress(data) if page.endswith(".gz") else data
        assert text.decode() == done(program, "help", "--format", form)


def test_the_python_package_has_the_metadata_of_the_wheel(tmp_path):
    """What `pip list` and requirements see where the Debian package is installed."""
    done("cmake", "--install", BUILD, "--prefix", tmp_path, "--component", "python3")
    packages = tmp_path / "lib/python3/dist-packages"
    metadata = done(sys.executable, "-c", "import importlib.metadata as m; d = m.distribution('octavo'); "
                    "print(d.version, *d.requires)", env=dict(os.environ, PYTHONPATH=str(packages)))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = re.search(r"project\(octavo VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert metadata.split() == [version, *project["dependencies"]]


def test_debian_packages_hold_what_they_say(tmp_path):
    done("cpack", "-G", "DEB", "-B", tmp_path, cwd=BUILD)
    packages = {path.name.partition("_")[0]: path for path in tmp_path.glob("*.deb")}
    plugin = {"gstreamer1.0-octavo"} if (BUILD / "gstreamer-1.0/libgstoctavo.so").exists() else set()
    assert set(packages) == {"octavo", "octavo-modules", "liboctavo-runtime0", "liboctavo0", "liboctavo-dev",
                             "python3-octavo"} | plugin
    files = {name: done("dpkg-deb", "--contents", path) for name, path in packages.items()}
    assert re.search(r"\./usr/bin/octavo$", files["octavo"], re.M)
    modules = set(re.findall(r"/octavo/(liboctavo_\w+\.so)$", files["octavo-modules"], re.M))
    assert modules == {"liboctavo_float.so", "liboctavo_archive.so"}
    assert re.search(r"liboctavo\.so\.0 -> ", files["liboctavo0"])
    assert re.search(r"liboctavo_runtime\.so\.0 -> ", files["liboctavo-runtime0"])
    for name in ["octavo.hpp", "build.h", "octavo-runtime.pc", "octavo-build.pc"]:
        assert name in files["liboctavo-dev"]
    assert re.search(r"liboctavo_runtime\.so -> ", files["liboctavo-dev"])
    assert re.search(r"liboctavo\.so -> ", files["liboctavo-dev"])
    for page in ["man/man1/octavo.1.gz", "bash-completion/completions/octavo", "zsh/vendor-completions/_octavo",
                 "fish/vendor_completions.d/octavo.fish"]:
        assert re.search(rf"\./usr/share/{page}$", files["octavo"], re.M), page
    assert "./usr/lib/python3/dist-packages/octavo/model.py" in files["python3-octavo"]
    assert "__pycache__" not in files["python3-octavo"] and "octavo.libs" not in files["python3-octavo"]
    for name in plugin:  # it has the runtime inside
        assert re.search(r"\./usr/lib/[\w-]+/gstreamer-1\.0/libgstoctavo\.so$", files[name], re.M)
        needed = done("dpkg-deb", "--field", packages[name], "Depends")
        assert "libgstreamer1.0-0" in needed and "liboctavo" not in needed
    for name, listing in files.items():
        assert f"./usr/share/doc/{name}/copyright" in listing and f"doc/{name}/changelog.gz" in listing
        assert not re.search(r"\./(?!usr)[a-z]", listing), listing
    depends = {name: done("dpkg-deb", "--field", path, "Depends") for name, path in packages.items()}
    assert "libjpeg62-turbo" in depends["liboctavo-runtime0"] and "libdnnl2" in depends["octavo-modules"]
    assert "octavo-modules (= 0.1.0)" in depends["octavo"] and "octavo-modules (= 0.1.0)" in depends["liboctavo0"]
    assert "libdnnl2" not in depends["octavo"] and "libdnnl2" not in depends["liboctavo0"]
    assert depends["liboctavo-dev"].strip() == "liboctavo-runtime0 (= 0.1.0), liboctavo0 (= 0.1.0)"
    assert depends["python3-octavo"].strip() == ("python3 (>= 3.10), python3-numpy, "
                                                 "liboctavo-runtime0 (= 0.1.0)")
    assert done("dpkg-deb", "--field", packages["python3-octavo"], "Architecture").strip() == "all"
    assert "py3clean" in done("dpkg-deb", "--info", packages["python3-octavo"], "prerm")
    for name, library in [("liboctavo-runtime0", "liboctavo_runtime"), ("liboctavo0", "liboctavo")]:
        assert done("dpkg-deb", "--info", packages[name], "shlibs") == f"{library} 0 {name} (= 0.1.0)\n"
    for name, path in packages.items():
        description = done("dpkg-deb", "--field", path, "Description").splitlines()
        assert len(description) > 1 and all(re.match(r" \S", line) for line in description[1:]), description
    # CPack asks for ldconfig by a trigger, before 4.0 (Debian 12 has 3.25) by scripts.
    control = tmp_path / "control"
    done("dpkg-deb", "--control", packages["liboctavo-runtime0"], control)
    called_in = {path.name for path in control.iterdir() if "ldconfig" in path.read_text()}
    assert called_in in ({"triggers"}, {"postinst", "postrm"})


def test_another_project_can_contain_the_sources(small, tmp_path):
    """FetchContent and add_subdirectory: the runtime alone, without tests and install rules. Compiled
    by bench/long-tests; here the build says what it would compile."""
    (tmp_path / "CMakeLists.txt").write_text(f"""
cmake_minimum_required(VERSION 3.25)
project(device LANGUAGES C CXX)
include(FetchContent)
FetchContent_Declare(octavo SOURCE_DIR {ROOT})
FetchContent_MakeAvailable(octavo)
add_executable(device {ROOT}/examples/classify.c)
target_link_libraries(device PRIVATE octavo::runtime)
""")
    done("cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build", "-DCMAKE_BUILD_TYPE=Release")
    plan = done("ninja", "-C", tmp_path / "build", "-n", "-v", "all")
    assert "liboctavo_runtime.so" in plan
    for part in ["source/command/", "source/quantize/", "tests/", "gtest"]:
        assert part not in plan, part
    if "OCTAVO_LONG_TESTS" in os.environ:
        done("ninja", "-C", tmp_path / "build", "device")
        assert done(tmp_path / "build/device", small.plan, *small.pictures) == small.said
