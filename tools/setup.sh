# What quickstart and run-tests share: Debian packages, the Python environment, the
# release build. Sourced from the repository's root.

# What each needs on its own. Building is building without tests (-DOCTAVO_TESTS=OFF); the
# demonstration makes its model and pictures in Python; tests need both besides their own.
build_packages=(g++ cmake ninja-build pkg-config ccache libdnnl-dev libprotozero-dev
  libflatbuffers-dev flatbuffers-compiler libxxhash-dev libjpeg-dev libspng-dev
  libwebp-dev libcli11-dev libfmt-dev nlohmann-json3-dev libssl-dev libarchive-dev
  libyaml-cpp-dev libcurl4-openssl-dev libtomlplusplus-dev)
demo_packages=(python3 python3-venv)
test_packages=(python3 python3-venv googletest clang lld libclang-rt-14-dev g++-aarch64-linux-gnu
  qemu-user chromium dpkg-dev abigail-tools file libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  gstreamer1.0-plugins-base gstreamer1.0-tools gstreamer1.0-x)

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
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "this needs root, and there is no sudo: install them as root, then run this again" >&2
      return 1
    }
    root=(sudo)
  fi
  "${root[@]}" apt-get update -q >/dev/null
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
    "${missing[@]}" >/dev/null
}

# unpack_for_arm NAME APT_WORD... PACKAGE...: build/NAME holds files of Debian's arm64 packages; this system's lists and packages
# stay as they are. The words are `download`, for the packages alone, or `install`, for all that they depend on as well.
unpack_for_arm() {
  local root=$PWD/build/$1 apt=$PWD/build/apt-$1 words=("${@:2}")
  [ "$(cat "$root/.unpacked" 2>/dev/null)" = "${words[*]}" ] && return
  rm -rf "$root" "$apt"
  mkdir -p "$root" "$apt"/{lists/partial,archives/partial,packages}
  local options=(-q -y --no-install-recommends --download-only -o "Dir::State=$apt" -o "Dir::Cache=$apt"
    -o Dir::State::status=/dev/null -o APT::Architecture=arm64 -o APT::Architectures=arm64
    -o "APT::Sandbox::User=$(id -un)")
  apt-get "${options[@]}" update >/dev/null
  (cd "$apt/packages" && apt-get "${options[@]}" "${words[@]}" >/dev/null)
  local package
  while read -r package; do dpkg -x "$package" "$root"; done < <(find "$apt" -name '*.deb')
  echo "${words[*]}" >"$root/.unpacked"
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

# build PRESET [-DOPTION=VALUE...] [TARGET...]: configures and builds; shows the log only where
# that failed.
build() {
  local preset=$1 log options=()
  shift
  while [[ ${1:-} == -D* ]]; do
    options+=("$1")
    shift
  done
  mkdir -p build
  log=build/$preset.log
  if cmake --preset "$preset" "${options[@]}" >"$log" 2>&1 &&
    ninja -C "build/$preset" "$@" >>"$log" 2>&1; then
    tail -n 1 "$log"
  else
    tail -n 60 "$log"
    return 1
  fi
}
