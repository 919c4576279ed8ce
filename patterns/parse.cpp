// The pattern language, read. Everything about atoms comes from their syntax rows: no
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
constexpr char kOneReader[] = "at most one of the mask: and topk atoms";
constexpr char kHeads[] = "heads(";
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

// "window", and "mask:csr" where letters follow a colon.
Slice name_at(const char *at) {
    Slice name = run_of(in_word, at);
    if (*name.end == ':' && name.size() > 0 && in_word(name.end[1]) && !is_digit(name.end[1]))
        name.end = run_of(in_word, name.end + 1).end;
    return name;
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

// The text after this word, or null.
const char *after(const char *text, const char *word) {
    while (*word != '\0')
        if (*text++ != *word++) return nullptr;
    return text;
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

// Parameters by place: ":256", ",64".
bool read_placed(Reader &r, const Syntax &syntax, lac_atom &atom) {
    for (int i = 0; i < syntax.count && !syntax.parameter[i].named; i++) {
        const char separator = i == 0 && !has_colon(syntax.name) ? ':' : ',';
        if (*r.at == separator) {
            r.at++;
            if (!read_number(r, syntax.parameter[i], atom.arg[i])) return false;
        } else if (i < syntax.count - syntax.optional) {
            return r.fail(token_at(r.at),
                          separator == ':' ? "':' and a number" : "',' and another number");
        } else {
            break;
        }
    }
    return true;
}

// The parameter whose name and '=' stand here, if it was not given before; where its number begins.
int named_here(const Reader &r, const Syntax &syntax, const lac_atom &atom, const char **value) {
    for (int i = 0; i < syntax.count; i++) {
        if (!syntax.parameter[i].named || atom.arg[i] != 0) continue;
        *value = after(r.at + 1, syntax.parameter[i].name);
        if (!*value || **value != '=') continue;
        ++*value;
        return i;
    }
    return -1;
}

// Then those with a name, in any order: ",cap=300".
bool read_arguments(Reader &r, const Syntax &syntax, lac_atom &atom) {
    if (!read_placed(r, syntax, atom)) return false;
    if (syntax.count == 0 || !syntax.parameter[syntax.count - 1].named) return true;
    while (*r.at == ',') {
        const char *value = nullptr;
        const int i = named_here(r, syntax, atom, &value);
        if (i < 0) return r.fail(token_at(r.at + 1), "one of its named parameters, once");
        r.at = value;
        if (!read_number(r, syntax.parameter[i], atom.arg[i])) return false;
    }
    return true;
}

// Every atom that reads rows of lists, whichever heads it is for, must be the same one.
bool reads_rows_again(const lac_pattern &p, const lac_atom &atom) {
    return syntax_of(atom.kind).reads_rows && row_reader(p) && !same_reading(*row_reader(p), atom);
}

uint32_t kind_of(Slice name) {
    uint32_t kind = 0;
    while (kind < kAtomKinds && !equals(name, syntax_of(kind).name)) kind++;
    return kind;
}

bool read_atom(Reader &r, lac_pattern &p, const lac_atom &heads) {
    const Slice word = run_of(in_word, r.at);
    Slice name = name_at(r.at);
    lac_atom atom = heads;
    atom.kind = kind_of(name);
    if (atom.kind == kAtomKinds && kind_of(word) < kAtomKinds) {
        name = word;  // its ':' begins the parameters
        atom.kind = kind_of(word);
    }
    if (atom.kind == kAtomKinds) {
        const bool first = r.at == r.text;
        const char *nearest = nearest_name(name, first);
        Slice found = nearest && has_colon(nearest) ? name : token_at(r.at);
        if (!nearest) nearest = nearest_name(word, first);
        if (word.size() > 0 && *found.end == '/') found.end++;
        return r.fail(found, "an atom name", nearest);
    }
    r.at = name.end;
    if (!read_arguments(r, syntax_of(atom.kind), atom)) return false;
    const Slice found{name.first, r.at};
    if (listed_before(p, p.atom_count, atom)) return r.fail(found, "an atom not listed before");
    if (reads_rows_again(p, atom)) return r.fail(found, kOneReader);
    p.atom[p.atom_count++] = atom;
    return true;
}

// Atoms joined by '+', up to another sign. Only outside of heads(...) may heads(...) come.
bool read_heads(Reader &r, lac_pattern &p);
bool read_union(Reader &r, lac_pattern &p, const lac_atom &heads) {
    bool had_heads = false;
    for (;;) {
        const bool group = heads.end_head == 0 && !had_heads && after(r.at, kHeads);
        had_heads = had_heads || group;
        if (!(group ? read_heads(r, p) : read_atom(r, p, heads))) return false;
        if (*r.at != '+') return true;
        if (p.atom_count == LAC_MAX_ATOMS) return r.fail(token_at(r.at), kTooManyAtoms);
        r.at++;
    }
}

// "0-5" or "6"; heads ascend.
bool read_range(Reader &r, int32_t first_free, lac_atom &heads) {
    const Slice found = run_of(in_word, r.at);  // '-' is a sign of words
    int32_t last = 0;
    if (!read_number(r, {"head", 0}, heads.first_head)) return false;
    last = heads.first_head;
    if (*r.at == '-') {
        r.at++;
        if (!read_number(r, {"head", 0}, last)) return false;
    }
    if (heads.first_head < first_free || last < heads.first_head)
        return r.fail(found, "query heads in ascending order");
    heads.end_head = last + 1;
    return true;
}

// heads(0-5=window:256|6-7=dense)
bool read_heads(Reader &r, lac_pattern &p) {
    r.at = after(r.at, kHeads);
    lac_atom heads = {};
    for (;;) {
        if (!read_range(r, heads.end_head, heads)) return false;
        if (*r.at != '=') return r.fail(token_at(r.at), "'=' and a pattern");
        r.at++;
        if (p.atom_count == LAC_MAX_ATOMS) return r.fail(token_at(r.at), kTooManyAtoms);
        if (!read_union(r, p, heads)) return false;
        if (*r.at == ')') break;
        if (*r.at != '|') return r.fail(token_at(r.at), "'+', '|' or ')'");
        r.at++;
    }
    r.at++;
    return true;
}

bool read_pattern(Reader &r, lac_pattern &p) {
    const Slice prefix = run_of(in_word, r.at);
    p.bidi = equals(prefix, kBidi) && *prefix.end == '/';
    if (p.bidi) r.at = prefix.end + 1;
    if (!read_union(r, p, {})) return false;
    return *r.at == '\0' || r.fail(token_at(r.at), "'+' or the end");
}

}  // namespace
}  // namespace lacuna

extern "C" lac_status lac_pattern_parse(const char *text, lac_pattern *pattern,
                                        lac_pattern_error *error) {
    if (text == nullptr || pattern == nullptr) return LAC_BAD_ARGUMENT;
    lac_pattern made = {};
    made.size = sizeof made;
    lacuna::Reader reader{text, text, error};
    if (!lacuna::read_pattern(reader, made)) return LAC_BAD_PATTERN;
    *pattern = made;
    return LAC_OK;
}
