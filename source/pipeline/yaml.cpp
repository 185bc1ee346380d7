#include "pipeline/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>

#include "base/text.h"

namespace octavo {

namespace {

constexpr size_t most_bytes = size_t{1} << 18;
constexpr size_t most_values = 20000;
constexpr size_t deepest = 8;

// Builds the tree from the parser's events; after the first problem it takes no more.
class TreeBuilder final : public YAML::EventHandler {
 public:
  YamlNode root;
  std::string problem;  // empty: none

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (accepts(mark, anchor, "")) place({YamlNode::Kind::scalar, line_of(mark), "", {}, {}});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, "an alias"); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (accepts(mark, anchor, tag)) {
      place({YamlNode::Kind::scalar, line_of(mark), value, {}, {}});
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  // A list or map that is not closed yet. In a map, keys and values come in turn.
  struct Open {
    YamlNode node;
    bool has_key = false;
    std::string key;
    int key_line = 0;
  };
  std::vector<Open> open_;
  size_t values_ = 0;

  static int line_of(const YAML::Mark& mark) { return mark.line + 1; }

  void refuse(const YAML::Mark& mark, std::string_view what) {
    if (problem.empty()) {
      problem = concat("line ", line_of(mark), ": ", what, ", which a configuration does not need");
    }
  }

  bool accepts(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag) {
    if (anchor != 0) refuse(mark, "an anchor");
    // "?" and "!" are what the parser calls a plain and a quoted value.
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "a tag");
    if (++values_ > most_values) refuse(mark, concat("more than ", most_values, " values"));
    return problem.empty();
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YamlNode::Kind kind) {
    if (!accepts(mark, anchor, tag)) return;
    if (open_.size() >= deepest) {
      refuse(mark, concat("more than ", deepest, " levels"));
      return;
    }
    open_.push_back({{kind, line_of(mark), "", {}, {}}, false, "", 0});
  }

  void close() {
    if (!problem.empty()) return;
    YamlNode done = std::move(open_.back().node);
    open_.pop_back();
    place(std::move(done));
  }

  void place(YamlNode node) {
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    Open& into = open_.back();
    if (into.node.kind == YamlNode::Kind::list) {
      into.node.list.push_back(std::move(node));
    } else if (into.has_key) {
      into.has_key = false;
      node.line = into.key_line;
      into.node.map.push_back({std::move(into.key), std::move(node)});
    } else if (!node.is_scalar()) {
      problem = concat("line ", node.line, ": a key is a word, not a list or a map");
    } else if (const YamlNode* first = into.node.find(node.text)) {
      problem = concat("line ", node.line, ": the key ", quoted(node.text), " stands on line ",
                       first->line, " already");
    } else {
      into.has_key = true;
      into.key_line = node.line;
      into.key = std::move(node.text);
    }
  }
};

// Reads where the text lies.
struct TextBuffer : std::streambuf {
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // setg wants it so; nothing writes
    setg(begin, begin, begin + text.size());
  }
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found = std::find_if(map.begin(), map.end(),
                                  [&](const YamlEntry& entry) { return entry.key == key; });
  return found == map.end() ? nullptr : &found->value;
}

Result<YamlNode> parse_yaml(std::string_view text) {
  if (text.size() > most_bytes) {
    return rejected(
        concat("the YAML has ", text.size(), " bytes; at most ", most_bytes, " are read"));
  }
  TreeBuilder builder;
  builder.root.kind = YamlNode::Kind::map;
  bool more = false;
  // yaml-cpp tells of errors by exceptions: they end here.
  try {
    TextBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    TreeBuilder second;
    more = builder.problem.empty() && parser.HandleNextDocument(second);
  } catch (const YAML::Exception& error) {
    if (!builder.problem.empty()) return rejected(builder.problem);
    return rejected(concat("line ", error.mark.line + 1, ": not YAML: ", printable(error.msg)));
  }
  if (!builder.problem.empty()) return rejected(builder.problem);
  if (more) return rejected("more than one YAML document; a configuration is one");
  return std::move(builder.root);
}

}  // namespace octavo
