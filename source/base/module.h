// Parts of Octavo that bring large libraries, loaded when they are used for the first time.
#pragma once

#include <string>

#include "base/result.h"

namespace octavo {

struct Module {
  const char* what;      // for messages: "the float engine"
  const char* file;      // "liboctavo_float.so"
  const char* symbol;    // of its entry, a struct that begins with `const char* version`
  const char* variable;  // of the environment, which may name the file
  const char* package;   // of Debian, with the library that the module brings
};

// The entry of the module beside the program or shared library that this code is a part of (a build
// tree), where an installation puts it, or where the variable says. It must be of this version.
// Never unloaded: libraries keep threads and thread-local state. To be called once; a second call
// finds the same entry.
Result<const void*> load_module(const Module& module);

}  // namespace octavo
