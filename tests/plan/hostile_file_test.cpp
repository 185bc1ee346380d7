// Files that are no plans, or were made to hurt: each is refused by one line.
#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "plan/file_header.h"
#include "plan/forged_file.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "plan/random.h"
#include "plan/random_plan.h"
#include "plan/small_plan.h"
#include "plan_generated.h"

namespace octavo {
namespace {

using testing::forged_file;
using testing::put_at;
using testing::renew_hash;

std::string fault_of(std::span<const std::byte> file) {
  const auto plan = deserialize(file);
  if (plan) return "";
  EXPECT_EQ(plan.error().kind, ErrorKind::rejected);
  EXPECT_EQ(plan.error().message.find('\n'), std::string::npos);
  return plan.error().message;
}

#define EXPECT_FAULT(file, part)                             \
  do {                                                       \
    const std::string fault = fault_of(file);                \
    EXPECT_NE(fault.find(part), std::string::npos) << fault; \
  } while (false)

TEST(PlanFile, CutShortAnywhereIsRefused) {
  const auto file = serialize(testing::small_plan());
  for (size_t size = 0; size < file.size(); ++size) {
    ASSERT_NE(fault_of(std::span(file).first(size)), "") << "the first " << size << " bytes";
  }
}

TEST(PlanFile, WithAnythingBehindIsRefused) {
  auto file = serialize(testing::small_plan());
  file.push_back(std::byte{0});
  EXPECT_FAULT(file, "something follows it");
}

TEST(PlanFile, WithAnyBitFlippedIsRefused) {
  auto file = serialize(testing::small_plan());
  for (size_t i = 0; i < file.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      file[i] ^= std::byte{1} << bit;
      ASSERT_NE(fault_of(file), "") << "byte " << i << " bit " << bit;
      file[i] ^= std::byte{1} << bit;
    }
  }
  EXPECT_EQ(fault_of(file), "");
}

TEST(PlanFile, OfOtherContentSaysWhatItIsNot) {
  std::vector<std::byte> file(200, std::byte{'x'});
  EXPECT_FAULT(file, "not an Octavo plan");
}

TEST(PlanFile, OfANewerFormatNamesTheVersionThatItNeeds) {
  auto file = serialize(testing::small_plan());
  put_at<uint16_t>(file, 8, 1);
  put_at<uint16_t>(file, 10, 3);
  put_at<uint16_t>(file, 12, 1);
  put_at<uint16_t>(file, 14, 2);
  // Not even its hash need be where this version looks for it.
  EXPECT_FAULT(file, "format 1.3 and needs a reader of format 1.2 or newer");
}

TEST(PlanFile, OfANewerFormatThatOldReadersUnderstandIsRead) {
  auto file = serialize(testing::small_plan());
  put_at<uint16_t>(file, 10, 3);  // format 0.3, minimum reader 0.1
  renew_hash(file);
  EXPECT_EQ(fault_of(file), "");
}

TEST(PlanFile, OfAnOlderFormatAsksForANewBuild) {
  auto file = serialize(testing::small_plan());
  put_at<uint32_t>(file, 8, 0);
  put_at<uint32_t>(file, 12, 0);
  renew_hash(file);
  EXPECT_FAULT(file, "build the plan again");
}

TEST(PlanFile, ThatNeedsUnknownFeaturesIsRefused) {
  auto file = serialize(testing::small_plan());
  put_at<uint64_t>(file, 16, uint64_t{1} << 40);
  renew_hash(file);
  EXPECT_FAULT(file, "newer version");
}

TEST(PlanFile, WithSectionsOutsideIsRefused) {
  const auto original = serialize(testing::small_plan());
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{0xFFFFFFFF}, ~uint64_t{0}}) {
    auto file = original;
    put_at<uint32_t>(file, 36, static_cast<uint32_t>(size));
    renew_hash(file);
    EXPECT_NE(fault_of(file), "");
    file = original;
    put_at<uint64_t>(file, 40, size);
    renew_hash(file);
    EXPECT_NE(fault_of(file), "");
    file = original;
    put_at<uint64_t>(file, 48, size);
    renew_hash(file);
    EXPECT_NE(fault_of(file), "");
  }
}

