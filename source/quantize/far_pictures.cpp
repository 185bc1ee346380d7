#include "quantize/far_pictures.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "quantize/pictures.h"

namespace octavo {

namespace {

// The value that `share` of them do not exceed.
double quantile(std::vector<double> values, double share) {
  const auto at = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
  const auto place = values.begin() + static_cast<ptrdiff_t>(at);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

}  // namespace

double loudness(const ChannelMoments& moments) {
  if (moments.count == 0) return 0;
  double sum = 0;
  for (const double square_sum : moments.square_sum) {
    sum += std::sqrt(square_sum / static_cast<double>(moments.count));
  }
  return sum * sum;
}

FarPictures::FarPictures(const std::vector<std::vector<double>>& loudness,
                         const std::vector<size_t>& indices)
    : by_tensor_(loudness.size()) {
  for (size_t t = 0; t < loudness.size(); ++t) {
    const std::vector<double>& of_tensor = loudness[t];
    if (of_tensor.empty()) continue;
    const double median = quantile(of_tensor, 0.5), most = quantile(of_tensor, 5.0 / 6);
    if (!(median > 0)) continue;
    const double end = std::max(far_beyond_median * median, far_beyond_most * most);
    for (size_t i = 0; i < of_tensor.size(); ++i) {
      if (of_tensor[i] <= end) continue;
      by_tensor_[t].push_back(indices[i]);
      if (of_tensor[i] > farthest_.times * median) {
        farthest_.tensor = t;
        farthest_.picture = indices[i];
        farthest_.times = of_tensor[i] / median;
      }
    }
    tensors_ += by_tensor_[t].empty() ? 0 : 1;
  }
}

bool FarPictures::contains(size_t tensor, size_t picture) const {
  return tensor < by_tensor_.size() &&
         std::binary_search(by_tensor_[tensor].begin(), by_tensor_[tensor].end(), picture);
}

void FarPictures::follow(size_t tensor, size_t source) {
  if (source >= by_tensor_.size() || by_tensor_[source].empty()) return;
  by_tensor_.resize(std::max(by_tensor_.size(), tensor + 1));
  by_tensor_[tensor] = by_tensor_[source];
}

bool FarPictures::is_sound(size_t tensors, size_t pictures) const {
  if (by_tensor_.empty()) return tensors_ == 0;
  if (by_tensor_.size() != tensors || farthest_.tensor >= tensors ||
      farthest_.picture >= pictures || !std::isfinite(farthest_.times)) {
    return false;
  }
  size_t with_any = 0;
  for (const auto& of_tensor : by_tensor_) {
    with_any += of_tensor.empty() ? 0 : 1;
    if (!rises_below(of_tensor, pictures)) return false;
  }
  return with_any == tensors_;
}

FarPictures::Summary FarPictures::summary() const {
  std::set<size_t> pictures;
  for (const auto& of_tensor : by_tensor_) pictures.insert(of_tensor.begin(), of_tensor.end());
  Summary out = farthest_;
  out.tensors = tensors_;
  out.pictures = pictures.size();
  return out;
}

}  // namespace octavo
