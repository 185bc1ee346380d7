# octavo_unity(target FOLDER...): the files of each folder (seen from where this is called) that the
# target compiles are compiled several at a time, as one, so that headers are read and templates
# instantiated once for all of them. The compiler then sees the file-local names of one file in the
# next: files that declare the same name at namespace scope never come together, so nobody has to
# invent names because of this. (A new clash in a configured tree ends at the next `cmake --preset`,
# which looks again.)
#
# Kernels are never among these: their files have instruction sets of their own.
set(OCTAVO_UNITY_FILES 8 CACHE STRING "Most files that are compiled as one")

# The names that a file declares at namespace scope: clang-format leaves those, and nothing
# else, at the beginning of a line. Too many are no harm. What a `using` names comes with what it
# stands for, NAME=TYPE: two that say the same may meet.
function(octavo_declared_names file result)
  file(READ ${file} text)
  string(REGEX REPLACE "[;[]" "%" text "${text}")
  string(REPLACE "]" " " text "${text}")
  string(REGEX MATCHALL "\n[A-Za-z_][^\n]*" lines "${text}")
  set(names)
  foreach(line IN LISTS lines)
    if(line MATCHES "^\n(namespace|template|using namespace|static_assert|TEST|INSTANTIATE_TEST)")
      continue()
    elseif(line MATCHES "^\nusing ([A-Za-z0-9_:]+::)?([A-Za-z0-9_]+)( = )?(.*)%")
      list(APPEND names "${CMAKE_MATCH_2}=${CMAKE_MATCH_1}${CMAKE_MATCH_4}")
    elseif(line MATCHES "^\n(struct|class|enum class|enum) +([A-Za-z0-9_]+)")
      list(APPEND names ${CMAKE_MATCH_2})
    elseif(line MATCHES "^\n([^(={%]*[ *&>])?([A-Za-z0-9_]+) *[(={%]")
      list(APPEND names ${CMAKE_MATCH_2})
    endif()
    string(REGEX MATCHALL ", [A-Za-z0-9_]+ = " others "${line}")  # int a = 1, b = 2;
    list(TRANSFORM others REPLACE "[, =]" "")
    list(APPEND names ${others})
  endforeach()
  set(${result} ${names} PARENT_SCOPE)
endfunction()

function(octavo_unity target)
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # A local that is called as another file's function hides nothing that its own file knows, and a
  # class may hold what is local to its file, though gcc now takes that file for a header. Builds
  # file by file (develop, asan) keep both warnings.
  target_compile_options(${target} PRIVATE -Wno-shadow
    $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  foreach(room IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH room NORMALIZE OUTPUT_VARIABLE room_folder)
    set(groups 0)
    foreach(source IN LISTS sources)
      cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder} NORMALIZE)
      cmake_path(GET source PARENT_PATH parent)
      if(NOT parent STREQUAL room_folder OR NOT source MATCHES "\\.cpp$")
        continue()
      endif()
      octavo_declared_names(${source} names)
      set(group 0)
      while(group LESS groups)
        list(LENGTH members_${group} count)
        set(clash FALSE)
        foreach(name IN LISTS names)
          string(REGEX REPLACE "=.*" "" plain "${name}")
          if(plain IN_LIST plain_${group} AND NOT (name MATCHES "=" AND name IN_LIST names_${group}))
            set(clash TRUE)
            break()
          endif()
        endforeach()
        if(count LESS OCTAVO_UNITY_FILES AND NOT clash)
          break()
        endif()
        math(EXPR group "${group} + 1")
      endwhile()
      if(group EQUAL groups)
        math(EXPR groups "${groups} + 1")
        set(members_${group})
        set(names_${group})
        set(plain_${group})
      endif()
      list(APPEND members_${group} ${source})
      list(APPEND names_${group} ${names})
      list(TRANSFORM names REPLACE "=.*" "")
      list(APPEND plain_${group} ${names})
      cmake_path(GET room_folder FILENAME label)
      set_source_files_properties(${source} TARGET_DIRECTORY ${target}
                                  PROPERTIES UNITY_GROUP ${label}_${group})
    endforeach()
  endforeach()
endfunction()
