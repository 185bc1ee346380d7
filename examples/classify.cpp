// classify PLAN PICTURE...: classify.c in C++20. Each picture is classified alone and then all of
// them at once over two sessions: the logits are the same bits.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <octavo/octavo.hpp>
#include <string>
#include <vector>

namespace {

std::vector<char> read_whole(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

int complain(const char* about, const octavo::Error& error) {
  std::fprintf(stderr, "%s: %s\n", about, error.message.c_str());
  return 1;
}

void print(const octavo::Plan& plan, const char* path, const std::vector<float>& logits) {
  std::printf("%s\n", path);
  int place = 0;
  for (const octavo::Score& best : plan.top_scores(logits, 5)) {
    std::printf("[%d] %s: %.4f\n", place++, plan.label(best.index).c_str(),
                static_cast<double>(best.score));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s PLAN PICTURE...\n", argv[0]);
    return 2;
  }
  const auto plan = octavo::Plan::open(argv[1]);
  if (!plan) return complain(argv[1], plan.error());
  std::vector<octavo::Session> sessions;
  for (int i = 0; i < 2; ++i) {
    auto session = octavo::Session::create(*plan);
    if (!session) return complain(argv[1], session.error());
    sessions.push_back(*std::move(session));
  }

  std::vector<std::vector<char>> files;
  std::vector<octavo_input> inputs;
  std::vector<float> alone;
  for (int i = 2; i < argc; ++i) {
    files.push_back(read_whole(argv[i]));
    const auto bytes = std::as_bytes(std::span(files.back()));
    const auto logits = sessions[0].picture(bytes);
    if (!logits) return complain(argv[i], logits.error());
    print(*plan, argv[i], *logits);
    alone.insert(alone.end(), logits->begin(), logits->end());
    inputs.push_back(octavo::input_of_picture(bytes));
  }

  std::vector<float> together(alone.size());
  const auto done = octavo::run_batch(sessions, inputs, together);
  if (!done) return complain("batch", done.error());
  if (together != alone) return complain("batch", {OCTAVO_FAILED, "other logits than alone"});
  return 0;
}
