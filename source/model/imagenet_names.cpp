// The names of the 1,000 classes of ILSVRC 2012, which most published networks answer with: their
// WordNet ids in ascending order, and of each the words. From timm 1.0.31, data/_info
// (imagenet_synsets.txt, imagenet_synset_to_lemma.txt; Apache-2.0, Copyright Ross Wightman), with
// spaces for underscores. The words are WordNet's:
//
// WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved. Permission to use, copy,
// modify and distribute this software and database and its documentation for any purpose and
// without fee or royalty is hereby granted, provided that you agree to comply with the following
// copyright notice and statements, including the disclaimer, and that the same appear on ALL copies
// of the software, database and documentation, including modifications that you make for internal
// use or for distribution. THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS" AND PRINCETON UNIVERSITY
// MAKES NO REPRESENTATIONS OR WARRANTIES, EXPRESS OR IMPLIED. BY WAY OF EXAMPLE, BUT NOT
// LIMITATION, PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES OF MERCHANTABILITY OR
// FITNESS FOR ANY PARTICULAR PURPOSE OR THAT THE USE OF THE LICENSED SOFTWARE, DATABASE OR
// DOCUMENTATION WILL NOT INFRINGE ANY THIRD PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR OTHER RIGHTS.
// The name of Princeton University or Princeton may not be used in advertising or publicity
// pertaining to distribution of the software and/or database. Title to copyright in this software,
// database and any associated documentation shall at all times remain with Princeton University and
// LICENSEE agrees to preserve same.
#include "model/labels.h"

namespace octavo {

namespace {

constexpr unsigned char text[] = {
#include "imagenet_names_txt.inc"
};

}  // namespace

std::string_view imagenet_names() {
  const std::string_view names(reinterpret_cast<const char*>(text), sizeof text);
  return names.substr(0, names.size() - 1);  // without the last line's end
}

}  // namespace octavo
