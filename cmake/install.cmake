# What `cmake --install` puts where, and the Debian packages that `cpack` makes of it:
#   runtime      the shared library                                  liboctavo-runtime0
#   build        the shared library that builds plans                liboctavo0
#   modules      what it and the program load: float engine, archives  octavo-modules
#   development  headers, archive, CMake package, pkg-config         liboctavo-dev
#   program      octavo, its network module, manual page, completions  octavo
#   gstreamer    the element octavoclassify, where it is built       gstreamer1.0-octavo
#   python3      python/octavo, over the libraries and the program   python3-octavo
#   python       what the wheel holds beside python/octavo           (where that is built)
include(CMakePackageConfigHelpers)

# Debian has manual pages and changelogs compressed.
find_program(OCTAVO_GZIP gzip REQUIRED)

install(TARGETS octavo_runtime_shared EXPORT octavo-runtime
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
        NAMELINK_COMPONENT development)
install(TARGETS octavo_runtime EXPORT octavo-runtime_static
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
set(OCTAVO_INSTALLED runtime runtime_static)  # components of find_package(octavo)
set(OCTAVO_UNBUILT PATTERN build.h EXCLUDE)    # headers of what is not there
if(TARGET octavo_build_shared)
  install(TARGETS octavo_build_shared EXPORT octavo-build
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT build
          NAMELINK_COMPONENT development)
  list(APPEND OCTAVO_INSTALLED build)
  set(OCTAVO_UNBUILT)
endif()
install(DIRECTORY include/octavo DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        ${OCTAVO_UNBUILT})

set(OCTAVO_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/octavo)
foreach(component IN LISTS OCTAVO_INSTALLED)
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
set(OCTAVO_PC_FILES octavo-runtime)
if(TARGET octavo_build_shared)
  list(APPEND OCTAVO_PC_FILES octavo-build)
endif()
foreach(name IN LISTS OCTAVO_PC_FILES)
  configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endforeach()

set(OCTAVO_MODULES)
if(NOT OCTAVO_RUNTIME_ONLY)
  set(OCTAVO_MODULES octavo_float octavo_archive)
  install(TARGETS ${OCTAVO_MODULES} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/octavo
          COMPONENT modules)
  if(OCTAVO_ZOO)
    list(APPEND OCTAVO_MODULES octavo_network)
  endif()
endif()
if(OCTAVO_PROGRAM)
  install(TARGETS octavo_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  if(OCTAVO_ZOO)
    install(TARGETS octavo_network LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/octavo
            COMPONENT program)
  endif()
  # What the program says of itself: the manual page, and what shells complete words from. A cross build may have nothing
  # that runs it.
  if(NOT CMAKE_CROSSCOMPILING)
    foreach(page man:octavo.1:${CMAKE_INSTALL_MANDIR}/man1
                 bash:octavo:${CMAKE_INSTALL_DATADIR}/bash-completion/completions
                 zsh:_octavo:${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions
                 fish:octavo.fish:${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
      string(REPLACE ":" ";" page ${page})
      list(GET page 0 format)
      list(GET page 1 name)
      list(GET page 2 folder)
      set(file ${PROJECT_BINARY_DIR}/pages/${format}/${name})
      file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/pages/${format})
      set(compress)
      set(made ${file})
      if(format STREQUAL man)
        set(compress COMMAND ${OCTAVO_GZIP} -9nkf ${file})
        set(made ${file}.gz)
      endif()
      add_custom_command(OUTPUT ${made} COMMAND octavo_program help --format ${format} > ${file}
                         ${compress} DEPENDS octavo_program VERBATIM)
      list(APPEND OCTAVO_PAGES ${made})
      install(FILES ${made} DESTINATION ${folder} COMPONENT program)
    endforeach()
    add_custom_target(octavo_pages ALL DEPENDS ${OCTAVO_PAGES})
  endif()
endif()

# The Python package over what is installed: of the Debian package, not of `cmake --install` for everybody, whose
# prefix no Python looks into.
set(OCTAVO_DIST_PACKAGES lib/python3/dist-packages)
install(DIRECTORY python/octavo DESTINATION ${OCTAVO_DIST_PACKAGES} COMPONENT python3 EXCLUDE_FROM_ALL
        PATTERN __pycache__ EXCLUDE)
configure_file(cmake/python-metadata.in python3/METADATA @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/python3/METADATA COMPONENT python3 EXCLUDE_FROM_ALL
        DESTINATION ${OCTAVO_DIST_PACKAGES}/octavo-${PROJECT_VERSION}.dist-info)

# The wheel's part; SKBUILD is set by what builds it.
if(SKBUILD)
  include(cmake/wheel.cmake)
endif()

# cpack -G DEB: one package a component. `apt install ./octavo_*.deb` finds what they depend on.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME octavo)
set(CPACK_PACKAGE_CONTACT "Octavo's maintainers <maintainers@octavo.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime development)
if(TARGET octavo_build_shared)
  list(APPEND CPACK_COMPONENTS_ALL build modules)
endif()
if(OCTAVO_PROGRAM)
  list(APPEND CPACK_COMPONENTS_ALL program python3)
endif()
if(OCTAVO_HAS_GSTREAMER)
  list(APPEND CPACK_COMPONENTS_ALL gstreamer)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME liboctavo-runtime${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/debian/runtime/shlibs)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "Quantized image classifiers on CPUs: shared library
Runs plans of Octavo on camera frames, pictures and tensors, with the same
bits on every CPU.")
set(CPACK_DEBIAN_BUILD_PACKAGE_NAME liboctavo${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_BUILD_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_BUILD_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/debian/build/shlibs)
set(CPACK_DEBIAN_BUILD_PACKAGE_DEPENDS "octavo-modules (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_BUILD_DESCRIPTION "Quantized image classifiers on CPUs: library that builds plans
Calibrates and quantizes float ONNX classifiers to plans from other programs,
as the program octavo does.")
set(CPACK_DEBIAN_MODULES_PACKAGE_NAME octavo-modules)
set(CPACK_DEBIAN_MODULES_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_MODULES_DESCRIPTION "Quantized image classifiers on CPUs: modules
The float engine and the reader of archives, which octavo and liboctavo load.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME liboctavo-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "liboctavo-runtime${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION})")
if(TARGET octavo_build_shared)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
         ", liboctavo${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION})")
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_DEPENDS "octavo-modules (= ${PROJECT_VERSION})")
endif()
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "libjpeg-dev, libspng-dev, libwebp-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Quantized image classifiers on CPUs: headers
C and C++ headers, static library, and package files for CMake and pkg-config.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME octavo)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "Folds image classifiers into eight bits and runs them
The program octavo: quantizes float ONNX classifiers to plans, classifies
pictures and camera frames, measures accuracy and latency.")
set(CPACK_DEBIAN_PYTHON3_PACKAGE_NAME python3-octavo)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_DEPENDS "python3 (>= 3.10), python3-numpy, \
liboctavo-runtime${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_PYTHON3_PACKAGE_RECOMMENDS "octavo (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_PYTHON3_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/cmake/debian/postinst
                                               ${PROJECT_SOURCE_DIR}/cmake/debian/prerm)
set(CPACK_COMPONENT_PYTHON3_DESCRIPTION "Quantized image classifiers on CPUs: Python
The package octavo: classifies pictures, frames and tensors by plans, and runs
the program's commands.")
set(CPACK_DEBIAN_GSTREAMER_PACKAGE_NAME gstreamer1.0-octavo)
set(CPACK_DEBIAN_GSTREAMER_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_GSTREAMER_DESCRIPTION "Quantized image classifiers on CPUs: GStreamer element
The element octavoclassify names what video frames show, by plans of Octavo.")
# Which package a program that is linked to a library depends on. CPack writes it for all packages or for none.
file(WRITE ${PROJECT_BINARY_DIR}/debian/runtime/shlibs
     "liboctavo_runtime ${PROJECT_VERSION_MAJOR} ${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME} (= ${PROJECT_VERSION})\n")
file(WRITE ${PROJECT_BINARY_DIR}/debian/build/shlibs
     "liboctavo ${PROJECT_VERSION_MAJOR} ${CPACK_DEBIAN_BUILD_PACKAGE_NAME} (= ${PROJECT_VERSION})\n")
configure_file(cmake/debian/changelog.in debian/changelog @ONLY)
execute_process(COMMAND ${OCTAVO_GZIP} -9nkf ${PROJECT_BINARY_DIR}/debian/changelog
                COMMAND_ERROR_IS_FATAL ANY)
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(except)
  if(component STREQUAL python3)
    set(except EXCLUDE_FROM_ALL)
  endif()
  install(FILES cmake/debian/copyright ${PROJECT_BINARY_DIR}/debian/changelog.gz
          COMPONENT ${component} ${except}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
endforeach()
include(CPack)
