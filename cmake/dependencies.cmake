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

if(NOT OCTAVO_RUNTIME_ONLY)
  # Not by its CMake package: that asks for OpenCL, which nothing here uses.
  find_path(OCTAVO_DNNL_DIR dnnl.hpp REQUIRED)
  find_library(OCTAVO_DNNL_LIBRARY dnnl REQUIRED)
  find_path(OCTAVO_PROTOZERO_DIR protozero/pbf_reader.hpp REQUIRED)
  find_package(OpenSSL REQUIRED COMPONENTS Crypto)
  find_package(LibArchive REQUIRED)
  find_package(yaml-cpp REQUIRED)
endif()

if(OCTAVO_ZOO)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)
  pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
endif()

# Parsing and printing.
if(OCTAVO_PROGRAM OR NOT OCTAVO_RUNTIME_ONLY)
  octavo_header(CLI CLI11 CLI11::CLI11)
  octavo_header(nlohmann nlohmann_json nlohmann_json::nlohmann_json)
  octavo_header(fmt fmt fmt::fmt)
endif()
