// Small pictures, drawn by hand.
#include "cli/picture.h"

#include <gtest/gtest.h>
#include <png.h>

#include "cli/pattern_option.h"

namespace lacuna {
namespace {

// The last `queries` of `tokens` positions, against all of them.
Mask mask_for(const std::string &pattern, int32_t queries, int32_t tokens, int32_t heads = 1,
              int64_t head = 0) {
    const lac_shape shape{sizeof(lac_shape), 1,       heads,   heads,   queries, tokens,
                          nullptr,           nullptr, nullptr, nullptr, nullptr, 0};
    return mask_of(parse_pattern_option(pattern), shape, head);
}

std::string draw(const std::string &pattern, int32_t tokens, bool ascii, int64_t cell = 1,
                 int32_t queries = 0) {
    const Mask mask = mask_for(pattern, queries > 0 ? queries : tokens, tokens);
    return text_picture(density_of(mask, cell), ascii);
}

struct Png {
    int64_t width, height;
    std::string gray;
    int at(int64_t x, int64_t y) const { return static_cast<unsigned char>(gray[y * width + x]); }
};

Png decode(const std::string &bytes) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    EXPECT_TRUE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()));
    image.format = PNG_FORMAT_GRAY;
    Png png{image.width, image.height, std::string(PNG_IMAGE_SIZE(image), '\0')};
    EXPECT_TRUE(png_image_finish_read(&image, nullptr, png.gray.data(), 0, nullptr));
    return png;
}

TEST(Picture, AsciiIsTheMaskItself) {
    EXPECT_EQ(draw("window:2+every:4", 6, true),
              "#.....\n"
              "##....\n"
              "###...\n"
              "#.##..\n"
              "#..##.\n"
              "#...##\n");
    EXPECT_EQ(draw("bidi/window:2", 3, true), "##.\n###\n.##\n");
}

TEST(Picture, HalfBlocksAreTwoRowsALine) {
    EXPECT_EQ(draw("window:1", 4, false), "▀▄\n  ▀▄\n");
    EXPECT_EQ(draw("dense", 4, false), "█▄\n███▄\n");
    EXPECT_EQ(draw("dense", 3, false), "█▄\n▀▀▀\n");  // the last line has one row
}

TEST(Picture, QueriesAreTheLastPositions) {
    EXPECT_EQ(draw("window:2", 6, true, 1, 2), "...##.\n....##\n");
    EXPECT_EQ(draw("window:2", 6, false, 1, 1), "    ▀▀\n");
}

TEST(Picture, SquaresKeptInPartAreMarked) {
    EXPECT_EQ(draw("dense", 6, true, 2), "+..\n#+.\n##+\n");
    // The last squares are cut to 2 × 1, 1 × 2 and 1 × 1: full means all that is there.
    EXPECT_EQ(draw("dense", 5, true, 2), "+..\n#+.\n###\n");
    // Shades by thirds: 7 of 8, 3 of 8, 6 of 72.
    EXPECT_EQ(draw("dense", 4, false, 2), "▓▒\n");
    EXPECT_EQ(draw("window:1", 12, false, 6), "░░\n");
    EXPECT_EQ(draw("bidi/dense", 5, false, 2), "███\n▀▀▀\n");
}

TEST(Picture, DensityCountsEachPairOnce) {
    for (const int64_t cell : {1, 2, 3, 7, 64}) {
        const Mask mask = mask_for("window:3", 10, 10);
        EXPECT_EQ(density_of(mask, cell).pairs(), 27) << cell;
    }
}

TEST(Picture, AnyFunctionOfAHeadCanBeDrawn) {
    const Mask mask{2, 3, [](int64_t head, int64_t q, int64_t k) { return q + k == head; }, 2};
    EXPECT_EQ(text_picture(density_of(mask, 1), true), "..#\n.#.\n");
}

TEST(Picture, HeadsOfAMixDiffer) {
    const auto head = [](int64_t h) {
        const Mask mask = mask_for("heads(0=window:1|1=sink:1)", 3, 3, 2, h);
        return text_picture(density_of(mask, 1), true);
    };
    EXPECT_EQ(head(0), "#..\n.#.\n..#\n");
    EXPECT_EQ(head(1), "#..\n#..\n#..\n");
}

TEST(Picture, PngsOfSeveralMasksStandOneBelowTheOther) {
    const Png png = decode(png_picture({mask_for("window:1", 4, 512), mask_for("dense", 4, 512)}));
    EXPECT_EQ(png.width, 512);
    ASSERT_EQ(png.height, 4 + 3 + 4);
    for (int64_t y = 0; y < 4; y++) {
        EXPECT_EQ(png.at(508, y), y == 0 ? 0 : 255);
        EXPECT_EQ(png.at(508, 7 + y), 0);
    }
    for (int64_t y = 4; y < 7; y++) EXPECT_EQ(png.at(508, y), 235);
}

TEST(Picture, SmallPngIsEnlargedExactly) {
    const Png png = decode(png_picture({mask_for("window:2", 64, 64)}));
    ASSERT_EQ(png.width, 512);
    ASSERT_EQ(png.height, 512);
    for (int64_t y = 0; y < 512; y++) {
        for (int64_t x = 0; x < 512; x++) {
            const int64_t back = y / 8 - x / 8;
            ASSERT_EQ(png.at(x, y), back == 0 || back == 1 ? 0 : 255) << x << ", " << y;
        }
    }
}

TEST(Picture, PngSidesFollowTheMask) {
    const Png png = decode(png_picture({mask_for("dense", 1, 600)}));
    EXPECT_EQ(png.width, 600);
    EXPECT_EQ(png.height, 1);
}

TEST(Picture, LargePngIsShaded) {
    const Mask mask{2, 8192, [](int64_t, int64_t q, int64_t k) { return k < 2 || (k == 4 && q); }};
    const Png png = decode(png_picture({mask}));
    EXPECT_EQ(png.width, 4096);
    EXPECT_EQ(png.height, 1);
    EXPECT_EQ(png.at(0, 0), 0);
    EXPECT_EQ(png.at(1, 0), 255);
    EXPECT_EQ(png.at(2, 0), 215 - 215 / 4);  // one of four pairs
}

}  // namespace
}  // namespace lacuna
