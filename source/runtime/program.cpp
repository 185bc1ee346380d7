#include "runtime/program.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/text.h"
#include "kernels/table.h"
#include "runtime/prepared.h"
#include "runtime/proportion.h"

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

Result<std::shared_ptr<const Program>> prepare_selected(Plan plan, std::string isa,
                                                        size_t most_memory,
                                                        const DepthFirst& depth_first) {
  if (plan.tensors[plan.input].type == ElementType::f32) {
    return rejected("the plan's input is of floats; u8, u16 or i16 is expected");
  }
  if (const Status whole = kernels::check_tables(); !whole) return whole.error();
  auto impl = std::make_unique<Program::Impl>(most_memory);
  impl->features = find_isa(isa).value_or(0);
  impl->isa = std::move(isa);
  impl->plan = std::move(plan);
  impl->charge.add(runtime::content_bytes(impl->plan));
  impl->charge.add(impl->plan.tensors.size() * sizeof(runtime::TensorLayout));
  std::vector<runtime::Chain> chains = runtime::find_chains(impl->plan, depth_first);
  if (!chains.empty()) {
    impl->charge.add(impl->plan.tensors.size() * sizeof(runtime::TensorLayout));
    impl->whole_layout = runtime::plan_layout(impl->plan);
  }
  impl->layout = runtime::plan_layout(impl->plan, std::move(chains));
  // A session's arena and scratch are asked for here as well: what cannot be run is not prepared.
  const size_t most = runtime::proportionate_bytes(impl->plan);
  runtime::Charge session(impl->memory, most);
  session.add(impl->layout.arena_bytes);
  impl->charge.bound(most - session.bytes());
  runtime::prepare_steps(*impl);
  session.bound(most - impl->charge.bytes());
  session.add(impl->scratch_bytes + impl->layout.ring_bytes);
  impl->proportionate_bytes = most;
  return std::shared_ptr<const Program>(std::make_shared<Program>(std::move(impl)));
}

}  // namespace

Result<std::shared_ptr<const Program>> Program::prepare(Plan plan, const std::string& isa,
                                                        size_t most_memory,
                                                        const DepthFirst& depth_first) {
  Result<std::string> selected = select_isa(isa);
  if (!selected) return selected.error();
  if (most_memory == 0) most_memory = runtime::free_memory_bytes();
  return runtime::within_memory("the plan", [&] {
    return prepare_selected(std::move(plan), *std::move(selected), most_memory, depth_first);
  });
}

const runtime::Layout& Program::Impl::layout_for(int threads) const {
  const auto pays = [&](const runtime::Chain& chain) {
    return runtime::can_be_shared(plan, chain, threads);
  };
  const bool all_pay = std::all_of(layout.chains.begin(), layout.chains.end(), pays);
  return all_pay ? layout : whole_layout;
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
  if (std::holds_alternative<runtime::PreparedLookup>(prepared)) return "lookup";
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
