# What a wheel holds beside python/octavo: the runtime's shared library, the program with its modules
# beside it, and the licences of what is compiled or linked in or put beside by auditwheel, which are the texts
# that Debian keeps.
install(PROGRAMS $<TARGET_FILE:octavo_runtime_shared>
        RENAME liboctavo_runtime.so.${PROJECT_VERSION_MAJOR}
        DESTINATION octavo/lib COMPONENT python)
set(licences flatbuffers=libflatbuffers xxhash=libxxhash)
if(OCTAVO_CODECS)
  list(APPEND licences libjpeg-turbo=libjpeg62-turbo libspng=libspng libwebp=libwebp zlib=zlib1g)
endif()
if(OCTAVO_PROGRAM)
  install(PROGRAMS $<TARGET_FILE:octavo_program> DESTINATION octavo/bin COMPONENT python)
  foreach(module IN LISTS OCTAVO_MODULES)
    install(PROGRAMS $<TARGET_FILE:${module}> DESTINATION octavo/bin COMPONENT python)
  endforeach()
  list(APPEND licences cli11=libcli11 fmt=libfmt nlohmann-json=nlohmann-json3)
endif()
if(NOT OCTAVO_RUNTIME_ONLY)
  list(APPEND licences openssl=libssl yaml-cpp=libyaml-cpp protozero=libprotozero libarchive=libarchive
       onednn=libdnnl libgomp=libgomp opencl-loader=ocl-icd-libopencl1)
  install(FILES /usr/share/common-licenses/GPL-3 RENAME libgomp-GPL-3.txt
          DESTINATION octavo/licences COMPONENT python)
endif()
if(OCTAVO_ZOO)
  list(APPEND licences tomlplusplus=libtomlplusplus)
endif()
foreach(licence IN LISTS licences)
  string(REPLACE "=" ";" licence ${licence})
  list(GET licence 0 name)
  list(GET licence 1 package)
  file(GLOB texts /usr/share/doc/${package}*/copyright)
  if(NOT texts)
    message(FATAL_ERROR "The wheel needs the licence of ${name}: no /usr/share/doc/${package}*/copyright")
  endif()
  list(GET texts 0 text)
  file(REAL_PATH ${text} text)
  install(FILES ${text} RENAME ${name}.txt DESTINATION octavo/licences COMPONENT python)
endforeach()
