# Well-kept libraries for all that Octavo does not exist for. The runtime needs only
# headers (FlatBuffers, xxHash) and, with codecs, libjpeg-turbo, libspng and libwebp.

find_package(Threads REQUIRED)

# Header-only libraries are copied into the build tree one by one, so that a cross
# build sees them without seeing the host's /usr/include.
set(OCTAVO_HEADERS ${CMAKE_BINARY_DIR}/headers)
function(octavo_copy_header name)
  find_path(OCTAVO_${name}_DIR ${name} PATHS /usr/include NO_CMAKE_FIND_ROOT_PATH REQUIRED)
  if(IS_DIRECTORY ${OCTAVO_${name}_DIR}/${name})
    file(COPY ${OCTAVO_${name}_DIR}/${name} DESTINATION ${OCTAVO_HEADERS})
  else()
    file(COPY ${OCTAVO_${name}_DIR}/${name} DESTINATION ${OCTAVO_HEADERS})
  endif()
endfunction()
octavo_copy_header(flatbuffers)
octavo_copy_header(xxhash.h)

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

# The program's: parsing, printing.
octavo_copy_header(CLI)
octavo_copy_header(nlohmann)
octavo_copy_header(fmt)
