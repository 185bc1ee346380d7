#include "runtime/program.h"

#include <cstdlib>
#include <new>

#include "base/text.h"
#include "runtime/prepared.h"

namespace octavo {

namespace {

std::string names_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// The ISA asked for by the caller, the environment, or nobody.
Result<std::string> select_isa(const std::string& asked) {
  const char* environment = std::getenv("OCTAVO_ISA");
  const std::string name = !asked.empty() ? asked : environment != nullptr ? environment : "";
  if (name.empty()) return best_isa_name(machine_features());
  const std::optional<FeatureSet> features = find_isa(name);
  if (!features) {
    std::vector<std::string> known;
    for (const IsaName& isa : isa_names()) known.emplace_back(isa.name);
    const std::string near = nearest_name(name, known);
    return usage_error(concat("there is no ISA ", quoted(name),
                              near.empty() ? "." : concat("; did you mean ", near, "?"),
                              " This machine runs ", names_text(runnable_isas())));
  }
  if ((*features & ~machine_features()) != 0) {
    return unsupported(concat("this machine cannot run the ISA ", name, "; it runs ",
                              names_text(runnable_isas())));
  }
  return name;
}

Status check_memory(const Program::Impl& impl) {
  const size_t memory = runtime::machine_memory_bytes();
  const double needed =
      static_cast<double>(impl.layout.arena_bytes) + runtime::constant_bytes_estimate(impl);
  if (needed <= static_cast<double>(memory)) return {};
  return unsupported(
      concat("the plan needs more memory than the ", memory >> 20, " MiB of this machine"));
}

Result<std::shared_ptr<const Program>> prepare_selected(Plan plan, std::string isa) {
  if (plan.tensors[plan.input].type == ElementType::f32) {
    return rejected("the plan's input is of floats; u8 or i16 is expected");
  }
  auto impl = std::make_unique<Program::Impl>();
  impl->features = find_isa(isa).value_or(0);
  impl->isa = std::move(isa);
  impl->plan = std::move(plan);
  impl->layout = runtime::plan_layout(impl->plan);
  if (const Status fits = check_memory(*impl); !fits) return fits.error();
  runtime::prepare_steps(*impl);
  return std::shared_ptr<const Program>(std::make_shared<Program>(std::move(impl)));
}

}  // namespace

Result<std::shared_ptr<const Program>> Program::prepare(Plan plan, const std::string& isa) {
  Result<std::string> selected = select_isa(isa);
  if (!selected) return selected.error();
  try {
    return prepare_selected(std::move(plan), *std::move(selected));
  } catch (const std::bad_alloc&) {
    return unsupported("this machine has not enough memory for the plan");
  }
}

Program::Program(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Program::~Program() = default;

const Plan& Program::plan() const {
  return impl_->plan;
}
const std::string& Program::isa() const {
  return impl_->isa;
}
size_t Program::arena_bytes() const {
  return impl_->layout.arena_bytes;
}
size_t Program::weight_bytes() const {
  return impl_->constants.bytes();
}

const char* Program::kernel_name(size_t step) const {
  const runtime::PreparedStep& prepared = impl_->steps[step];
  if (const auto* made = std::get_if<runtime::PreparedConvolution>(&prepared)) {
    return made->kernel->name;
  }
  if (const auto* made = std::get_if<runtime::PreparedPool>(&prepared)) return made->kernel->name;
  if (const auto* made = std::get_if<runtime::PreparedElementwise>(&prepared)) {
    return made->kernel->name;
  }
  if (const auto* made = std::get_if<runtime::PreparedNormalize>(&prepared)) {
    return made->kernel->name;
  }
  if (const auto* made = std::get_if<runtime::PreparedMatMul>(&prepared)) return made->kernel->name;
  if (const auto* made = std::get_if<runtime::PreparedResize>(&prepared)) return made->kernel->name;
  if (std::holds_alternative<runtime::PreparedPermute>(prepared)) return "permute";
  if (std::holds_alternative<runtime::PreparedConstant>(prepared)) return "constant";
  switch (std::get<runtime::PreparedMove>(prepared).kind) {
    case runtime::PreparedMove::Kind::gather:
      return "gather";
    case runtime::PreparedMove::Kind::concat:
      return "concat";
    case runtime::PreparedMove::Kind::reshape:
      return "reshape";
  }
  return "";
}

}  // namespace octavo
