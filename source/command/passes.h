// The passes of the quantizer as a summary shows them.
#pragma once

#include <string>
#include <vector>

#include "command/print.h"
#include "quantize/quantize.h"

namespace octavo::command {

// What the quantizer did, by pass; of one that ran again, with more 16 bits, what it did last.
class PassLog {
 public:
  void add(const PassRun& run);
  std::string table() const;
  Json json() const;

 private:
  struct Row {
    PassRun last;
    int runs = 0;
    double milliseconds = 0;
  };
  std::vector<Row> rows_;
};

}  // namespace octavo::command
