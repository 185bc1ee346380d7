#include "quantize/network.h"

#include <cmath>

#include "base/text.h"
#include "quantize/prepare.h"
#include "quantize/roundings.h"

namespace octavo {

namespace {

Status check_preprocess(const Graph& graph, const Preprocess* how) {
  if (how == nullptr) return {};
  const Shape& input = graph.tensors[graph.input].shape;
  const Shape expected{1, how->height, how->width, how->channels()};
  if (input != expected) {
    return rejected(concat("the network takes ", list_text(input),
                           " where the preprocessing gives ", list_text(expected)));
  }
  for (int c = 0; c < how->channels(); ++c) {
    const float mean = how->mean[static_cast<size_t>(c)],
                deviation = how->std[static_cast<size_t>(c)];
    if (!std::isfinite(mean) || !std::isfinite(deviation) || std::fabs(deviation) < 1e-6f) {
      return rejected(
          concat("mean ", mean, " and std ", deviation, " cannot preprocess a picture"));
    }
  }
  return {};
}

}  // namespace

Result<StepNetwork> cut_into_steps(const Graph& original, const Preprocess* how,
                                   const QuantizeOptions& options) {
  if (const Status good = check_preprocess(original, how); !good) return good.error();
  StepNetwork out;
  out.graph = original;
  out.graph.normalization =
      how == nullptr ? std::nullopt : std::optional(Normalization{how->mean, how->std});
  auto prepared = prepare_for_steps(std::move(out.graph), options.disabled, options.ran);
  if (!prepared) return prepared.error();
  out.graph = *std::move(prepared);
  auto formed = form_steps(out.graph);
  if (!formed) return formed.error();
  out.formed = std::move(*formed);
  out.flow = trace_channels(out.graph, out.formed);
  if (const Status status = check_ties(out.graph, out.formed, out.flow); !status) {
    return status.error();
  }
  auto types = stored_types(out.graph, out.formed, options.int16_nodes);
  if (!types) return types.error();
  out.types = std::move(*types);
  out.mapping = input_mapping(out.graph, how);
  return out;
}

}  // namespace octavo
