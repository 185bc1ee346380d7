#include "quantize/calibration_file.h"

#include <algorithm>

#include "base/text.h"
#include "quantize/kept_file.h"

namespace octavo {

namespace {

// NUL shows that the file is not text, the line feed whether it was sent as text.
constexpr kept::Kind kind{{'O', 'C', 'T', 'C', 'A', 'L', '\0', '\n'}, 1, "calibration"};

}  // namespace

void visit_fields(Is<ChannelMoments> auto& m, auto& visit) {
  visit(m.minimum, m.maximum, m.sum, m.square_sum, m.nonzero, m.count);
}
void visit_fields(Is<TensorStatistics> auto& s, auto& visit) {
  visit(s.moments, s.histograms, s.whole, s.pictures);
}
void visit_fields(Is<FarPictures::Summary> auto& s, auto& visit) {
  visit(s.tensors, s.pictures, s.tensor, s.picture, s.times);
}
void visit_fields(Is<Calibration> auto& c, auto& visit) {
  visit(c.stored, c.accumulated, c.repair, c.readable, c.unreadable, c.far);
}
template <class T>
requires Is<T, ChannelHistograms> || Is<T, FarPictures>
void visit_fields(T& fields, auto& visit) {
  std::remove_const_t<T>::visit(fields, visit);
}

std::string differing_parts(const CalibrationKey& a, const CalibrationKey& b) {
  std::vector<std::string> names;
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i < a.size() && i < b.size() && a[i] == b[i]) continue;
    names.push_back(i < b.size() ? b[i].what : a[i].what);
  }
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    out += concat(i == 0 ? "" : i + 1 == names.size() ? " and " : ", ", names[i]);
  }
  return out;
}

std::vector<std::byte> serialize_calibration(const CalibrationKey& key,
                                             const Calibration& calibration) {
  kept::Writer writer = kept::begin(kind);
  writer(key, calibration);
  return kept::finish(std::move(writer));
}

bool looks_like_calibration(std::span<const std::byte> bytes) {
  return kept::looks_like(kind, bytes);
}

Result<KeptCalibration> deserialize_calibration(std::span<const std::byte> bytes) {
  const auto body = kept::body(kind, bytes);
  if (!body) return body.error();
  KeptCalibration out;
  kept::Reader reader(*body);
  reader(out.key, out.calibration);
  if (!reader.is_whole()) {
    return rejected("a calibration whose lists do not fill its bytes: it is damaged");
  }
  return out;
}

}  // namespace octavo
