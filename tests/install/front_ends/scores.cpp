// scores PLAN FRAMES WIDTH HEIGHT: what scores.c says, through octavo.hpp.
#include <cstdio>
#include <fstream>
#include <octavo/octavo.hpp>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const auto plan = octavo::Plan::open(argv[1]);
  if (!plan) return 1;
  auto session = octavo::Session::create(*plan);
  if (!session) return 1;
  const int width = std::stoi(argv[3]), height = std::stoi(argv[4]);
  const size_t pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  std::vector<uint8_t> memory(pixels + pixels / 2);
  octavo::Frame frame{};
  frame.format = OCTAVO_NV12;
  frame.width = width;
  frame.height = height;
  frame.video_range = 1;
  frame.plane[0] = memory.data();
  frame.plane[1] = memory.data() + pixels;
  frame.stride[0] = frame.stride[1] = width;
  std::ifstream file(argv[2], std::ios::binary);
  while (file.read(reinterpret_cast<char*>(memory.data()),
                   static_cast<std::streamsize>(memory.size()))) {
    const auto logits = session->frame(frame);
    if (!logits) return 1;
    for (const octavo::Score& score :
         plan->top_scores(*logits, octavo_plan_score_count(plan->get()))) {
      std::printf("%d:%.9g ", score.index, static_cast<double>(score.score));
    }
    std::printf("\n");
  }
  return 0;
}
