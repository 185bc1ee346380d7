// The table as one page: no request leaves it; without its script it is a plain table.
#pragma once

#include <string>
#include <string_view>

#include "zoo/sheet.h"

namespace octavo::zoo {

std::string page(const Sheet& sheet);

// An SVG of Top-1 over latency, of the lines evaluated on the commonest data set, or, where no line
// has a Top-1, of multiply-accumulates over latency; "" when not even that was measured. A mark a
// line, in a group with data-line.
struct Picture {
  std::string title, svg;
};
Picture picture(const Sheet& sheet);

}  // namespace octavo::zoo
