#include "command/arguments.h"

#include <CLI/CLI.hpp>

namespace octavo::command::CLI {

Option* Option::required() {
  option_->required();
  return this;
}

Option* Option::check(const Validator& validator) {
  option_->check(::CLI::Validator(validator.check, validator.description));
  return this;
}

Option* Option::group(const std::string& name) {
  option_->group(name);
  return this;
}

Option* Option::allow_extra_args(bool allow) {
  option_->allow_extra_args(allow);
  return this;
}

size_t Option::count() const {
  return option_->count();
}

App* App::add_subcommand(const std::string& name, const std::string& text) {
  return &subcommands_.emplace_back(app_->add_subcommand(name, text));
}

void App::require_subcommand(size_t least, size_t most) {
  app_->require_subcommand(least, most);
}

void App::callback(std::function<void()> function) {
  app_->callback(std::move(function));
}

Option* App::keep(::CLI::Option* option) {
  return &options_.emplace_back(option);
}

Option* App::add_flag(const std::string& name, bool& value, const std::string& text) {
  return keep(app_->add_flag(name, value, text));
}

Option* App::add_option(const std::string& name, std::string& value, const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

Option* App::add_option(const std::string& name, std::vector<std::string>& value,
                        const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

Option* App::add_option(const std::string& name, int& value, const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

Option* App::add_option(const std::string& name, int64_t& value, const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

Option* App::add_option(const std::string& name, uint64_t& value, const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

Option* App::add_option(const std::string& name, double& value, const std::string& text) {
  return keep(app_->add_option(name, value, text));
}

void App::remove_option(const std::string& name) {
  app_->remove_option(app_->get_option(name));
}

size_t App::count(const std::string& name) const {
  return app_->get_option(name)->count();
}

}  // namespace octavo::command::CLI
