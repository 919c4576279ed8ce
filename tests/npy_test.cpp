// .npy files: what NumPy writes is read, everything else is refused with a sentence.
#include "cli/npy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "cli/files.h"
#include "tests/folder.h"
#include "tests/npy_file.h"

namespace lacuna {
namespace {

std::string bytes_of(const std::vector<float> &data) {
    return {reinterpret_cast<const char *>(data.data()), data.size() * sizeof(float)};
}

std::string file_of(const std::string &dict, const std::string &data, int major = 1) {
    const std::string text = dict + "  \n";
    std::string bytes("\x93NUMPY", 6);
    bytes += {static_cast<char>(major), '\0'};
    for (int i = 0; i < (major == 1 ? 2 : 4); i++)
        bytes += static_cast<char>(text.size() >> (8 * i) & 255);
    return bytes + text + data;
}

std::string dict_of(const std::string &descr, const std::string &order, const std::string &shape) {
    return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

// The message of the Failure, or "" when the file is read.
std::string refusal(const std::string &bytes) {
    return refusal_of([&] { parse_npy(bytes, "q.npy"); });
}

std::string refusal(const std::string &descr, const std::string &order, const std::string &shape) {
    return refusal(file_of(dict_of(descr, order, shape), bytes_of({1, 2, 3, 4, 5, 6})));
}

const std::vector<float> kSix = {1, -2, 3.5F, 0, 5, 6};

TEST(Npy, RoundTripKeepsShapeAndBits) {
    const std::string path = testing::TempDir() + "/round.npy";
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<Array> arrays = {
        {{}, {7}}, {{0}, {}}, {{3, 0, 2}, {}}, {{6}, kSix}, {{1, 2, 3}, {1, nan, -0.F, 4, 5, 6}}};
    for (const Array &array : arrays) {
        write_npy(path, array);
        const Array back = read_npy(path);
        EXPECT_EQ(back.shape, array.shape);
        EXPECT_EQ(bytes_of(back.data), bytes_of(array.data));
    }
    std::filesystem::remove(path);
}

// Headers copied from files that NumPy 2 wrote: numpy.save("x.npy", numpy.zeros(shape, "<f4")).
TEST(Npy, BytesAreNumpys) {
    const std::string spaces(56, ' ');
    EXPECT_EQ(npy_bytes({{2, 3}, kSix}),
              std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                  "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" + spaces + "  \n" +
                  bytes_of(kSix));
    EXPECT_EQ(npy_bytes({{6}, kSix}).substr(0, 128),
              std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                  "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }" + spaces + "    \n");
    EXPECT_EQ(npy_bytes({{}, {1}}).substr(0, 128),
              std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                  "{'descr': '<f4', 'fortran_order': False, 'shape': (), }" + spaces + "      \n");
    // Room for the first extent to grow spills into the next 64 bytes.
    const std::vector<int64_t> long_shape(18, 1);
    EXPECT_EQ(npy_bytes({long_shape, {1}}).size(), 192 + 4U);
    // A header that would fit exactly gets 64 spaces more, as NumPy does it.
    EXPECT_EQ(npy_bytes({{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 111}, {}}).size(), 192U);
}

TEST(Npy, ReadsEveryFormatVersion) {
    for (const int major : {1, 2, 3}) {
        const std::string bytes =
            file_of(dict_of("'<f4'", "False", "(2, 3)"), bytes_of(kSix), major);
        EXPECT_EQ(parse_npy(bytes, "q.npy").data, kSix) << major;
    }
}

TEST(Npy, ReadsOtherSpellingsOfTheSameHeader) {
    for (const char *dict : {R"({"descr":"<f4","fortran_order":False,"shape":(2,3)})",
                             "{'shape': (2, 3,), 'descr': '<f4', 'fortran_order': False}"})
        EXPECT_EQ(parse_npy(file_of(dict, bytes_of(kSix)), "q.npy").shape,
                  (std::vector<int64_t>{2, 3}))
            << dict;
}

TEST(Npy, HeaderParserTakesOtherTypes) {
    const NpyHeader header =
        parse_npy_header(file_of(dict_of("'|b1'", "True", "(4, 5)"), ""), "m.npy");
    EXPECT_EQ(header.descr, "|b1");
    EXPECT_TRUE(header.fortran);
    EXPECT_EQ(header.shape, (std::vector<int64_t>{4, 5}));
}

TEST(Npy, RefusesOtherTypesByName) {
    EXPECT_EQ(refusal("'<f8'", "False", "(6,)"),
              "q.npy: holds float64 ('<f8'), expected float32 ('<f4') or float16 ('<f2')");
    const std::pair<const char *, const char *> types[] = {{"'>f2'", "big-endian float16"},
                                                           {"'>f4'", "big-endian float32"},
                                                           {"'<i4'", "int32"},
                                                           {"'|i1'", "int8"},
                                                           {"'<u8'", "uint64"},
                                                           {"'|b1'", "bool"},
                                                           {"'<c8'", "complex64"},
                                                           {"'|V4'", "another type"},
                                                           {"'|O'", "never unpickled"},
                                                           {"''", "another type"},
                                                           {"'=f4'", "float32 ('=f4')"}};
    for (const auto &[descr, name] : types)
        EXPECT_NE(refusal(descr, "False", "(6,)").find(name), std::string::npos) << descr;
    EXPECT_NE(refusal("[('x', '<f4')]", "False", "(6,)").find("records"), std::string::npos);
}

// Halves are widened, and written where they are asked for: the same bytes again.
TEST(Npy, ReadsAndWritesHalves) {
    const std::vector<uint16_t> halves{0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x8000};
    const std::string bytes = npy_file("<f2", {2, 3}, halves);
    const Array array = parse_npy(bytes, "q.npy");
    EXPECT_EQ(array.shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(array.data, (std::vector<float>{1, -2, 0x1p-24f, 65504, INFINITY, -0.0f}));
    EXPECT_EQ(parse_npy(npy_bytes(array, LAC_F16), "q.npy").data, array.data);
    EXPECT_NE(npy_bytes(array, LAC_F16).find("'<f2'"), std::string::npos);
    EXPECT_NE(npy_bytes(array, LAC_BF16).find("'<f4'"), std::string::npos);
    EXPECT_EQ(npy_bytes(array, LAC_F16).size() + 2 * halves.size(), npy_bytes(array).size());
}

TEST(Npy, ReadsBoolsAndIntegers) {
    const BoolArray bools = parse_npy_bools(npy_file<char>("|b1", {2, 2}, {1, 0, 0, 1}), "m.npy");
    EXPECT_EQ(bools.shape, (std::vector<int64_t>{2, 2}));
    EXPECT_EQ(bools.data, (std::vector<uint8_t>{1, 0, 0, 1}));
    const std::vector<int64_t> wide{-5, int64_t{1} << 40, 0};
    EXPECT_EQ(parse_npy_integers(npy_file("<i8", {3}, wide), "g.npy").data, wide);
    EXPECT_EQ(parse_npy_integers(npy_file<int32_t>("<i4", {2}, {-5, 7}), "g.npy").data,
              (std::vector<int64_t>{-5, 7}));
}

TEST(Npy, BoolsAndIntegersAreReadAsStrictly) {
    const auto bools = [](const std::string &bytes) {
        return refusal_of([&] { parse_npy_bools(bytes, "m.npy"); });
    };
    const auto integers = [](const std::string &bytes) {
        return refusal_of([&] { parse_npy_integers(bytes, "g.npy"); });
    };
    EXPECT_EQ(bools(npy_file<char>("|b1", {3}, {1, 0, 2})),
              "m.npy: element 2 is the byte 2, expected 0 or 1 of a bool");
    EXPECT_EQ(bools(npy_file<char>("|u1", {1}, {1})),
              "m.npy: holds uint8 ('|u1'), expected bool ('|b1')");
    EXPECT_EQ(bools(npy_file<char>("|b1", {2}, {1})),
              "m.npy: holds 1 bytes of data, shape (2,) needs 2");
    EXPECT_EQ(integers(npy_file<int64_t>("<u8", {1}, {1})),
              "g.npy: holds uint64 ('<u8'), expected int32 ('<i4') or int64 ('<i8')");
    EXPECT_NE(integers(npy_file<int64_t>(">i8", {1}, {1})), "");
    EXPECT_EQ(integers(npy_file<int32_t>("<i8", {1}, {1})),
              "g.npy: holds 4 bytes of data, shape (1,) needs 8");
    const std::string fortran = dict_of("'|b1'", "True", "(1, 1)");
    EXPECT_EQ(bools(file_of(fortran, "\1")),
              "m.npy: is in Fortran order, expected C order (numpy.ascontiguousarray)");
}

TEST(Npy, RefusesShapesThatDoNotFit) {
    EXPECT_EQ(refusal("'<f4'", "False", "(7,)"),
              "q.npy: holds 24 bytes of data, shape (7,) needs 28");
    EXPECT_EQ(refusal("'<f4'", "False", "(5,)"),
              "q.npy: holds 24 bytes of data, shape (5,) needs 20");
    EXPECT_EQ(refusal("'<f4'", "False", "(-6,)"),
              "q.npy: its .npy header has a negative extent in 'shape'");
    EXPECT_EQ(refusal("'<f4'", "False", "(4294967296, 4294967296)"),
              "q.npy: shape (4294967296, 4294967296) is too large");
    EXPECT_EQ(refusal("'<f4'", "False", "(0, 4294967296, 4294967296)"),
              "q.npy: shape (0, 4294967296, 4294967296) is too large");
    EXPECT_EQ(refusal("'<f4'", "False", "(2305843009213693958,)"),  // 2^61 + 6: 24 bytes mod 2^64
              "q.npy: shape (2305843009213693958,) is too large");
    EXPECT_EQ(refusal("'<f4'", "False", "(18446744073709551622,)"),  // 6 mod 2^64
              "q.npy: its .npy header has an extent past 2^63 in 'shape'");
    EXPECT_EQ(refusal("'<f4'", "True", "(6,)"),
              "q.npy: is in Fortran order, expected C order (numpy.ascontiguousarray)");
}

TEST(Npy, RefusesMalformedHeaders) {
    for (const char *shape : {"6", "(6)", "[6]", "(6,,)", "(6.0,)", "(06,)", "(6 1)", "('6',)",
                              "(6,", "(True,)", "(,)", "(+6,)", "(0x6,)", "(6L,)"})
        EXPECT_NE(refusal("'<f4'", "False", shape), "") << shape;
    for (const char *order : {"false", "0", "None", "Fals", "Falsee", "'False'"})
        EXPECT_NE(refusal("'<f4'", order, "(6,)"), "") << order;
    const std::string good = dict_of("'<f4'", "False", "(6,)");
    for (const std::string &dict :
         {std::string("{}"), std::string(""), good.substr(1), good + "}", good + " x", "\t" + good,
          std::string("{'descr': '<f4', 'shape': (6,), }"),
          good.substr(0, good.size() - 1) + "'shape': (6,), }",
          good.substr(0, good.size() - 1) + "'extra': 1, }",
          std::string("{'descr': '<f4\", 'fortran_order': False, 'shape': (6,), }"),
          std::string("{'descr': '<f4', , 'fortran_order': False, 'shape': (6,), }"),
          std::string("{'descr': '<f4' 'fortran_order': False, 'shape': (6,), }")})
        EXPECT_NE(refusal(file_of(dict, bytes_of(kSix))), "") << dict;
    EXPECT_EQ(refusal(file_of(good, bytes_of(kSix))), "");
}

TEST(Npy, RefusesOtherFiles) {
    EXPECT_EQ(refusal(""), "q.npy: is no .npy file (its first bytes are not \\x93NUMPY)");
    EXPECT_EQ(refusal("PK\3\4 an .npz archive"), refusal(""));
    std::string bytes = npy_bytes({{6}, kSix});
    bytes[6] = 4;
    EXPECT_EQ(refusal(bytes), "q.npy: is .npy format 4.0, expected 1.0, 2.0 or 3.0");
    EXPECT_THROW(read_npy("/nonexistent/q.npy"), Failure);
    EXPECT_THROW(read_npy("/"), Failure);
}

TEST(Npy, TruncationAnywhereIsAnError) {
    for (const int major : {1, 2}) {
        const std::string whole =
            file_of(dict_of("'<f4'", "False", "(2, 3)"), bytes_of(kSix), major);
        ASSERT_EQ(refusal(whole), "");
        for (size_t size = 0; size < whole.size(); size++)
            EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
        EXPECT_NE(refusal(whole + '\0'), "");
    }
}

TEST(Npy, NoFlippedBitOfAHeaderGoesUnnoticed) {
    const std::string whole = npy_bytes({{2, 3}, kSix});
    for (size_t bit = 0; bit < size_t{128} * 8; bit++) {
        std::string flipped = whole;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
        EXPECT_NE(refusal(flipped), "") << "byte " << bit / 8 << ", bit " << bit % 8;
    }
}

}  // namespace
}  // namespace lacuna
