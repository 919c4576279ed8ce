#include "cli/picture.h"

#include <png.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "patterns/pattern.h"
#include "runtime/lists.h"

namespace lacuna {

namespace {

constexpr int64_t kLargestPng = 4096, kVisiblePng = 512, kGapRows = 3;
constexpr png_byte kGapGray = 235;

// A square, or the two of a half-block character.
struct Cell {
    int64_t kept = 0, area = 0;
    bool none() const { return kept == 0; }
    bool all() const { return kept == area; }
};

Cell cell_at(const Density &density, int64_t row, int64_t column) {
    if (row >= density.rows) return {};
    return {density.kept[row * density.columns + column], density.area(row, column)};
}

const char *half_block(const Cell &upper, const Cell &lower) {
    const auto exact = [](const Cell &c) { return c.none() || c.all(); };
    if (exact(upper) && exact(lower)) {
        static const char *const kBlocks[] = {" ", "▄", "▀", "█"};
        return kBlocks[(upper.none() ? 0 : 2) + (lower.none() ? 0 : 1)];
    }
    static const char *const kShades[] = {"░", "▒", "▓"};
    return kShades[(upper.kept + lower.kept) * 3 / (upper.area + lower.area)];
}

char ascii_block(const Cell &cell) {
    if (cell.none()) return '.';
    return cell.all() ? '#' : '+';
}

// 255 is white: none kept. A square with a single kept pair is already visibly gray.
png_byte gray(const Cell &cell) {
    if (cell.none()) return 255;
    return static_cast<png_byte>(215 - 215 * cell.kept / cell.area);
}

void add_pixels(const Density &density, int64_t zoom, std::vector<png_byte> &pixels) {
    for (int64_t row = 0; row < density.rows * zoom; row++)
        for (int64_t column = 0; column < density.columns; column++)
            pixels.insert(pixels.end(), zoom, gray(cell_at(density, row / zoom, column)));
}

std::string encode(const std::vector<png_byte> &pixels, int64_t width, int64_t height) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.format = PNG_FORMAT_GRAY;
    image.width = static_cast<png_uint_32>(width);
    image.height = static_cast<png_uint_32>(height);
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    std::string bytes(size, '\0');
    if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr))
        throw std::runtime_error(std::string("libpng: ") + image.message);
    bytes.resize(size);
    return bytes;
}

}  // namespace

Mask mask_of(const lac_pattern &pattern, const lac_shape &shape, int64_t head) {
    const int64_t tokens = keys_in(shape, 0);
    const Sequence in = sequence_of(shape, shape.lists, 0);
    const auto keeps = [pattern, tokens, in](int64_t h, int64_t query, int64_t key) {
        return attends(pattern, {h, in.q_start + query, key, tokens, in});
    };
    return {queries_in(shape, 0), tokens, keeps, head};
}

int64_t Density::pairs() const { return std::accumulate(kept.begin(), kept.end(), int64_t{0}); }

int64_t Density::area(int64_t row, int64_t column) const {
    return std::min(cell, queries - row * cell) * std::min(cell, keys - column * cell);
}

Density density_of(const Mask &mask, int64_t cell) {
    Density density{
        mask.queries, mask.keys, cell, ceil_div(mask.queries, cell), ceil_div(mask.keys, cell), {}};
    density.kept.resize(density.rows * density.columns);
    for (int64_t query = 0; query < mask.queries; query++) {
        int64_t *row = &density.kept[query / cell * density.columns];
        for (int64_t key = 0; key < mask.keys; key++)
            row[key / cell] += mask.keeps(mask.head, query, key);
    }
    return density;
}

std::string text_picture(const Density &density, bool ascii) {
    std::string text;
    for (int64_t row = 0; row < density.rows; row += ascii ? 1 : 2) {
        std::string line;
        for (int64_t column = 0; column < density.columns; column++) {
            const Cell cell = cell_at(density, row, column);
            if (ascii)
                line += ascii_block(cell);
            else
                line += half_block(cell, cell_at(density, row + 1, column));
        }
        line.resize(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

std::string png_picture(const std::vector<Mask> &masks) {
    const auto count = static_cast<int64_t>(masks.size());
    const int64_t longest = std::max(masks[0].queries * count, masks[0].keys);
    const int64_t zoom = std::max<int64_t>(1, ceil_div(kVisiblePng, longest));
    std::vector<png_byte> pixels;
    int64_t width = 0;
    for (const Mask &mask : masks) {
        const Density density = density_of(mask, ceil_div(longest, kLargestPng));
        width = density.columns * zoom;
        if (!pixels.empty()) pixels.insert(pixels.end(), kGapRows * width, kGapGray);
        add_pixels(density, zoom, pixels);
    }
    return encode(pixels, width, static_cast<int64_t>(pixels.size()) / width);
}

}  // namespace lacuna
