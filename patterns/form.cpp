// Pattern descriptors: whether they are well-formed, and their text. Freestanding, as parse.cpp.
#include "patterns/parse.h"
#include "patterns/pattern.h"

namespace lacuna {

bool same_atom(const lac_atom &a, const lac_atom &b) {
    bool same = a.kind == b.kind && a.first_head == b.first_head && a.end_head == b.end_head;
    for (int i = 0; i < LAC_ATOM_ARGS; i++) same = same && a.arg[i] == b.arg[i];
    return same;
}
bool listed_before(const lac_pattern &p, uint32_t count, const lac_atom &atom) {
    for (uint32_t i = 0; i < count; i++)
        if (same_atom(p.atom[i], atom)) return true;
    return false;
}
// The rows of lists have one meaning: every atom that reads them, whichever heads it is for, is
// the same one.
bool same_reading(lac_atom a, lac_atom b) {
    a.first_head = a.end_head = b.first_head = b.end_head = 0;
    return same_atom(a, b);
}
bool has_colon(const char *name) {
    while (*name != '\0' && *name != ':') name++;
    return *name == ':';
}

namespace {

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

// A name keeps letters and digits only; everything else is '_'.
struct Style {
    bool slug;
    char mark(char c) const { return slug ? '_' : c; }
};

void write_atom(Writer &w, Style style, const lac_atom &atom) {
    const Syntax &syntax = syntax_of(atom.kind);
    for (const char *c = syntax.name; *c != '\0'; c++) w.put(*c == ':' ? style.mark(':') : *c);
    for (int i = 0; i < syntax.count; i++) {
        const Parameter &parameter = syntax.parameter[i];
        if (parameter.named && atom.arg[i] == 0) continue;
        w.put(style.mark(i == 0 && !has_colon(syntax.name) ? ':' : ','));
        if (parameter.named) {
            w.put(parameter.name);
            w.put(style.mark('='));
        }
        w.put(atom.arg[i]);
    }
}

void write_range(Writer &w, Style style, const lac_atom &atom) {
    w.put(atom.first_head);
    if (atom.end_head - 1 > atom.first_head) {
        w.put(style.mark('-'));
        w.put(atom.end_head - 1);
    }
    w.put(style.mark('='));
}

size_t write(const lac_pattern *pattern, Style style, char *text, size_t capacity) {
    Writer w{text, text == nullptr ? 0 : capacity, 0};
    if (pattern == nullptr || !well_formed(*pattern)) return w.finish();
    if (pattern->bidi) {
        w.put("bidi");
        w.put(style.mark('/'));
    }
    int32_t end = 0;  // of the open range of heads
    for (uint32_t i = 0; i < pattern->atom_count; i++) {
        const lac_atom &atom = pattern->atom[i];
        if (end > 0 && atom.end_head == 0) w.put(style.mark(')'));
        if (end > 0 && atom.end_head > end)
            w.put(style.mark('|'));
        else if (i > 0)
            w.put(style.mark('+'));
        if (end == 0 && atom.end_head > 0) {
            w.put("heads");
            w.put(style.mark('('));
        }
        if (atom.end_head > end) write_range(w, style, atom);
        end = atom.end_head;
        write_atom(w, style, atom);
    }
    if (end > 0) w.put(style.mark(')'));
    return w.finish();
}

bool well_formed(const lac_atom &atom) {
    if (atom.kind >= kAtomKinds) return false;
    if (atom.first_head < 0 || atom.end_head < 0 || atom.end_head > LAC_MAX_ARGUMENT + 1 ||
        (atom.end_head == 0 ? atom.first_head != 0 : atom.first_head >= atom.end_head))
        return false;
    const Syntax &syntax = syntax_of(atom.kind);
    for (int i = 0; i < LAC_ATOM_ARGS; i++) {
        const bool used = i < syntax.count;
        if (used && i >= syntax.count - syntax.optional && atom.arg[i] == 0) continue;
        const int32_t least = used ? syntax.parameter[i].least : 0;
        if (atom.arg[i] < least || atom.arg[i] > (used ? syntax.parameter[i].most : 0))
            return false;
    }
    return true;
}

// heads(...) stands once, its ranges one after the other, as they are written.
bool heads_ascend(const lac_pattern &p) {
    bool closed = false;
    const lac_atom *before = nullptr;
    for (uint32_t i = 0; i < p.atom_count; i++) {
        const lac_atom &atom = p.atom[i];
        const bool same =
            before && before->first_head == atom.first_head && before->end_head == atom.end_head;
        if (for_all_heads(atom)) {
            closed = closed || before;
        } else {
            if (closed || (before && !same && atom.first_head < before->end_head)) return false;
            before = &atom;
        }
    }
    return true;
}

}  // namespace

bool well_formed(const lac_pattern &p) {
    if (p.size != sizeof(lac_pattern) || p.bidi > 1) return false;
    if (p.atom_count < 1 || p.atom_count > LAC_MAX_ATOMS) return false;
    const lac_atom *reader = nullptr;
    for (uint32_t i = 0; i < p.atom_count; i++) {
        const lac_atom &atom = p.atom[i];
        if (!well_formed(atom) || listed_before(p, i, atom)) return false;
        if (!syntax_of(atom.kind).reads_rows) continue;
        if (reader && !same_reading(*reader, atom)) return false;
        reader = &atom;
    }
    return heads_ascend(p);
}

bool same_pattern(const lac_pattern &a, const lac_pattern &b) {
    if (a.bidi != b.bidi || a.atom_count != b.atom_count) return false;
    for (uint32_t i = 0; i < a.atom_count; i++)
        if (!same_atom(a.atom[i], b.atom[i])) return false;
    return true;
}

}  // namespace lacuna

extern "C" {

size_t lac_pattern_text(const lac_pattern *pattern, char *text, size_t capacity) {
    return lacuna::write(pattern, {false}, text, capacity);
}

size_t lac_pattern_slug(const lac_pattern *pattern, char *text, size_t capacity) {
    return lacuna::write(pattern, {true}, text, capacity);
}
}
