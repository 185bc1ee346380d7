#include "pipeline/yaml.h"

#include <gtest/gtest.h>

namespace octavo {
namespace {

std::string problem(const std::string& text) {
  const auto parsed = parse_yaml(text);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().kind, ErrorKind::rejected);
  EXPECT_EQ(parsed.error().message.find('\n'), std::string::npos);
  return parsed.error().message;
}

TEST(Yaml, ATreeKeepsOrderLinesAndText) {
  const auto root = parse_yaml("b:\n  x: '1'\n  y: [p, q]\n# nothing\na: ~\n");
  ASSERT_TRUE(root) << root.error().message;
  ASSERT_EQ(root->map.size(), 2u);
  EXPECT_EQ(root->map[0].key, "b");
  EXPECT_EQ(root->map[1].key, "a");
  EXPECT_EQ(root->map[1].value.text, "");
  const YamlNode& b = root->map[0].value;
  ASSERT_EQ(b.kind, YamlNode::Kind::map);
  ASSERT_NE(b.find("x"), nullptr);
  EXPECT_EQ(b.line, 1);  // its key's
  EXPECT_EQ(b.find("x")->text, "1");
  EXPECT_EQ(b.find("x")->line, 2);
  ASSERT_EQ(b.find("y")->list.size(), 2u);
  EXPECT_EQ(b.find("y")->list[1].text, "q");
  EXPECT_EQ(b.find("z"), nullptr);
}

TEST(Yaml, AnEmptyTextIsAnEmptyMap) {
  const auto root = parse_yaml("# nothing\n");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->kind, YamlNode::Kind::map);
  EXPECT_TRUE(root->map.empty());
}

TEST(Yaml, AKeyStandsOnce) {
  EXPECT_EQ(problem("a: 1\nb: 2\na: 3\n"), "line 3: the key 'a' stands on line 1 already");
  EXPECT_NE(problem("s: {a: 1, a: 2}\n").find("'a'"), std::string::npos);
  EXPECT_EQ(problem("s: {a: 1}\nt: {a: 1}\n"), "");
}

TEST(Yaml, WhatMultipliesOrActsIsRefused) {
  EXPECT_NE(problem("a: &x 1\n").find("an anchor"), std::string::npos);
  EXPECT_NE(problem("a: !!binary aaaa\n").find("a tag"), std::string::npos);
  // Nine levels of nine aliases: 9^9 values for who follows them.
  std::string bomb = "a: &a [x]\n";
  for (char c = 'b'; c <= 'j'; ++c) {
    const std::string alias = std::string("*") + static_cast<char>(c - 1);
    bomb += std::string(1, c) + ": &" + c + " [" + alias;
    for (int i = 0; i < 8; ++i) bomb += ", " + alias;
    bomb += "]\n";
  }
  EXPECT_NE(problem(bomb).find("line 1: an anchor"), std::string::npos);
}

TEST(Yaml, SizeDepthAndCountAreBounded) {
  EXPECT_NE(problem(std::string(1 << 19, '#')).find("bytes"), std::string::npos);
  EXPECT_NE(problem("a: [[[[[[[[[1]]]]]]]]]\n").find("levels"), std::string::npos);
  for (const char open : {'[', '{'}) EXPECT_NE(problem(std::string(100000, open)), "");
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "- ";
  EXPECT_NE(problem(deep), "");
  std::string many = "a: [";
  for (int i = 0; i < 30000; ++i) many += "1,";
  EXPECT_NE(problem(many + "1]\n").find("values"), std::string::npos);
}

TEST(Yaml, WhatIsNoYamlSaysTheLine) {
  EXPECT_EQ(problem("a: 1\n b: 2\n c: [\n").substr(0, 5), "line ");
  EXPECT_NE(problem("a: 1\n---\nb: 2\n").find("more than one"), std::string::npos);
  EXPECT_NE(problem("? [a]\n: b\n").find("a key is a word"), std::string::npos);
}

}  // namespace
}  // namespace octavo