// Every byte of the FlatBuffer in turn becomes 200: some of them are enumerators.
TEST(PlanFile, WithUnknownValuesIsRefusedByASentence) {
  const auto original = serialize(testing::small_plan());
  const auto header = read_header(original);
  ASSERT_TRUE(header);
  std::set<std::string> missing{
      "unknown element type, number 200",     "unknown activation, number 200",
      "unknown kind of pool, number 200",     "unknown interpolation, number 200",
      "unknown order of colours, number 200", "is of an unknown type, number 200"};
  for (size_t i = 0; i < header->flatbuffer_bytes; ++i) {
    auto file = original;
    file[FileHeader::bytes + i] = std::byte{200};
    renew_hash(file);
    const std::string fault = fault_of(file);
    std::erase_if(missing,
                  [&](const std::string& part) { return fault.find(part) != std::string::npos; });
  }
  EXPECT_TRUE(missing.empty()) << *missing.begin();
}

// Damage with a valid hash: an error or a valid plan, never a fault of memory (the
// sanitizers watch).
TEST(PlanFile, DamagedByAnAttackerIsRefusedOrValid) {
  constexpr uint64_t seed = 20;
  SCOPED_TRACE(concat("seed ", seed));
  testing::Random random(seed);
  int refused = 0, read = 0;
  for (int round = 0; round < 20'000; ++round) {
    static const auto small = serialize(testing::small_plan());
    auto file = small;
    const auto last = static_cast<int64_t>(file.size()) - 1;
    for (int64_t i = random.between(1, 4); i > 0; --i) {
      const auto at = static_cast<size_t>(random.between(16, last));
      switch (random.between(0, 3)) {
        case 0:
          file[at] ^= static_cast<std::byte>(1 << random.between(0, 7));
          break;
        case 1:
          file[at] = static_cast<std::byte>(random.next());
          break;
        case 2:
          file[at] = std::byte{0xFF};
          break;
        default:
          file[at] = std::byte{0};
          break;
      }
    }
    renew_hash(file);
    const auto plan = deserialize(file);
    ++(plan ? read : refused);
    if (plan) {
      const auto again = deserialize(serialize(*plan));
      ASSERT_TRUE(again) << "round " << round << ": " << again.error().message;
      ASSERT_TRUE(*plan == *again) << "round " << round;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(read, 1000);
}

// A FlatBuffer may point to one piece of itself many times. Copies must not multiply it.
class SharedStorage : public ::testing::Test {
 protected:
  static constexpr uint32_t many = 50'000;

  std::vector<std::byte> finish(
      flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<format::Tensor>>> tensors,
      flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<format::Step>>> steps,
      flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> labels =
          0) {
    const format::Triple one(1, 1, 1);
    const auto how = format::CreatePreprocess(builder_, 4, 4, 0, format::Interpolation::nearest,
                                              format::ColorOrder::rgb, false, false, &one, &one);
    const auto origin = format::CreateProvenance(builder_);
    builder_.Finish(
        format::CreatePlan(builder_, tensors, steps, 0, 0, 1, true, false, how, labels, origin));
    return forged_file(
        {reinterpret_cast<const std::byte*>(builder_.GetBufferPointer()), builder_.GetSize()}, {});
  }
  flatbuffers::Offset<format::Tensor> tensor(uint32_t channels) {
    const auto scale = builder_.CreateVector(std::vector<float>(channels, 1.0f));
    const auto zero_point = builder_.CreateVector(std::vector<int32_t>(channels, 0));
    const format::Shape shape(1, 1, 1, static_cast<int32_t>(channels));
    return format::CreateTensor(builder_, 0, &shape, format::ElementType::u8, scale, zero_point);
  }

  flatbuffers::FlatBufferBuilder builder_;
};

TEST_F(SharedStorage, OfTensorsIsNotMultiplied) {
  // 200 kB a tensor, 50,000 tensors: 10 GB, from a file of 400 kB.
  const auto one = tensor(25'000);
  const auto tensors = builder_.CreateVector(std::vector(many, one));
  const auto steps = builder_.CreateVector(std::vector<flatbuffers::Offset<format::Step>>{});
  EXPECT_FAULT(finish(tensors, steps), "overlap");
}

TEST_F(SharedStorage, OfStepsIsNotMultiplied) {
  const auto inputs = builder_.CreateVector(std::vector<uint32_t>(50'000, 0));
  const auto concat_step = format::CreateConcat(builder_).Union();
  const auto one =
      format::CreateStep(builder_, 0, 0, format::Operator::Concat, concat_step, inputs);
  const auto tensors = builder_.CreateVector(std::vector{tensor(1)});
  const auto steps = builder_.CreateVector(std::vector(many, one));
  EXPECT_FAULT(finish(tensors, steps), "overlap");
}

TEST_F(SharedStorage, OfLabelsIsNotMultiplied) {
  const auto one = builder_.CreateString(std::string(60'000, 'x'));
  const auto labels = builder_.CreateVector(std::vector(many, one));
  const auto tensors = builder_.CreateVector(std::vector{tensor(1)});
  const auto steps = builder_.CreateVector(std::vector<flatbuffers::Offset<format::Step>>{});
  EXPECT_FAULT(finish(tensors, steps, labels), "overlap");
}

TEST_F(SharedStorage, BeyondTheLimitsIsRefused) {
  const auto tensors = builder_.CreateVector(std::vector(plan_limit::tensors + 1, tensor(1)));
  const auto steps = builder_.CreateVector(std::vector<flatbuffers::Offset<format::Step>>{});
  EXPECT_FAULT(finish(tensors, steps), "65538 tensors; the most is 65537");
}

TEST_F(SharedStorage, OfConstantsIsRefused) {
  const format::Extent extent(1, 1);
  const format::Pads pads(0, 0, 0, 0);
  const format::Constant somewhere(0, 0), far(uint64_t{1} << 63, uint64_t{1} << 63);
  for (const auto& [weights, bias] : {std::pair{far, somewhere}, std::pair{somewhere, far}}) {
    builder_.Clear();
    const auto end = format::CreateEpilogue(builder_);
    const auto convolution = format::CreateConvolution(builder_, &extent, &extent, &extent, &pads,
                                                       1, &weights, &bias, end)
                                 .Union();
    const auto one = format::CreateStep(builder_, 0, 0, format::Operator::Convolution, convolution);
    const auto tensors = builder_.CreateVector(std::vector{tensor(1)});
    const auto steps = builder_.CreateVector(std::vector{one});
    EXPECT_FAULT(finish(tensors, steps),
                 "9223372036854775808 elements from byte 9223372036854775808");
  }
}

TEST_F(SharedStorage, OfMergedNamesIsCounted) {
  const auto concat_step = format::CreateConcat(builder_).Union();
  const auto one =
      format::CreateStep(builder_, 0, UINT32_MAX, format::Operator::Concat, concat_step);
  const auto tensors = builder_.CreateVector(std::vector{tensor(1)});
  const auto steps = builder_.CreateVector(std::vector{one});
  EXPECT_FAULT(finish(tensors, steps), "4294967295 merged nodes, of which 0 are there");
}

TEST(PlanFile, WithoutItsRequiredTablesIsRefused) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(flatbuffers::Offset<format::Plan>(builder.EndTable(builder.StartTable())));
  const auto file = forged_file(
      {reinterpret_cast<const std::byte*>(builder.GetBufferPointer()), builder.GetSize()}, {});
  EXPECT_FAULT(file, "malformed");
}

TEST(PlanFile, OfRandomBytesIsRefused) {
  constexpr uint64_t seed = 3;
  SCOPED_TRACE(concat("seed ", seed));
  testing::Random random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::byte> flatbuffer(static_cast<size_t>(random.between(0, 300)));
    for (std::byte& byte : flatbuffer) byte = static_cast<std::byte>(random.between(0, 20));
    ASSERT_NE(fault_of(forged_file(flatbuffer, {})), "") << "round " << round;
  }
}

}  // namespace
}  // namespace octavo
