# What `cmake --install` puts where, and the Debian packages that `cpack` makes of it:
#   runtime      the shared library                                  liboctavo-runtime0
#   development  headers, archive, CMake package, pkg-config         liboctavo-dev
#   program      octavo and its modules                              octavo
#   python       what the wheel holds beside python/octavo           (where that is built)
include(CMakePackageConfigHelpers)

install(TARGETS octavo_runtime_shared EXPORT octavo-runtime
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
        NAMELINK_COMPONENT development)
install(TARGETS octavo_runtime EXPORT octavo-runtime_static
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(DIRECTORY include/octavo DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)

set(OCTAVO_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/octavo)
foreach(component runtime runtime_static)
  install(EXPORT octavo-${component} FILE octavo-${component}-targets.cmake NAMESPACE octavo::
          DESTINATION ${OCTAVO_CMAKE_DIR} COMPONENT development)
endforeach()
configure_package_config_file(cmake/octavo-config.cmake.in octavo-config.cmake
                              INSTALL_DESTINATION ${OCTAVO_CMAKE_DIR})
write_basic_package_version_file(octavo-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/octavo-config.cmake
              ${PROJECT_BINARY_DIR}/octavo-config-version.cmake
        DESTINATION ${OCTAVO_CMAKE_DIR} COMPONENT development)

# Paths are relative to the file, so that a tree can be moved (--prefix, a package's staging).
# The codecs are named as libraries, not as Requires.private, which pkg-config wants to find even where
# nothing is linked statically.
set(OCTAVO_PC_CODECS)
if(OCTAVO_CODECS)
  set(OCTAVO_PC_CODECS "-ljpeg -lspng -lwebp")
endif()
set(OCTAVO_PC_FOLDER ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH OCTAVO_PC_LIBDIR ${OCTAVO_PC_FOLDER} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH OCTAVO_PC_INCLUDEDIR ${OCTAVO_PC_FOLDER} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/octavo-runtime.pc.in octavo-runtime.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/octavo-runtime.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

if(OCTAVO_PROGRAM)
  install(TARGETS octavo_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  if(NOT OCTAVO_RUNTIME_ONLY)
    set(OCTAVO_MODULES octavo_float octavo_archive)
    if(OCTAVO_ZOO)
      list(APPEND OCTAVO_MODULES octavo_network)
    endif()
    install(TARGETS ${OCTAVO_MODULES} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/octavo
            COMPONENT program)
  endif()
endif()

# The wheel's part; SKBUILD is set by what builds it. Its licences are the texts that Debian keeps.
if(SKBUILD)
  install(PROGRAMS $<TARGET_FILE:octavo_runtime_shared>
          RENAME liboctavo_runtime.so.${PROJECT_VERSION_MAJOR}
          DESTINATION octavo/lib COMPONENT python)
  foreach(name libjpeg libspng libwebp libflatbuffers libxxhash)
    file(GLOB texts /usr/share/doc/${name}*/copyright)
    if(texts)
      list(GET texts 0 text)
      install(FILES ${text} RENAME ${name}.txt DESTINATION octavo/licences COMPONENT python)
    endif()
  endforeach()
  target_link_options(octavo_runtime_shared PRIVATE -s)
endif()

# cpack -G DEB: one package a component. `apt install ./octavo_*.deb` finds what they depend on.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME octavo)
set(CPACK_PACKAGE_CONTACT "Octavo's maintainers <maintainers@octavo.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime development)
if(OCTAVO_PROGRAM)
  list(APPEND CPACK_COMPONENTS_ALL program)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME liboctavo-runtime${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_GENERATE_SHLIBS ON)  # and with it the call of ldconfig
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "Quantized image classifiers on CPUs: shared library
 Runs plans of Octavo on camera frames, pictures and tensors, with the same
 bits on every CPU.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME liboctavo-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "liboctavo-runtime${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "libjpeg-dev, libspng-dev, libwebp-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Quantized image classifiers on CPUs: headers
 C and C++ headers, static library, and package files for CMake and pkg-config.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME octavo)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "Folds image classifiers into eight bits and runs them
 The program octavo: quantizes float ONNX classifiers to plans, classifies
 pictures and camera frames, measures accuracy and latency.")
foreach(component runtime development program)
  string(TOUPPER ${component} upper)
  install(FILES LICENSE RENAME copyright COMPONENT ${component}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
endforeach()
include(CPack)
