// Copies of a cache: forks, and images that are saved and loaded. Only what was written is copied.
#include "runtime/cache.h"
#include "runtime/carver.h"

namespace lacuna {

namespace {

constexpr uint32_t kImageVersion = 1;
constexpr char kMagic[8] = {'L', 'A', 'C', 'C', 'A', 'C', 'H', 'E'};

struct ImageHeader {
    char magic[8];
    uint32_t version;
    uint32_t byte_order;  // kByteOrder as written
    uint64_t format;      // of the cache that it belongs to
    int32_t tokens, high;
    uint64_t bytes;  // of the whole image
    uint64_t sum;    // of everything before and after this field
};
constexpr uint32_t kByteOrder = 0x01020304u;

class Sum {
public:
    void add(uint64_t x) {
        constexpr uint64_t kPrime = 0x9e3779b97f4a7c15u;
        value_ = (value_ ^ x) * kPrime;
        value_ ^= value_ >> 29;
    }
    void add_bytes(const uint8_t *at, size_t bytes) {
        for (; bytes >= sizeof(uint64_t); bytes -= sizeof(uint64_t), at += sizeof(uint64_t)) {
            uint64_t word = 0;
            __builtin_memcpy(&word, at, sizeof word);
            add(word);
        }
        for (; bytes > 0; bytes--) add(*at++);
    }
    uint64_t value() const { return value_; }

private:
    uint64_t value_ = 0xcbf29ce484222325u;
};

// What decides where a key lies, and what it was kept for.
uint64_t format_of(const lac_cache &c) {
    const lac_variant &v = c.variant();
    Sum sum;
    const lac_cache_options &o = c.options;
    const int32_t sizes[] = {
        v.panel_keys, v.plane,        key_group(v),     value_group(v),    v.head_dim,
        v.value_dim,  v.value_planes, o.heads,          o.kv_heads,        o.max_context,
        o.max_append, o.max_rollback, c.rope.size != 0, c.rope.rotary_dim, c.rope.interleaved != 0};
    for (const int32_t x : sizes) sum.add(static_cast<uint64_t>(x));
    sum.add(v.key_type);
    sum.add(v.value_type);
    sum.add(c.pattern.bidi);
    for (uint32_t a = 0; a < c.pattern.atom_count; a++) {
        const lac_atom &atom = c.pattern.atom[a];
        sum.add(atom.kind);
        for (const int32_t x : atom.arg) sum.add(static_cast<uint64_t>(x));
        sum.add(static_cast<uint64_t>(atom.first_head));
        sum.add(static_cast<uint64_t>(atom.end_head));
    }
    for (int32_t s = 0; s < c.store_count; s++) {
        sum.add(static_cast<uint64_t>(c.store[s].per_residue));
        sum.add(static_cast<uint64_t>(c.store[s].fixed));
    }
    return sum.value();
}

// What has been written of a residue class of a store.
template <class Visitor>
void each_piece_of_class(const lac_variant &v, const PackedStore &store, int64_t residue,
                         int64_t keys, Visitor visit) {
    const int64_t key_bytes = int64_t{v.panel_keys} * key_elements(v) * type_bytes(v.key_type);
    const int64_t value_bytes = int64_t{v.panel_keys} * v.plane * type_bytes(v.value_type);
    const auto scale_bytes = static_cast<int64_t>(sizeof(float)) * v.panel_keys;
    const auto used = smaller<int64_t>(ceil_div(keys, v.panel_keys), store.per_residue);
    const int64_t first = residue * store.per_residue;
    visit(store.keys.data + first * key_bytes, used * key_bytes);
    for (int32_t p = 0; p < v.value_planes; p++)
        visit(store.values.data + (p * store.panels + first) * value_bytes, used * value_bytes);
    if (store.key_scales) visit(store.key_scales + first * v.panel_keys, used * scale_bytes);
    if (store.value_scales) visit(store.value_scales + first * v.panel_keys, used * scale_bytes);
    visit(store.keys_nonfinite + first, used);
    visit(store.values_nonfinite + first, used);
}

// And of the rows of a KV head, its scales, and the factors of its features.
template <class Visitor>
void each_piece_of_rows(const lac_variant &v, const HeadKeys &head, int64_t rows, int64_t scales,
                        Visitor visit) {
    constexpr auto kFloat = static_cast<int64_t>(sizeof(float));
    visit(head.keys.data, rows * v.head_dim * type_bytes(v.key_type));
    visit(head.values.data, rows * v.value_dim * type_bytes(v.value_type));
    if (head.key_scales) visit(head.key_scales, scales * kFloat);
    if (head.value_scales) visit(head.value_scales, scales * kFloat);
    float *const lists[] = {head.query_factors, head.inverse_factors};
    for (float *factors : lists)
        if (factors) visit(factors, v.head_dim * kFloat);
}

// Calls visit(pointer, bytes) for each piece of memory that has been written, when the cache has
// had `high` tokens.
template <class Visitor>
void each_piece(const lac_cache &c, int32_t high, Visitor visit) {
    for (int32_t h = 0; h < c.options.kv_heads; h++) {
        const HeadKeys head = head_keys(c, h);
        for (int32_t s = 0; s < c.store_count; s++)
            for (int32_t r = 0; r < c.store[s].residues; r++)
                each_piece_of_class(c.variant(), head.store[s], r, class_keys(c.store[s], r, high),
                                    visit);
        const int32_t rows = c.rows ? high : 0;
        const int32_t scales = is_fixed8(c.variant().type) ? smaller(high, 1) : rows;
        each_piece_of_rows(c.variant(), head, rows, scales, visit);
    }
}

size_t content_bytes(const lac_cache &c, int32_t high) {
    size_t bytes = 0;
    each_piece(c, high, [&](void *, size_t n) { bytes += n; });
    return bytes;
}

uint64_t sum_of(const ImageHeader &header, const uint8_t *content) {
    ImageHeader unsummed = header;
    unsummed.sum = 0;
    Sum sum;
    sum.add_bytes(reinterpret_cast<const uint8_t *>(&unsummed), sizeof unsummed);
    sum.add_bytes(content, header.bytes - sizeof header);
    return sum.value();
}

bool same_bytes(const char *a, const char *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i]) return false;
    return true;
}

