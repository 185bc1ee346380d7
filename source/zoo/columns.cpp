#include "zoo/columns.h"

#include <charconv>

#include "base/fixed.h"
#include "base/text.h"

namespace octavo::zoo {

namespace {

template <class Number>
Value scaled(const std::optional<Number>& number, double unit = 1) {
  return number ? Value(static_cast<double>(*number) / unit) : Value();
}

Value text(const std::string& words) {
  return words.empty() ? Value() : Value(words);
}

// A member of one of the row's groups, empty where the group is.
template <auto group, auto member>
Value of(const Line& line) {
  const auto& found = line.row->*group;
  if (!found) return {};
  const auto& value = (*found).*member;
  if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>) {
    return static_cast<double>(value);
  } else {
    return value;
  }
}
template <double Reference::*figure>
Value board(const Line& line) {
  return line.model && line.model->reference ? Value((*line.model->reference).*figure) : Value();
}
template <std::string Model::*member>
Value model(const Line& line) {
  return line.model ? text(line.model->*member) : Value();
}
template <std::string Row::*member>
Value row(const Line& line) {
  return text(line.row->*member);
}
template <std::string RowHost::*member>
Value host(const Line& line) {
  return text(line.row->host.*member);
}

Value input(const Line& line) {
  const auto& size = line.row->input;
  return size ? Value(concat((*size)[0], "x", (*size)[1])) : Value();
}

constexpr std::string_view network = "Network", accuracy = "Accuracy", speed = "Speed",
                           size = "Size and build";

}  // namespace

