// Calls written out: a node that names one of the file's functions becomes that function's nodes,
// and the branches of an If become nodes beside it, so that the importer sees one flat graph.
#pragma once

#include "onnx/model.h"

namespace octavo::onnx {

// An If afterwards has no attributes and reads its condition, what its first branch gives, and
// what its second gives: which of the two counts is known when the condition is. An Error where
// functions call themselves, or become more nodes than a file may have.
Status inline_calls(ModelProto& model);

// Whether a node is an If.
bool is_branch(const NodeProto& node);

}  // namespace octavo::onnx
