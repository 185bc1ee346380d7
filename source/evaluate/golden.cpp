#include "evaluate/golden.h"

#include "runtime/program.h"

namespace octavo {

Result<GoldenRun> run_golden(const Plan& plan, std::span<const uint64_t> seeds,
                             const GoldenPath& path) {
  auto program = Program::prepare(plan, path.isa, path.most_memory);
  if (!program) return program.error();
  auto session = Session::create(*program, path.threads);
  if (!session) return session.error();
  std::vector<float> logits(static_cast<size_t>(plan.tensors[plan.output].shape[3]));
  GoldenRun out{(*program)->isa(), {}};
  for (const uint64_t seed : seeds) {
    if (const Status ran = (*session)->run(golden_input(plan, seed), logits); !ran) {
      return ran.error();
    }
    out.digests.push_back(logits_digest(logits));
  }
  return out;
}

}  // namespace octavo
