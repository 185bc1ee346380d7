# What quickstart and run-tests share: Debian packages, the Python environment, the
# release build. Sourced from the repository's root.

build_packages=(g++ cmake ninja-build pkg-config ccache libdnnl-dev libprotozero-dev
  libflatbuffers-dev flatbuffers-compiler libxxhash-dev libjpeg62-turbo-dev libspng-dev
  libwebp-dev libcli11-dev libfmt-dev nlohmann-json3-dev libssl-dev libarchive-dev
  libyaml-cpp-dev libcurl4-openssl-dev libtomlplusplus-dev python3 python3-venv)
test_packages=(googletest clang lld libclang-rt-14-dev g++-aarch64-linux-gnu qemu-user
  chromium)

say() { printf '\n== %s\n' "$*"; }

# Installs what is missing; does nothing, and needs no rights, where nothing is.
install_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing Debian packages: ${missing[*]}"
  local root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  "${root[@]}" apt-get update -q >/dev/null
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
    "${missing[@]}" >/dev/null
}

# python_environment FILE: .venv holds the packages of a requirements file.
python_environment() {
  local wanted=$1 stamp=.venv/.installed-$(basename "$1")
  [ -x .venv/bin/python ] || python3 -m venv .venv
  if ! cmp -s "$wanted" "$stamp"; then
    say "installing Python packages of $wanted"
    .venv/bin/pip install -q --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$stamp"
  fi
}

# build PRESET TARGET...: configures once, then builds; shows the log only where it failed.
build() {
  local preset=$1 log
  shift
  mkdir -p build
  log=build/$preset.log
  if { [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"; } >"$log" 2>&1 &&
    ninja -C "build/$preset" "$@" >>"$log" 2>&1; then
    tail -n 1 "$log"
  else
    tail -n 60 "$log"
    return 1
  fi
}
