// The subcommands of `octavo zoo`, each in a file of its own; zoo.cpp holds those that only read
// the table of models.
#pragma once

#include "command/command.h"

namespace octavo::command {

void add_zoo_pull(CLI::App& zoo, Action& action);
void add_zoo_build(CLI::App& zoo, Action& action);
void add_zoo_table(CLI::App& zoo, Action& action);

// What --index and --mirror leave open, from OCTAVO_ZOO_INDEX and OCTAVO_ZOO_MIRRORS; a mirror that
// is no URL is a usage Error.
Status complete_index(std::string& index, std::vector<std::string>& mirrors);

}  // namespace octavo::command
