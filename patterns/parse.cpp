// The pattern language, read and written. Everything about atoms comes from their syntax rows: no
// atom is named here. Freestanding: no C++ library, no allocation, nothing to construct.
#include "patterns/parse.h"

#include "patterns/pattern.h"

namespace lacuna {
namespace {

constexpr char kBidi[] = "bidi", kBidiPrefix[] = "bidi/";
constexpr int kFarthest = 2;      // edits that still make a likely spelling
constexpr int kLongestName = 31;  // of an atom; longer ones get no suggestion

#define LAC_QUOTE(x) #x
#define LAC_TEXT(x) LAC_QUOTE(x)
constexpr char kTooManyAtoms[] = "at most " LAC_TEXT(LAC_MAX_ATOMS) " atoms";
constexpr char kTooLarge[] = "a number of at most 2^30";
static_assert(LAC_MAX_ARGUMENT == 1 << 30, "kTooLarge states the limit");

struct Slice {
    const char *first, *end;
    ptrdiff_t size() const { return end - first; }
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool in_word(char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || c == '-';
}
// Bytes of UTF-8 characters beyond ASCII; shown together, so that a message stays readable.
bool in_wide(char c) { return (c & 0x80) != 0; }

ptrdiff_t length(const char *text) {
    ptrdiff_t n = 0;
    while (text[n] != '\0') n++;
    return n;
}

Slice run_of(bool (*belongs)(char), const char *at) {
    const char *end = at;
    while (belongs(*end)) end++;
    return {at, end};
}

// What a message shows as found at this place: a word, or one character.
Slice token_at(const char *at) {
    if (in_word(*at)) return run_of(in_word, at);
    if (in_wide(*at)) return run_of(in_wide, at);
    return {at, *at == '\0' ? at : at + 1};
}

bool equals(Slice text, const char *name) {
    for (const char *c = text.first; c != text.end; c++, name++)
        if (*c != *name) return false;
    return *name == '\0';
}

// One is the other's beginning, by at least two letters: "win", "window256".
bool abbreviates(Slice word, const char *name) {
    if (word.size() < 2) return false;
    const char *c = word.first;
    while (c != word.end && *name != '\0' && lower(*c) == *name) c++, name++;
    return c == word.end || *name == '\0';
}

// Letters to insert, drop or change, case aside.
ptrdiff_t edit_distance(Slice word, const char *name) {
    const ptrdiff_t n = length(name);
    if (n > kLongestName || word.size() > n + kFarthest) return kFarthest + 1;
    ptrdiff_t row[kLongestName + 1];
    for (ptrdiff_t j = 0; j <= n; j++) row[j] = j;
    for (const char *c = word.first; c != word.end; c++) {
        ptrdiff_t diagonal = row[0]++;
        for (ptrdiff_t j = 1; j <= n; j++) {
            const ptrdiff_t changed = diagonal + (lower(*c) != name[j - 1]);
            diagonal = row[j];
            row[j] = smaller(changed, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

const char *nearest_name(Slice word, bool may_be_bidi) {
    const char *nearest = nullptr;
    ptrdiff_t least = kFarthest + 1;
    const auto consider = [&](const char *name, const char *spelling) {
        const ptrdiff_t distance = abbreviates(word, name) ? 0 : edit_distance(word, name);
        if (distance >= least) return;
        least = distance;
        nearest = spelling;
    };
    if (may_be_bidi) consider(kBidi, kBidiPrefix);
    for (uint32_t kind = 0; kind < kAtomKinds; kind++)
        consider(syntax_of(kind).name, syntax_of(kind).name);
    return nearest;
}

const char *at_least(int32_t least) {
    switch (least) {
        case 0: return "a number";
        case 1: return "a number of at least 1";
        default: return "a larger number";
    }
}

struct Reader {
    const char *text, *at;
    lac_pattern_error *error;

    // Always false, so that a caller can return it.
    bool fail(Slice found, const char *expected, const char *nearest = nullptr) const;
};

bool Reader::fail(Slice found, const char *expected, const char *nearest) const {
    if (error == nullptr) return false;
    error->column = static_cast<int32_t>(found.first - text);
    error->expected = expected;
    error->nearest = nearest;
    constexpr char kEnd[] = "end of text";
    if (found.size() == 0) found = {kEnd, kEnd + sizeof kEnd - 1};
    const char *end = found.first + smaller<ptrdiff_t>(found.size(), sizeof error->found - 1);
    // Never cut inside a UTF-8 character; the rest of the text may hold any bytes, though.
    if (end != found.end)
        for (int i = 0; i < 3 && (*end & 0xC0) == 0x80; i++) end--;
    char *to = error->found;
    for (const char *c = found.first; c != end; c++) *to++ = *c;
    *to = '\0';
    return false;
}

// Decimal digits and nothing else; leading zeros are harmless.
bool read_number(Reader &r, const Parameter &allowed, int32_t &value) {
    const Slice digits = run_of(is_digit, r.at);
    if (digits.size() == 0) return r.fail(token_at(r.at), at_least(allowed.least));
    int64_t number = 0;
    for (const char *c = digits.first; c != digits.end; c++)
        number = smaller<int64_t>(number * 10 + (*c - '0'), int64_t{LAC_MAX_ARGUMENT} + 1);
    if (number < allowed.least) return r.fail(digits, at_least(allowed.least));
    if (number > LAC_MAX_ARGUMENT) return r.fail(digits, kTooLarge);
    if (number > allowed.most) return r.fail(digits, "a smaller number");
    value = static_cast<int32_t>(number);
    r.at = digits.end;
    return true;
}

bool read_arguments(Reader &r, const Syntax &syntax, lac_atom &atom) {
    for (int i = 0; i < syntax.count; i++) {
        const bool given = *r.at == (i == 0 ? ':' : ',');
        if (!given && i >= syntax.count - syntax.optional) break;
        if (!given)
            return r.fail(token_at(r.at), i == 0 ? "':' and a number" : "',' and another number");
        r.at++;
        if (!read_number(r, syntax.parameter[i], atom.arg[i])) return false;
    }
    return true;
}

bool same_atom(const lac_atom &a, const lac_atom &b) {
    bool same = a.kind == b.kind;
    for (int i = 0; i < LAC_ATOM_ARGS; i++) same = same && a.arg[i] == b.arg[i];
    return same;
}
bool listed_before(const lac_pattern &p, uint32_t count, const lac_atom &atom) {
    for (uint32_t i = 0; i < count; i++)
        if (same_atom(p.atom[i], atom)) return true;
    return false;
}

bool read_atom(Reader &r, lac_pattern &p) {
    const Slice name = run_of(in_word, r.at);
    lac_atom atom = {};
    while (atom.kind < kAtomKinds && !equals(name, syntax_of(atom.kind).name)) atom.kind++;
    if (atom.kind == kAtomKinds) {
        Slice found = token_at(r.at);
        if (name.size() > 0 && *found.end == '/') found.end++;
        return r.fail(found, "an atom name", nearest_name(name, r.at == r.text));
    }
    r.at = name.end;
    if (!read_arguments(r, syntax_of(atom.kind), atom)) return false;
    if (listed_before(p, p.atom_count, atom))
        return r.fail({name.first, r.at}, "an atom not listed before");
    p.atom[p.atom_count++] = atom;
    return true;
}

bool read_pattern(Reader &r, lac_pattern &p) {
    const Slice prefix = run_of(in_word, r.at);
    p.bidi = equals(prefix, kBidi) && *prefix.end == '/';
    if (p.bidi) r.at = prefix.end + 1;
    for (;;) {
        if (!read_atom(r, p)) return false;
        if (*r.at == '\0') return true;
        if (*r.at != '+') return r.fail(token_at(r.at), "'+' or the end");
        if (p.atom_count == LAC_MAX_ATOMS) return r.fail(token_at(r.at), kTooManyAtoms);
        r.at++;
    }
}

// Counts what it cannot write.
struct Writer {
    char *text;
    size_t capacity, length;

    void put(char c) {
        if (length + 1 < capacity) text[length] = c;
        length++;
    }
    void put(const char *word) {
        while (*word != '\0') put(*word++);
    }
    void put(int32_t number) {
        if (number >= 10) put(number / 10);
        put(static_cast<char>('0' + number % 10));
    }
    size_t finish() const {
        if (capacity > 0) text[smaller(length, capacity - 1)] = '\0';
        return length;
    }
};

struct Punctuation {
    char bidi, first, next, plus;
};

size_t write(const lac_pattern *pattern, Punctuation mark, char *text, size_t capacity) {
    Writer w{text, text == nullptr ? 0 : capacity, 0};
    if (pattern == nullptr || !well_formed(*pattern)) return w.finish();
    if (pattern->bidi) {
        w.put(kBidi);
        w.put(mark.bidi);
    }
    for (uint32_t i = 0; i < pattern->atom_count; i++) {
        const lac_atom &atom = pattern->atom[i];
        const Syntax &syntax = syntax_of(atom.kind);
        if (i > 0) w.put(mark.plus);
        w.put(syntax.name);
        for (int j = 0; j < syntax.count; j++) {
            w.put(j == 0 ? mark.first : mark.next);
            w.put(atom.arg[j]);
        }
    }
    return w.finish();
}

bool well_formed(const lac_atom &atom) {
    if (atom.kind >= kAtomKinds) return false;
    const Syntax &syntax = syntax_of(atom.kind);
    for (int i = 0; i < LAC_ATOM_ARGS; i++) {
        const bool used = i < syntax.count;
        const int32_t least = used ? syntax.parameter[i].least : 0;
        if (atom.arg[i] < least || atom.arg[i] > (used ? syntax.parameter[i].most : 0))
            return false;
    }
    return true;
}

}  // namespace

bool well_formed(const lac_pattern &p) {
    if (p.size != sizeof(lac_pattern) || p.bidi > 1) return false;
    if (p.atom_count < 1 || p.atom_count > LAC_MAX_ATOMS) return false;
    for (uint32_t i = 0; i < p.atom_count; i++)
        if (!well_formed(p.atom[i]) || listed_before(p, i, p.atom[i])) return false;
    return true;
}

bool same_pattern(const lac_pattern &a, const lac_pattern &b) {
    if (a.bidi != b.bidi || a.atom_count != b.atom_count) return false;
    for (uint32_t i = 0; i < a.atom_count; i++)
        if (!same_atom(a.atom[i], b.atom[i])) return false;
    return true;
}

}  // namespace lacuna

extern "C" {

lac_status lac_pattern_parse(const char *text, lac_pattern *pattern, lac_pattern_error *error) {
    if (text == nullptr || pattern == nullptr) return LAC_BAD_ARGUMENT;
    lac_pattern made = {};
    made.size = sizeof made;
    lacuna::Reader reader{text, text, error};
    if (!lacuna::read_pattern(reader, made)) return LAC_BAD_PATTERN;
    *pattern = made;
    return LAC_OK;
}

size_t lac_pattern_text(const lac_pattern *pattern, char *text, size_t capacity) {
    return lacuna::write(pattern, {'/', ':', ',', '+'}, text, capacity);
}

size_t lac_pattern_slug(const lac_pattern *pattern, char *text, size_t capacity) {
    return lacuna::write(pattern, {'_', '_', '_', '_'}, text, capacity);
}

int lac_pattern_attends(const lac_pattern *pattern, int32_t head, int32_t q, int32_t k, int32_t n) {
    if (pattern == nullptr || !lacuna::well_formed(*pattern)) return 0;
    return lacuna::attends(*pattern, head, q, k, n);
}
}