lac_status check_image(const lac_cache &cache, const uint8_t *image, size_t bytes,
                       ImageHeader *header) {
    if (bytes < sizeof *header) return LAC_BAD_IMAGE;
    __builtin_memcpy(header, image, sizeof *header);
    if (!same_bytes(header->magic, kMagic, sizeof kMagic) || header->version != kImageVersion ||
        header->byte_order != kByteOrder || header->format != format_of(cache))
        return LAC_FOREIGN_IMAGE;
    if (header->bytes != bytes || sum_of(*header, image + sizeof *header) != header->sum)
        return LAC_BAD_IMAGE;
    if (header->tokens < 0 || header->tokens > header->high ||
        header->high > cache.options.max_context ||
        bytes != sizeof *header + content_bytes(cache, header->high))
        return LAC_BAD_IMAGE;
    return LAC_OK;
}

}  // namespace
}  // namespace lacuna

using namespace lacuna;

extern "C" {

lac_status lac_cache_fork(const lac_cache *cache, void *memory, size_t bytes, lac_cache **out) {
    if (!cache || !memory || !out) return LAC_BAD_ARGUMENT;
    if (reinterpret_cast<uintptr_t>(memory) % LAC_MEMORY_ALIGNMENT) return LAC_BAD_ALIGNMENT;
    if (bytes < cache->bytes) return LAC_TOO_SMALL;
    auto *copy = static_cast<lac_cache *>(memory);
    *copy = *cache;
    const auto *from = reinterpret_cast<const uint8_t *>(cache);
    auto *to = static_cast<uint8_t *>(memory);
    each_piece(*cache, cache->high, [&](void *piece, size_t n) {
        const ptrdiff_t at = static_cast<const uint8_t *>(piece) - from;
        __builtin_memcpy(to + at, from + at, n);
    });
    *out = copy;
    return LAC_OK;
}

size_t lac_cache_image_bytes(const lac_cache *cache) {
    return cache ? sizeof(ImageHeader) + content_bytes(*cache, cache->high) : 0;
}

lac_status lac_cache_save(const lac_cache *cache, void *image, size_t bytes) {
    if (!cache || !image) return LAC_BAD_ARGUMENT;
    const size_t needed = lac_cache_image_bytes(cache);
    if (bytes < needed) return LAC_TOO_SMALL;
    ImageHeader header{};
    __builtin_memcpy(header.magic, kMagic, sizeof kMagic);
    header.version = kImageVersion;
    header.byte_order = kByteOrder;
    header.format = format_of(*cache);
    header.tokens = cache->tokens;
    header.high = cache->high;
    header.bytes = needed;
    auto *content = static_cast<uint8_t *>(image) + sizeof header;
    uint8_t *at = content;
    each_piece(*cache, cache->high, [&](const void *piece, size_t n) {
        __builtin_memcpy(at, piece, n);
        at += n;
    });
    header.sum = sum_of(header, content);
    __builtin_memcpy(image, &header, sizeof header);
    return LAC_OK;
}

lac_status lac_cache_load(lac_cache *cache, const void *image, size_t bytes) {
    if (!cache || !image) return LAC_BAD_ARGUMENT;
    const auto *from = static_cast<const uint8_t *>(image);
    ImageHeader header;
    if (lac_status s = check_image(*cache, from, bytes, &header); s != LAC_OK) return s;
    from += sizeof header;
    each_piece(*cache, header.high, [&](void *piece, size_t n) {
        __builtin_memcpy(piece, from, n);
        from += n;
    });
    cache->tokens = header.tokens;
    cache->high = header.high;
    return LAC_OK;
}

}  // extern "C"
