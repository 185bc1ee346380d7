#include "evaluate/dataset.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <set>

#include "evaluate/temporary_folder.h"

namespace octavo {
namespace {

using test::TemporaryFolder;

// "name:class" of each sample, with the folder's own path cut off.
std::vector<std::string> open(const std::string& path, const DataSetOptions& options = {}) {
  const auto samples = open_dataset(path, options);
  EXPECT_TRUE(samples) << samples.error().message;
  std::vector<std::string> out;
  for (const Sample& sample : samples ? *samples : std::vector<Sample>()) {
    const size_t cut = sample.path.starts_with(path) ? path.size() + 1 : 0;
    out.push_back(sample.path.substr(cut) + "=" + std::to_string(sample.label));
  }
  return out;
}

std::string refusal(const std::string& path, const DataSetOptions& options = {}) {
  const auto samples = open_dataset(path, options);
  EXPECT_FALSE(samples);
  return samples ? "" : samples.error().message;
}

using Names = std::vector<std::string>;
const DataSetOptions unlabelled{.labels_needed = false};

TEST(DataSet, ReadsClassFoldersInOrderOfTheirNames) {
  const TemporaryFolder folder;
  folder.write("n02/b.JPEG", "");
  folder.write("n02/a.jpg", "");
  folder.write("n01/z.png", "");
  folder.write("n03/readme.txt", "");
  folder.write("n04/deep/c.webp", "");
  folder.write(".cache/x.jpg", "");
  EXPECT_EQ(open(folder.path()),
            (Names{"n01/z.png=0", "n02/a.jpg=1", "n02/b.JPEG=1", "n04/deep/c.webp=3"}));
}

TEST(DataSet, TakesNumberedFoldersByTheirNumber) {
  const TemporaryFolder folder;
  folder.write("10/a.jpg", "");
  folder.write("9/b.jpg", "");
  EXPECT_EQ(open(folder.path()), (Names{"10/a.jpg=10", "9/b.jpg=9"}));
}

TEST(DataSet, ReadsAListBesideItsPictures) {
  for (const char* list : {"labels.txt", "list.txt"}) {
    const TemporaryFolder folder;
    folder.write(list, "b.jpg 7\r\n\n# a comment\nsub/name with spaces.jpg\t3\n./a.jpg   0\n");
    folder.write("a.jpg", "");
    folder.write("b.jpg", "");
    folder.write("sub/name with spaces.jpg", "");
    folder.write("not listed.jpg", "");
    EXPECT_EQ(open(folder.path()), (Names{"b.jpg=7", "sub/name with spaces.jpg=3", "a.jpg=0"}));
  }
}

TEST(DataSet, ReadsAListFileWithPathsRelativeToIt) {
  const TemporaryFolder folder;
  const std::string list = folder.write("lists/some.txt", "../a.jpg 1\n/elsewhere/b.jpg 2\n");
  const auto samples = open_dataset(list, {});
  ASSERT_TRUE(samples) << samples.error().message;
  EXPECT_EQ((*samples)[0].path, folder / "lists/../a.jpg");
  EXPECT_EQ((*samples)[1].path, "/elsewhere/b.jpg");
  EXPECT_EQ((*samples)[1].label, 2);
}

TEST(DataSet, ReadsTheLayoutsOfIlsvrc) {
  const TemporaryFolder named;
  named.write("val/ILSVRC2012_val_00000002.JPEG", "");
  named.write("val/ILSVRC2012_val_00000001.JPEG", "");
  named.write("val.txt", "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG 970\n");
  EXPECT_EQ(open(named.path()),
            (Names{"val/ILSVRC2012_val_00000001.JPEG=65", "val/ILSVRC2012_val_00000002.JPEG=970"}));

  const TemporaryFolder numbered;
  numbered.write("ILSVRC2012_val_00000002.JPEG", "");
  numbered.write("ILSVRC2012_val_00000001.JPEG", "");
  numbered.write("ILSVRC2012_val_labels.txt", "65\n970\n");
  EXPECT_EQ(open(numbered.path()),
            (Names{"ILSVRC2012_val_00000001.JPEG=65", "ILSVRC2012_val_00000002.JPEG=970"}));
  numbered.write("ILSVRC2012_val_00000003.JPEG", "");
  EXPECT_NE(refusal(numbered.path()).find("2 classes for 3 pictures"), std::string::npos);

  const TemporaryFolder folders;
  folders.write("val/n01/a.JPEG", "");
  folders.write("val/n02/b.JPEG", "");
  folders.write("train/n01/c.JPEG", "");
  EXPECT_EQ(open(folders.path()), (Names{"val/n01/a.JPEG=0", "val/n02/b.JPEG=1"}));
  EXPECT_EQ(open(folders.path(), unlabelled), (Names{"train/n01/c.JPEG=0"}));
}

// The development kit numbers its classes in another order than the usual one.
TEST(DataSet, DoesNotTakeTheDevelopmentKitsGroundTruth) {
  const TemporaryFolder folder;
  folder.write("ILSVRC2012_val_00000001.JPEG", "");
  folder.write("ILSVRC2012_validation_ground_truth.txt", "490\n");
  EXPECT_NE(refusal(folder.path()).find("no classes"), std::string::npos);
}

TEST(DataSet, TakesAPlainFolderWhereNoLabelsAreNeeded) {
  const TemporaryFolder folder;
  folder.write("b.bmp", "");
  folder.write("a.npy", "");
  folder.write("notes.md", "");
  EXPECT_EQ(open(folder.path(), unlabelled), (Names{"a.npy=-1", "b.bmp=-1"}));
  EXPECT_NE(refusal(folder.path()).find("holds pictures but no classes"), std::string::npos);
  const std::string list = folder.write("plain.lst", "a.npy\nb.bmp 4\nc.png -1\n");
  const auto samples = open_dataset(list, unlabelled);
  ASSERT_TRUE(samples) << samples.error().message;
  EXPECT_EQ((*samples)[0].label, -1);
  EXPECT_EQ((*samples)[1].label, 4);
  EXPECT_EQ((*samples)[2].label, -1);
  EXPECT_EQ((*samples)[2].path, folder / "c.png");
}

TEST(DataSet, RefusesAFolderWithoutPictures) {
  const TemporaryFolder folder;
  folder.write("notes.md", "");
  const auto samples = open_dataset(folder.path(), {});
  ASSERT_FALSE(samples);
  EXPECT_EQ(samples.error().kind, ErrorKind::rejected);
  EXPECT_NE(samples.error().message.find(folder.path()), std::string::npos);
  EXPECT_NE(samples.error().message.find("holds no pictures"), std::string::npos);
  EXPECT_NE(refusal(folder / "nowhere").find("does not exist"), std::string::npos);
  EXPECT_NE(refusal(folder.write("empty.txt", "\n")).find("names no pictures"), std::string::npos);
}

TEST(DataSet, NamesFileAndLineOfABadLabel) {
  const TemporaryFolder folder;
  const std::string list = folder.write("labels.txt", "a.jpg 1\nb.jpg 1000\n");
  DataSetOptions options;
  options.classes = 1000;
  const auto samples = open_dataset(folder.path(), options);
  ASSERT_FALSE(samples);
  EXPECT_EQ(samples.error().kind, ErrorKind::rejected);
  EXPECT_EQ(samples.error().message, "'" + list + "' line 2: class 1000 is outside 0 to 999");
  for (const char* bad : {"a.jpg", "a.jpg x", "a.jpg -1", "a.jpg 99999999999", "17", "a.jpg 1.5"}) {
    folder.write("labels.txt", std::string("fine.jpg 1\n") + bad + "\n");
    EXPECT_NE(refusal(folder.path(), options).find("line 2"), std::string::npos) << bad;
  }
}

TEST(DataSet, ShiftsLabelsBeforeItChecksThem) {
  const TemporaryFolder folder;
  folder.write("labels.txt", "a.jpg 0\nb.jpg 999\n");
  DataSetOptions options;
  options.classes = 1001;
  options.class_offset = 1;
  EXPECT_EQ(open(folder.path(), options), (Names{"a.jpg=1", "b.jpg=1000"}));
  options.class_offset = -1;
  EXPECT_NE(refusal(folder.path(), options).find("line 1: class 0 with the class offset -1"),
            std::string::npos);
  const TemporaryFolder folders;
  folders.write("cat/a.jpg", "");
  folders.write("dog/b.jpg", "");
  EXPECT_NE(refusal(folders.path(), {.classes = 1}).find("dog"), std::string::npos);
}

TEST(DataSet, KeepsTheFirstOfTheLimit) {
  const TemporaryFolder folder;
  folder.write("labels.txt", "c.jpg 2\nb.jpg 1\na.jpg 0\n");
  EXPECT_EQ(open(folder.path(), {.limit = 2}), (Names{"c.jpg=2", "b.jpg=1"}));
}

// ---- archives, made by tar itself in each of its formats

bool make_tar(const TemporaryFolder& folder, const std::string& format, const std::string& what) {
  const std::string command = "tar --format=" + format + " -C '" + (folder / "source") + "' -cf '" +
                              (folder / "set.tar") + "' " + what + " 2>/dev/null";
  return std::system(command.c_str()) == 0;
}

std::string content_of(const Sample& sample) {
  const auto bytes = read_sample(sample);
  EXPECT_TRUE(bytes) << bytes.error().message;
  return bytes ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : "";
}

TEST(DataSetTar, ReadsMembersWhereTheyLie) {
  for (const char* format : {"ustar", "pax", "gnu"}) {
    const TemporaryFolder folder;
    folder.write("source/set/labels.txt", "b.jpg 7\nsub/a.jpg 3\nmissing.jpg 1\n");
    folder.write("source/set/b.jpg", std::string(1000, 'b'));
    folder.write("source/set/sub/a.jpg", "a");
    for (const char* what : {"set", "-C set .", "-C set labels.txt b.jpg sub/a.jpg"}) {
      if (!make_tar(folder, format, what)) GTEST_SKIP() << "no tar program makes " << format;
      const auto samples = open_dataset(folder / "set.tar", {});
      ASSERT_TRUE(samples) << samples.error().message;
      ASSERT_EQ(samples->size(), 3u);
      EXPECT_EQ((*samples)[0].label, 7);
      EXPECT_EQ(content_of((*samples)[0]), std::string(1000, 'b'));
      EXPECT_EQ((*samples)[1].label, 3);
      EXPECT_EQ(content_of((*samples)[1]), "a");
      EXPECT_NE((*samples)[1].path.find("set.tar:"), std::string::npos) << (*samples)[1].path;
      const auto missing = read_sample((*samples)[2]);
      ASSERT_FALSE(missing);
      EXPECT_NE(missing.error().message.find("missing.jpg"), std::string::npos);
    }
  }
}

TEST(DataSetTar, ReadsClassFoldersToo) {
  const TemporaryFolder folder;
  folder.write("source/n02/b.jpg", "b");
  folder.write("source/n01/a.jpg", "a");
  ASSERT_TRUE(make_tar(folder, "gnu", "n01 n02"));
  const auto samples = open_dataset(folder / "set.tar", {});
  ASSERT_TRUE(samples) << samples.error().message;
  ASSERT_EQ(samples->size(), 2u);
  EXPECT_EQ(content_of((*samples)[0]), "a");
  EXPECT_EQ((*samples)[1].label, 1);
}

TEST(DataSetTar, SaysWhatIsWrongWithAnArchive) {
  const TemporaryFolder folder;
  folder.write("source/n01/a.jpg", std::string(5000, 'a'));
  ASSERT_TRUE(make_tar(folder, "gnu", "n01"));
  std::filesystem::resize_file(folder / "set.tar", 3000);
  const auto cut = open_dataset(folder / "set.tar", {});
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().kind, ErrorKind::rejected);
  EXPECT_NE(refusal(folder.write("random.tar", std::string(4096, 'x'))).find("tar archive"),
            std::string::npos);
  ASSERT_TRUE(make_tar(folder, "gnu", "-z n01"));
  EXPECT_NE(refusal(folder / "set.tar").find("uncompressed"), std::string::npos);
}

// ---- spreading

std::vector<Sample> numbered(const std::vector<int>& labels) {
  std::vector<Sample> samples;
  for (size_t i = 0; i < labels.size(); ++i) {
    samples.push_back({std::to_string(i), labels[i], "", 0, 0});
  }
  return samples;
}

std::map<int, int> class_counts(const std::vector<Sample>& samples, size_t first) {
  std::map<int, int> counts;
  for (size_t i = 0; i < first; ++i) ++counts[samples[i].label];
  return counts;
}

TEST(SpreadSamples, TakesClassesInTurn) {
  std::vector<int> labels(100, 0);
  labels.insert(labels.end(), {1, 1, 1, 2, 2, 2, 3, 3, 3});
  const auto chosen = spread_samples(numbered(labels), 12, 5);
  ASSERT_EQ(chosen.size(), 12u);
  EXPECT_EQ(class_counts(chosen, 4), (std::map<int, int>{{0, 1}, {1, 1}, {2, 1}, {3, 1}}));
  EXPECT_EQ(class_counts(chosen, 12), (std::map<int, int>{{0, 3}, {1, 3}, {2, 3}, {3, 3}}));
  std::set<std::string> paths;
  for (const Sample& sample : chosen) paths.insert(sample.path);
  EXPECT_EQ(paths.size(), 12u) << "none is taken twice";
}

TEST(SpreadSamples, IsReproducible) {
  const auto paths = [](uint64_t seed) {
    std::vector<std::string> out;
    for (const Sample& s : spread_samples(numbered(std::vector<int>(50, -1)), 10, seed)) {
      out.push_back(s.path);
    }
    return out;
  };
  EXPECT_EQ(paths(1), paths(1));
  EXPECT_NE(paths(1), paths(2));
}

TEST(SpreadSamples, GivesAllWhereMoreAreAskedFor) {
  EXPECT_EQ(spread_samples(numbered({1, 2, 1}), 10, 1).size(), 3u);
}

TEST(DataSet, EntersEachFolderOnceAndUnderItsOwnName) {
  const TemporaryFolder folder;
  folder.write("a/1.jpg", "");
  folder.write("b/2.jpg", "");
  std::filesystem::create_symlink("../b", folder / "a/aside");  // sorted before b itself
  std::filesystem::create_symlink("..", folder / "a/loop");
  EXPECT_EQ(open(folder.path()), (Names{"a/1.jpg=0", "b/2.jpg=1"}));
  const TemporaryFolder links;  // a set may well be all links
  std::filesystem::create_directory_symlink(folder / "b", links / "n01");
  std::filesystem::create_directory_symlink(folder / "a", links / "n02");
  EXPECT_EQ(open(links.path()).size(), 2u);
}

TEST(DataSet, NamesAFolderThatCannotBeListedAndKeepsItsClass) {
  const TemporaryFolder folder;
  folder.write("a/1.jpg", "");
  folder.write("b/2.jpg", "");
  folder.write("c/3.jpg", "");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((folder / "b").c_str(), 0), 0);
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(::seteuid(root ? 65534 : ::geteuid()), 0);
  const auto samples = open_dataset(folder.path(), {.limit = 2});
  ASSERT_EQ(::seteuid(root ? 0 : ::geteuid()), 0);
  ::chmod((folder / "b").c_str(), 0755);
  ASSERT_TRUE(samples) << samples.error().message;
  ASSERT_EQ(samples->size(), 3u) << "what is left out does not count against the limit";
  EXPECT_EQ((*samples)[1].label, 2);
  const auto bytes = read_sample(samples->back());
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().kind, ErrorKind::rejected);
  EXPECT_NE(bytes.error().message.find(folder / "b"), std::string::npos);
  EXPECT_EQ(spread_samples(*samples, 1, 1).size(), 2u) << "one, and what must be told";
}

TEST(DataSet, RefusesPipesAtOnce) {
  const TemporaryFolder folder;
  for (const char* name : {"pipe", "pipe.tar"}) {
    ASSERT_EQ(::mkfifo((folder / name).c_str(), 0600), 0);
    EXPECT_NE(refusal(folder / name).find(name), std::string::npos);
  }
}

}  // namespace
}  // namespace octavo
