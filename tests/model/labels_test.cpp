// Class names: built in, and when they are hinted at.
#include "model/labels.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "evaluate/temporary_folder.h"

namespace octavo {
namespace {

TEST(Labels, ImageNetIsBuiltIn) {
  const auto labels = read_labels("imagenet", 1000);
  ASSERT_TRUE(labels) << labels.error().message;
  ASSERT_EQ(labels->size(), 1000u);
  // Places that everybody knows.
  EXPECT_EQ(labels->front(), "tench, Tinca tinca");
  EXPECT_EQ((*labels)[281], "tabby, tabby cat");
  EXPECT_EQ((*labels)[340], "zebra");
  EXPECT_EQ((*labels)[967], "espresso");
  EXPECT_EQ(labels->back(), "toilet tissue, toilet paper, bathroom tissue");
  // The bird and the machine have one word; all others differ.
  EXPECT_EQ(std::set<std::string>(labels->begin(), labels->end()).size(), 999u);
  EXPECT_EQ((*labels)[134], "crane");
  EXPECT_EQ((*labels)[517], "crane");
}

TEST(Labels, ABackgroundClassIsNotGuessed) {
  const auto labels = read_labels("imagenet", 1001);
  ASSERT_FALSE(labels);
  EXPECT_EQ(labels.error().kind, ErrorKind::rejected);
  EXPECT_EQ(labels.error().message, "'imagenet' has 1000 names, the network has 1001 classes");
}

TEST(Labels, AFileMayBeCalledImagenetToo) {
  const test::TemporaryFolder folder;
  const auto labels = read_labels(folder.write("imagenet", "0\tcat\n1\tdog\n"), 2);
  ASSERT_TRUE(labels) << labels.error().message;
  EXPECT_EQ(*labels, (std::vector<std::string>{"cat", "dog"}));
}

TEST(Labels, NamesAreHintedAtWhereTheyMayFit) {
  EXPECT_NE(hint_at_names(0, 1000).find("--labels imagenet"), std::string::npos);
  EXPECT_EQ(hint_at_names(1000, 1000), "");
  EXPECT_EQ(hint_at_names(0, 1001), "");
  EXPECT_EQ(hint_at_names(0, 4), "");
}

}  // namespace
}  // namespace octavo