const std::vector<Column>& columns() {
  using A = RowAccuracy;
  using L = RowLatency;
  using R = Reference;
  constexpr Origin zoo = Origin::zoo, stated = Origin::board;
  static const std::vector<Column> all = {
      // clang-format off
      {"model", network, "Model", "", 0, "", "the name in the board's table", row<&Row::name>},
      {"family", network, "Family", "", 0, "", "", model<&Model::family>, zoo},
      {"architecture", network, "Architecture", "", 0, "", "", model<&Model::architecture>, zoo},
      {"weights", network, "Weights", "", 0, "", "where the weights come from, as the file says", row<&Row::weights>},
      {"host", network, "Host", "", 0, "", "where it was measured", [](const Line& l) { return text(l.host); }},
      {"input", network, "Input", "pixels", 0, "input", "height and width", input},
      {"classes", network, "Categories", "", 0, "classes", "", [](const Line& l) { return scaled(l.row->classes); }},
      {"parameters_m", network, "Parameters", "M", 2, "parameters", "of the network as deployed", [](const Line& l) { return scaled(l.row->parameters, 1e6); }},
      {"gmacs", network, "MACs", "G", 2, "macs", "multiply-accumulates of one picture", [](const Line& l) { return scaled(l.row->macs, 1e9); }},
      {"board_parameters_m", network, "Parameters", "M", 2, "", "", board<&R::parameters_m>, stated},

      {"data", accuracy, "Pictures", "", 0, "accuracy", "the labelled pictures", of<&Row::accuracy, &A::data>},
      {"n", accuracy, "n", "", 0, "accuracy", "how many of them", of<&Row::accuracy, &A::n>},
      {"float_top1", accuracy, "Float Top-1", "%", 2, "accuracy", "", of<&Row::accuracy, &A::float_top1>},
      {"float_ci95", accuracy, "95 % interval", "%", 2, "accuracy", "Wilson's, of the float Top-1", of<&Row::accuracy, &A::float_ci95>},
      {"quantized_top1", accuracy, "Quantized Top-1", "%", 2, "accuracy", "of the plan, over the same pictures", of<&Row::accuracy, &A::quantized_top1>},
      {"quantized_ci95", accuracy, "95 % interval", "%", 2, "accuracy", "Wilson's, of the quantized Top-1", of<&Row::accuracy, &A::quantized_ci95>},
      {"drop", accuracy, "Drop", "points", 2, "accuracy", "float less quantized, picture by picture", of<&Row::accuracy, &A::drop>},
      {"drop_ci95", accuracy, "95 % interval", "points", 2, "accuracy", "Newcombe's, of the paired drop", of<&Row::accuracy, &A::drop_ci95>},
      {"verdict", accuracy, "Verdict", "", 0, "accuracy", "equivalent: two one-sided tests at 5 % keep the drop within 1 point", of<&Row::accuracy, &A::verdict>},
      {"agree", accuracy, "Agreement", "%", 2, "accuracy", "pictures of which float and quantized say the same", of<&Row::accuracy, &A::agree>},
      {"board_float_top1", accuracy, "Float Top-1", "%", 2, "", "", board<&R::float_top1>, stated},
      {"board_quantized_top1", accuracy, "Quantized Top-1", "%", 2, "", "", board<&R::quantized_top1>, stated},

      {"ms_one_thread", speed, "1 thread", "ms", 2, "one_thread", "a frame by one thread, median", of<&Row::one_thread, &L::ms>},
      {"ms_all_streams", speed, "1 session a core", "ms", 2, "all_streams", "a frame while as many one-thread sessions run as there are cores", of<&Row::all_streams, &L::ms>},
      {"fps_all_streams", speed, "Throughput", "frames/s", 1, "all_streams", "of all these sessions together", of<&Row::all_streams, &L::fps>},
      {"ms_all_threads", speed, "1 frame, all cores", "ms", 2, "all_threads", "one frame by as many threads as cores", of<&Row::all_threads, &L::ms>},
      {"float_ms_one_thread", speed, "Float, 1 thread", "ms", 2, "float_one_thread", "Octavo's own float engine", of<&Row::float_one_thread, &L::ms>},
      {"board_ms_one_thread", speed, "1 thread", "ms", 2, "", "", board<&R::ms_one_thread>, stated},
      {"board_ms_many_threads", speed, "Many threads", "ms", 2, "", "as many one-frame threads as saturate its accelerator", board<&R::ms_many_threads>, stated},
      {"board_fps", speed, "Throughput", "frames/s", 1, "", "with that many threads", board<&R::fps>, stated},

      {"plan_mb", size, "Plan", "MB", 2, "plan_bytes", "the file .octavo", [](const Line& l) { return scaled(l.row->plan_bytes, 1e6); }},
      {"peak_mb", size, "Peak memory", "MB", 1, "peak_bytes", "resident, of a process that runs one session", [](const Line& l) { return scaled(l.row->peak_bytes, 1e6); }},
      {"build_s", size, "Build", "s", 1, "build_seconds", "calibrate, quantize, write", [](const Line& l) { return scaled(l.row->build_seconds); }},
      {"build_peak_mb", size, "Build's peak memory", "MB", 0, "build_peak_bytes", "resident", [](const Line& l) { return scaled(l.row->build_peak_bytes, 1e6); }},

      {"streams", "", "", "", 0, "all_streams", "", of<&Row::all_streams, &L::streams>},
      {"threads", "", "", "", 0, "all_threads", "", of<&Row::all_threads, &L::threads>},
      {"model_bytes", "", "", "", 0, "model_bytes", "", [](const Line& l) { return scaled(l.row->model_bytes); }},
      {"calibration_pictures", "", "", "", 0, "calibration_pictures", "", [](const Line& l) { return scaled(l.row->calibration_pictures); }},
      {"measured", "", "", "", 0, "", "", row<&Row::measured>},
      {"cpu", "", "", "", 0, "", "", host<&RowHost::cpu>},
      {"isa", "", "", "", 0, "", "", host<&RowHost::isa>},
      {"physical_cores", "", "", "", 0, "", "", [](const Line& l) { return Value(double(l.row->host.physical_cores)); }},
      {"compiler", "", "", "", 0, "", "", host<&RowHost::compiler>},
      {"version", "", "", "", 0, "", "", host<&RowHost::version>},
      {"options", "", "", "", 0, "", "", row<&Row::options>},
      {"model_sha256", "", "", "", 0, "", "", row<&Row::model_sha256>},
      {"plan_sha256", "", "", "", 0, "", "", row<&Row::plan_sha256>},
      {"doubts", "", "", "", 0, "", "where the board's table, the name and the weights do not fit together", model<&Model::doubts>, zoo},
      // clang-format on
  };
  return all;
}

std::string text_of(const Value& value, int digits) {
  if (const auto* words = std::get_if<std::string>(&value)) return *words;
  if (const auto* number = std::get_if<double>(&value)) return fixed(*number, digits);
  if (const auto* interval = std::get_if<std::array<double, 2>>(&value))
    return concat(fixed((*interval)[0], digits), " to ", fixed((*interval)[1], digits));
  return "";
}

std::string why_empty(const Line& line, const Column& column) {
  if (column.source == Origin::zoo && !line.model) return "no model of this zoo has that name";
  if (column.source == Origin::board) return "the board's table has no such model";
  const auto reason = line.row->reasons.find(std::string(column.member));
  if (reason != line.row->reasons.end()) return reason->second;
  return column.member.empty() ? "the row does not say" : "not measured; the row gives no reason";
}

}  // namespace octavo::zoo
