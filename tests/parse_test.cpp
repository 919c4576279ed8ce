// The pattern language: what it accepts, how it says no, and that text and descriptor agree.
#include "patterns/parse.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "patterns/pattern.h"
#include "tests/text.h"

namespace {

using Write = size_t (*)(const lac_pattern *, char *, size_t);

std::string written(Write write, const lac_pattern &p) {
    std::vector<char> text(write(&p, nullptr, 0) + 1, 'x');
    EXPECT_EQ(write(&p, text.data(), text.size()), text.size() - 1);
    return text.data();
}
std::string canonical(const lac_pattern &p) { return written(lac_pattern_text, p); }
std::string slug(const lac_pattern &p) { return written(lac_pattern_slug, p); }

bool same(const lac_pattern &a, const lac_pattern &b) { return memcmp(&a, &b, sizeof a) == 0; }

lac_pattern parsed(const std::string &text) {
    lac_pattern p;
    memset(&p, 0xAA, sizeof p);
    lac_pattern_error error;
    EXPECT_EQ(lac_pattern_parse(text.c_str(), &p, &error), LAC_OK)
        << text << " at " << error.column << ": expected " << error.expected;
    return p;
}

const std::vector<std::string> kGood = {
    "dense",
    "window:1",
    "window:1073741824",
    "local:0,0",
    "bidi/local:32,32",
    "window:256+every:64+sink:4",
    "bidi/dilated:16,4+global:2+block:64",
    "strided:1+strided:2+strided:3+strided:4+strided:5+strided:6+strided:7+strided:8",
    "global:list+window:4",
    "global:4+mask:csr",
    "mask:blocks,64+sink:1",
    "bidi/mask:pairs",
    "topk:256",
    "topk:256,cap=300",
    "topk:256,tile=16,block=64",
    "heads(0=dense)",
    "heads(0-5=window:256|6-7=dense)",
    "bidi/sink:2+heads(1=dense+sink:1|3-4=mask:csr|5=mask:csr)+every:3",
};

TEST(Parse, CanonicalTextsAreTheirOwnText) {
    for (const std::string &text : kGood) {
        const lac_pattern p = parsed(text);
        EXPECT_TRUE(lacuna::well_formed(p)) << text;
        EXPECT_EQ(canonical(p), text);
        EXPECT_TRUE(same(parsed(canonical(p)), p)) << text;
    }
}

TEST(Parse, FillsTheDescriptor) {
    const lac_pattern p = parsed("bidi/local:032,0+window:1073741824");
    EXPECT_EQ(p.size, sizeof p);
    EXPECT_EQ(p.bidi, 1u);
    ASSERT_EQ(p.atom_count, 2u);
    EXPECT_EQ(p.atom[0].kind, lacuna::kLocal);
    EXPECT_EQ(p.atom[0].arg[0], 32);
    EXPECT_EQ(p.atom[1].kind, lacuna::kWindow);
    EXPECT_EQ(p.atom[1].arg[0], LAC_MAX_ARGUMENT);
    for (int i = 1; i < LAC_ATOM_ARGS; i++) EXPECT_EQ(p.atom[1].arg[i], 0);
    EXPECT_EQ(canonical(p), "bidi/local:32,0+window:1073741824");
    EXPECT_EQ(canonical(parsed("local:000,00000000000000000000000007")), "local:0,7");
}

TEST(Parse, EveryAtomReadsItsLeastParameters) {
    for (uint32_t kind = 0; kind < lacuna::kAtomKinds; kind++) {
        const lacuna::Syntax &syntax = lacuna::syntax_of(kind);
        lac_atom atom{kind, {}, 0, 0};
        for (int i = 0; i < syntax.count; i++) atom.arg[i] = syntax.parameter[i].least;
        const std::string text = lacuna::text_of(atom);
        EXPECT_EQ(text.rfind(syntax.name, 0), 0u) << text;
        EXPECT_EQ(parsed(text).atom[0].kind, kind);
        EXPECT_EQ(canonical(parsed(text)), text);
    }
}

TEST(Parse, NamedParametersComeInAnyOrder) {
    EXPECT_EQ(canonical(parsed("topk:256,block=64,cap=300,tile=16")),
              "topk:256,cap=300,tile=16,block=64");
}

TEST(Parse, SlugsAreNamesAndDiffer) {
    EXPECT_EQ(slug(parsed("bidi/local:32,32")), "bidi_local_32_32");
    EXPECT_EQ(slug(parsed("window:256+every:64")), "window_256_every_64");
    EXPECT_EQ(slug(parsed("dense")), "dense");
    const std::string letters = "abcdefghijklmnopqrstuvwxyz0123456789_";
    std::set<std::string> seen;
    for (const std::string &text : kGood) {
        const std::string name = slug(parsed(text));
        EXPECT_EQ(name.find_first_not_of(letters), std::string::npos) << name;
        EXPECT_TRUE(seen.insert(name).second) << name;
    }
}

struct Bad {
    const char *text;
    int32_t column;
    const char *expected, *found, *nearest;
};
const char kName[] = "an atom name", kNumber[] = "a number of at least 1";
const char kSeparator[] = "'+' or the end", kColon[] = "':' and a number";
const char kComma[] = "',' and another number", kLimit[] = "a number of at most 2^30";
const char kEnd[] = "end of text", *const kNone = nullptr;

const Bad kBad[] = {
    {"", 0, kName, kEnd, kNone},
    {"bidi/", 5, kName, kEnd, kNone},
    {"bidi", 0, kName, "bidi", "bidi/"},
    {"Bidi/dense", 0, kName, "Bidi/", "bidi/"},
    {"bdi/dense", 0, kName, "bdi/", "bidi/"},
    {"bidirectional/dense", 0, kName, "bidirectional/", "bidi/"},
    {"bidi/bidi/dense", 5, kName, "bidi/", kNone},
    {"dense+bidi/dense", 6, kName, "bidi/", kNone},
    {"wndow:4", 0, kName, "wndow", "window"},
    {"dense+evrey:4", 6, kName, "evrey", "every"},
    {"WINDOW:4", 0, kName, "WINDOW", "window"},
    {"win:4", 0, kName, "win", "window"},
    {"window256", 0, kName, "window256", "window"},
    {"w:4", 0, kName, "w", kNone},
    {"sliding:4", 0, kName, "sliding", kNone},
    {":4", 0, kName, ":", kNone},
    {"+dense", 0, kName, "+", kNone},
    {"dense+", 6, kName, kEnd, kNone},
    {"dense++sink:1", 6, kName, "+", kNone},
    {" dense", 0, kName, " ", kNone},
    {"dense ", 5, kSeparator, " ", kNone},
    {"dense + dense", 5, kSeparator, " ", kNone},
    {"window", 6, kColon, kEnd, kNone},
    {"window/4", 6, kColon, "/", kNone},
    {"window+dense", 6, kColon, "+", kNone},
    {"window:", 7, kNumber, kEnd, kNone},
    {"window:x", 7, kNumber, "x", kNone},
    {"window: 4", 7, kNumber, " ", kNone},
    {"window:-1", 7, kNumber, "-1", kNone},
    {"window:+1", 7, kNumber, "+", kNone},
    {"window:0", 7, kNumber, "0", kNone},
    {"bidi/dilated:4,0", 15, kNumber, "0", kNone},
    {"local:x,1", 6, "a number", "x", kNone},
    {"window:1073741825", 7, kLimit, "1073741825", kNone},
    {"window:18446744073709551617", 7, kLimit, "18446744073709551617", kNone},
    {"local:4", 7, kComma, kEnd, kNone},
    {"local:4+dense", 7, kComma, "+", kNone},
    {"local:4,", 8, "a number", kEnd, kNone},
    {"window:4,5", 8, kSeparator, ",", kNone},
    {"window:4x", 8, kSeparator, "x", kNone},
    {"window:4.5", 8, kSeparator, ".", kNone},
    {"dense:4", 5, kSeparator, ":", kNone},
    {"window:4+sink:1+window:04", 16, "an atom not listed before", "window:04", kNone},
    {"dense+d\xC3\xA9nse", 6, kName, "d", kNone},
    {"dense\xC3\xA9\xC3\xA9+", 5, kSeparator, "\xC3\xA9\xC3\xA9", kNone},
    {"sink:1+sink:2+sink:3+sink:4+sink:5+sink:6+sink:7+sink:8+sink:9+sink:10+sink:11+sink:12+"
     "sink:13+sink:14+sink:15+sink:16+sink:17",
     118, "at most 16 atoms", "+", kNone},
    {"mask:csv", 0, kName, "mask:csv", "mask:csr"},
    {"mask:blocks", 11, kComma, kEnd, kNone},
    {"mask:blocks:4", 11, kComma, ":", kNone},
    {"mask:csr,4", 8, kSeparator, ",", kNone},
    {"mask:csr+topk:4", 9, "at most one of the mask: and topk atoms", "topk:4", kNone},
    {"global:", 7, kNumber, kEnd, kNone},
    {"topk:4,5", 7, "one of its named parameters, once", "5", kNone},
    {"topk:4,cap=2,cap=6", 13, "one of its named parameters, once", "cap", kNone},
    {"topk:4,tile:2", 7, "one of its named parameters, once", "tile", kNone},
    {"topk:4,cap=0", 11, kNumber, "0", kNone},
    {"topk:4,tile=65537", 12, "a smaller number", "65537", kNone},
    {"heads", 0, kName, "heads", kNone},
    {"heads(", 6, "a number", kEnd, kNone},
    {"heads(3-2=dense)", 6, "query heads in ascending order", "3-2", kNone},
    {"heads(0-3=dense|2=sink:1)", 16, "query heads in ascending order", "2", kNone},
    {"heads(0 dense)", 7, "'=' and a pattern", " ", kNone},
    {"heads(0=dense", 13, "'+', '|' or ')'", kEnd, kNone},
    {"heads(0=dense))", 14, kSeparator, ")", kNone},
    {"heads(0=heads(0=dense))", 8, kName, "heads", kNone},
    {"heads(0=dense)+heads(1=dense)", 15, kName, "heads", kNone},
    {"heads(0=bidi/dense)", 8, kName, "bidi/", kNone},
    {"averyveryveryveryveryverylongname", 0, kName, "averyveryveryveryveryverylongna", kNone},
};

TEST(Parse, ErrorsNameThePlaceAndTheRemedy) {
    for (const Bad &bad : kBad) {
        SCOPED_TRACE(bad.text);
        lac_pattern p = parsed("dense");
        const lac_pattern before = p;
        lac_pattern_error error;
        ASSERT_EQ(lac_pattern_parse(bad.text, &p, &error), LAC_BAD_PATTERN);
        EXPECT_EQ(error.column, bad.column);
        EXPECT_STREQ(error.expected, bad.expected);
        EXPECT_STREQ(error.found, bad.found);
        EXPECT_STREQ(error.nearest, bad.nearest);
        EXPECT_TRUE(same(p, before));
        EXPECT_EQ(lac_pattern_parse(bad.text, &p, nullptr), LAC_BAD_PATTERN);
    }
}

TEST(Parse, FoundIsNeverCutInsideACharacter) {
    std::string wide;
    for (int i = 0; i < 20; i++) wide += "\xC3\xA9";
    lac_pattern p;
    lac_pattern_error error;
    ASSERT_EQ(lac_pattern_parse(wide.c_str(), &p, &error), LAC_BAD_PATTERN);
    EXPECT_EQ(error.found, wide.substr(0, 30));
}

TEST(Parse, NullIsABadArgument) {
    lac_pattern p = parsed("dense");
    EXPECT_EQ(lac_pattern_parse(nullptr, &p, nullptr), LAC_BAD_ARGUMENT);
    EXPECT_EQ(lac_pattern_parse("dense", nullptr, nullptr), LAC_BAD_ARGUMENT);
    EXPECT_EQ(lac_pattern_text(nullptr, nullptr, 0), 0u);
    EXPECT_EQ(lac_pattern_slug(nullptr, nullptr, 0), 0u);
    EXPECT_EQ(lac_pattern_attends(nullptr, nullptr, 0, 0, 0, 0), 0);
    EXPECT_EQ(lac_pattern_text(&p, nullptr, 9), 5u);
}

TEST(Parse, WritesNoByteBeyondCapacity) {
    const lac_pattern p = parsed("bidi/window:256+every:64");
    for (Write write : {lac_pattern_text, lac_pattern_slug}) {
        const std::string whole = written(write, p);
        for (size_t capacity = 0; capacity <= whole.size() + 2; capacity++) {
            std::string memory(whole.size() + 4, '#');
            EXPECT_EQ(write(&p, memory.data(), capacity), whole.size());
            EXPECT_EQ(memory.find_first_not_of('#', capacity), std::string::npos) << capacity;
            if (capacity == 0) continue;
            EXPECT_STREQ(memory.c_str(), whole.substr(0, capacity - 1).c_str());
        }
    }
}

using Spoil = void (*)(lac_pattern &);
const Spoil kSpoilers[] = {
    [](lac_pattern &p) { p.size--; },
    [](lac_pattern &p) { p.bidi = 2; },
    [](lac_pattern &p) { p.atom_count = 0; },
    [](lac_pattern &p) { p.atom_count = LAC_MAX_ATOMS + 1; },
    [](lac_pattern &p) { p.atom[1].kind = lacuna::kAtomKinds; },
    [](lac_pattern &p) { p.atom[1].kind = UINT32_MAX; },
    [](lac_pattern &p) { p.atom[1].arg[0] = 0; },
    [](lac_pattern &p) { p.atom[1].arg[0] = INT32_MIN; },
    [](lac_pattern &p) { p.atom[1].arg[0] = LAC_MAX_ARGUMENT + 1; },
    [](lac_pattern &p) { p.atom[1].arg[4] = 1; },
    [](lac_pattern &p) { p.atom[1].first_head = 1; },
    [](lac_pattern &p) { p.atom[1].end_head = -1; },
    [](lac_pattern &p) { p.atom[1].first_head = p.atom[1].end_head = 3; },
    [](lac_pattern &p) {
        p.atom[0].first_head = 2, p.atom[0].end_head = 4;
        p.atom[1].first_head = 0, p.atom[1].end_head = 2;
    },
    [](lac_pattern &p) { p.atom[1] = p.atom[0]; },
};

TEST(Parse, MalformedDescriptorsAreRefused) {
    const lac_pattern good = parsed("window:4+sink:1");
    const lac_shape shape{sizeof(lac_shape), 1,       1,       1,       10,      10,
                          nullptr,           nullptr, nullptr, nullptr, nullptr, 0};
    EXPECT_EQ(lac_pattern_attends(&good, &shape, 0, 0, 9, 9), 1);
    EXPECT_EQ(lac_pattern_attends(&good, &shape, 0, 0, 9, 5), 0);
    for (size_t i = 0; i < sizeof kSpoilers / sizeof *kSpoilers; i++) {
        lac_pattern p = good;
        kSpoilers[i](p);
        EXPECT_FALSE(lacuna::well_formed(p)) << i;
        EXPECT_EQ(canonical(p), "") << i;
        EXPECT_EQ(slug(p), "") << i;
        EXPECT_EQ(lac_pattern_attends(&p, &shape, 0, 0, 9, 9), 0) << i;
    }
}

// Either a status with a full error, or a descriptor that its own text gives again. Returns
// whether it was the descriptor.
bool fails_or_round_trips(const std::string &text) {
    lac_pattern p;
    lac_pattern_error error;
    if (lac_pattern_parse(text.c_str(), &p, &error) == LAC_OK) {
        EXPECT_TRUE(same(parsed(canonical(p)), p)) << text;
        return true;
    }
    EXPECT_GE(error.column, 0);
    EXPECT_LE(static_cast<size_t>(error.column), strlen(text.c_str()));
    EXPECT_NE(error.expected, nullptr);
    EXPECT_LT(strnlen(error.found, sizeof error.found), sizeof error.found);
    return false;
}

TEST(Parse, AnyBytesFailOrRoundTrip) {
    std::mt19937 random(1);
    for (int i = 0; i < 20000; i++) {
        std::string text(random() % 80, '\0');
        for (char &c : text) c = static_cast<char>(random());
        fails_or_round_trips(text);
    }
}

TEST(Parse, MutatedTextsFailOrRoundTrip) {
    const std::string alphabet = "0149:,+/ -_aeiwbd\xC3";
    std::mt19937 random(2);
    int accepted = 0;
    for (int i = 0; i < 20000; i++) {
        std::string text = kGood[random() % kGood.size()];
        for (uint32_t edits = 1 + random() % 3; edits > 0; edits--) {
            const size_t at = random() % (text.size() + 1), drop = random() % 2;
            text.replace(at, drop, random() % 2, alphabet[random() % alphabet.size()]);
        }
        accepted += fails_or_round_trips(text);
    }
    EXPECT_GT(accepted, 2000);
    EXPECT_LT(accepted, 18000);
}

}  // namespace
