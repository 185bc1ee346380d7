# What `cmake --install` puts where, and the Debian packages that `cpack` makes of it:
#   runtime      the shared library                                  liboctavo-runtime0
#   development  headers, archive, CMake package, pkg-config         liboctavo-dev
#   program      octavo and the float engine's module                octavo
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

# Written at install time, because only then --prefix is known.
set(OCTAVO_PC_REQUIRES)
if(OCTAVO_CODECS)
  set(OCTAVO_PC_REQUIRES "libjpeg spng libwebp")
endif()
set(OCTAVO_PC_TO ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
foreach(name INCLUDEDIR LIBDIR)
  if(IS_ABSOLUTE ${CMAKE_INSTALL_${name}})
    set(OCTAVO_PC_${name} ${CMAKE_INSTALL_${name}})
  else()
    set(OCTAVO_PC_${name} "\${prefix}/${CMAKE_INSTALL_${name}}")
  endif()
endforeach()
install(CODE "
  set(PROJECT_VERSION \"${PROJECT_VERSION}\")
  set(OCTAVO_PC_REQUIRES \"${OCTAVO_PC_REQUIRES}\")
  set(OCTAVO_PC_INCLUDEDIR [[${OCTAVO_PC_INCLUDEDIR}]])
  set(OCTAVO_PC_LIBDIR [[${OCTAVO_PC_LIBDIR}]])
  get_filename_component(CMAKE_INSTALL_PREFIX \"\${CMAKE_INSTALL_PREFIX}\" ABSOLUTE)
  configure_file(\"${PROJECT_SOURCE_DIR}/cmake/octavo-runtime.pc.in\"
                 \"${PROJECT_BINARY_DIR}/octavo-runtime.pc\" @ONLY)
  file(INSTALL \"${PROJECT_BINARY_DIR}/octavo-runtime.pc\"
       DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${OCTAVO_PC_TO}\")"
  COMPONENT development)

if(OCTAVO_PROGRAM)
  install(TARGETS octavo_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  if(NOT OCTAVO_RUNTIME_ONLY)
    install(TARGETS octavo_float LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/octavo
            COMPONENT program)
  endif()
endif()
