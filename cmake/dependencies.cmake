# Well-kept libraries for all that Octavo does not exist for. The runtime needs only
# headers (FlatBuffers, xxHash) and, with codecs, libjpeg-turbo, libspng and libwebp.

find_package(Threads REQUIRED)

# Header-only libraries are seen through a folder of links to where they are, one by one: a cross
# build then sees them without seeing the host's /usr/include. Where a library's CMake package is
# found (a package manager, CMAKE_PREFIX_PATH), it says where that is; else the usual folders do.
set(OCTAVO_HEADERS ${PROJECT_BINARY_DIR}/headers)
function(octavo_header name package target)
  find_package(${package} CONFIG QUIET)
  set(hints)
  if(TARGET ${target})
    get_target_property(hints ${target} INTERFACE_INCLUDE_DIRECTORIES)
  endif()
  find_path(OCTAVO_${name}_DIR ${name} HINTS ${hints} PATHS /usr/include NO_CMAKE_FIND_ROOT_PATH
            REQUIRED)
  file(MAKE_DIRECTORY ${OCTAVO_HEADERS})
  file(REMOVE_RECURSE ${OCTAVO_HEADERS}/${name})
  file(CREATE_LINK ${OCTAVO_${name}_DIR}/${name} ${OCTAVO_HEADERS}/${name} SYMBOLIC)
endfunction()
octavo_header(flatbuffers flatbuffers flatbuffers::flatbuffers)
octavo_header(xxhash.h xxHash xxHash::xxhash)

find_program(OCTAVO_FLATC flatc REQUIRED)

if(OCTAVO_CODECS)
  find_package(JPEG REQUIRED)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(SPNG REQUIRED IMPORTED_TARGET spng)
  pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
endif()

# What the program calls a little of and Debian has as an archive. The codecs' archives cannot go into a shared library
# (libjpeg's is not position-independent); libcurl's calls for forty more, some of which have none.
set(OCTAVO_SHARED_SUFFIXES ${CMAKE_FIND_LIBRARY_SUFFIXES})
if(OCTAVO_STATIC_LIBRARIES)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
endif()

if(NOT OCTAVO_RUNTIME_ONLY)
  # Not by its CMake package: that asks for OpenCL, which nothing here uses.
  find_path(OCTAVO_DNNL_DIR dnnl.hpp REQUIRED)
  find_library(OCTAVO_DNNL_LIBRARY dnnl REQUIRED)
  find_path(OCTAVO_PROTOZERO_DIR protozero/pbf_reader.hpp REQUIRED)
  # SHA-256 alone is a few kilobytes linked in; the shared library, 1.4 MiB of every process.
  set(OPENSSL_USE_STATIC_LIBS ON)
  find_package(OpenSSL QUIET COMPONENTS Crypto)
  if(NOT OPENSSL_FOUND)
    unset(OPENSSL_CRYPTO_LIBRARY CACHE)
    set(OPENSSL_USE_STATIC_LIBS OFF)
    find_package(OpenSSL REQUIRED COMPONENTS Crypto)
  endif()
  find_package(LibArchive REQUIRED)
  find_package(yaml-cpp REQUIRED)
  set(OCTAVO_YAML yaml-cpp)
  if(OCTAVO_STATIC_LIBRARIES)  # its CMake package knows of the shared one alone
    find_library(OCTAVO_YAML_ARCHIVE libyaml-cpp.a)
    if(OCTAVO_YAML_ARCHIVE)
      set(OCTAVO_YAML ${OCTAVO_YAML_ARCHIVE})
    endif()
  endif()
endif()

if(OCTAVO_ZOO)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)
  set(CMAKE_FIND_LIBRARY_SUFFIXES ${OCTAVO_SHARED_SUFFIXES})
  pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
endif()

# Parsing and printing.
if(OCTAVO_PROGRAM OR NOT OCTAVO_RUNTIME_ONLY)
  octavo_header(CLI CLI11 CLI11::CLI11)
  octavo_header(nlohmann nlohmann_json nlohmann_json::nlohmann_json)
  octavo_header(fmt fmt fmt::fmt)
endif()

# The element of GStreamer. AUTO does not look for it in a cross build, where pkg-config finds the
# host's, nor inside another project or a wheel.
set(OCTAVO_HAS_GSTREAMER OFF)
set(OCTAVO_GSTREAMER_MODULES gstreamer-base-1.0>=1.20 gstreamer-video-1.0>=1.20)
if(OCTAVO_GSTREAMER STREQUAL "AUTO")
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND AND NOT CMAKE_CROSSCOMPILING AND NOT SKBUILD AND NOT OCTAVO_INSIDE_ANOTHER)
    pkg_check_modules(GSTREAMER IMPORTED_TARGET QUIET ${OCTAVO_GSTREAMER_MODULES})
    set(OCTAVO_HAS_GSTREAMER ${GSTREAMER_FOUND})
  endif()
elseif(OCTAVO_GSTREAMER)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(GSTREAMER REQUIRED IMPORTED_TARGET ${OCTAVO_GSTREAMER_MODULES})
  set(OCTAVO_HAS_GSTREAMER ON)
endif()
