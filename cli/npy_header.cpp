#include "cli/npy_header.h"

#include <cctype>
#include <map>

#include "cli/errors.h"

namespace lacuna {

namespace {

// A cursor over the header's text, a Python dict such as
// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } with spaces and a newline after it.
class HeaderText {
public:
    HeaderText(const char *text, size_t size, const std::string &name)
        : text_(text, size), name_(name) {}

    NpyHeader parse() {
        NpyHeader header;
        bool seen[3] = {};
        expect('{');
        while (!take('}')) {
            member(header, seen);
            if (!take(',')) {
                expect('}');
                break;
            }
        }
        for (int i = 0; i < 3; i++)
            if (!seen[i]) fail(std::string("has no '") + kKeys[i] + "'");
        if (text_.find_first_not_of(' ', at_) != text_.size() - 1 || text_.back() != '\n')
            fail("does not end with spaces and a newline");
        return header;
    }

private:
    static constexpr const char *kKeys[3] = {"descr", "fortran_order", "shape"};

    [[noreturn]] void fail(const std::string &what) const {
        throw bad_input(name_ + ": its .npy header " + what);
    }

    void skip_spaces() {
        while (at_ < text_.size() && text_[at_] == ' ') at_++;
    }

    bool take(char c) {
        skip_spaces();
        if (at_ == text_.size() || text_[at_] != c) return false;
        at_++;
        return true;
    }

    void expect(char c) {
        if (!take(c)) fail("lacks '" + std::string(1, c) + "' at byte " + std::to_string(at_));
    }

    void member(NpyHeader &header, bool *seen) {
        const std::string key = quoted();
        int which = 0;
        while (which < 3 && key != kKeys[which]) which++;
        if (which == 3) fail("has an unknown key at byte " + std::to_string(at_));
        if (seen[which]) fail("has '" + key + "' twice");
        seen[which] = true;
        expect(':');
        if (which == 0) header.descr = descr();
        if (which == 1) header.fortran = truth();
        if (which == 2) header.shape = shape();
    }

    std::string quoted() {
        const char quote = take('"') ? '"' : '\'';
        if (quote == '\'') expect('\'');
        const size_t end = text_.find(quote, at_);
        if (end == std::string::npos) fail("has an unterminated string");
        const std::string word = text_.substr(at_, end - at_);
        at_ = end + 1;
        for (const char c : word)
            if (c < ' ' || c > '~' || c == '\\') fail("has an unprintable string");
        return word;
    }

    std::string descr() {
        if (take('[')) fail("describes records (a list as 'descr'), expected one plain type");
        return quoted();
    }

    bool truth() {
        skip_spaces();
        for (const std::string word : {"True", "False"}) {
            if (text_.compare(at_, word.size(), word) == 0) {
                at_ += word.size();
                return word == "True";
            }
        }
        fail("has a 'fortran_order' that is neither True nor False");
    }

    std::vector<int64_t> shape() {
        std::vector<int64_t> extents;
        expect('(');
        while (!take(')')) {
            extents.push_back(extent());
            if (take(',')) continue;
            if (extents.size() == 1) fail("has a 'shape' that is no tuple");
            expect(')');
            break;
        }
        return extents;
    }

    int64_t extent() {
        if (take('-')) fail("has a negative extent in 'shape'");
        skip_spaces();
        const size_t first = at_;
        int64_t value = 0;
        for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); at_++)
            if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, text_[at_] - '0', &value))
                fail("has an extent past 2^63 in 'shape'");
        if (at_ == first) fail("has a 'shape' whose extents are not integers");
        if (text_[first] == '0' && at_ - first > 1) fail("has an extent with a leading zero");
        return value;
    }

    const std::string text_;
    const std::string &name_;
    size_t at_ = 0;
};

uint32_t little_endian(const std::string &bytes, size_t at, size_t count) {
    uint32_t value = 0;
    for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

}  // namespace

std::string shape_text(const std::vector<int64_t> &shape) {
    std::string text = "(";
    for (size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + (shape.size() == 1 ? ",)" : ")");
}

NpyHeader parse_npy_header(const std::string &bytes, const std::string &name) {
    const size_t versioned = kNpyMagicBytes + kNpyVersionBytes;
    if (bytes.compare(0, kNpyMagicBytes, kNpyMagic, kNpyMagicBytes) != 0)
        throw bad_input(name + ": is no .npy file (its first bytes are not \\x93NUMPY)");
    if (bytes.size() < versioned) throw bad_input(name + ": ends within its .npy header");
    const int major = static_cast<unsigned char>(bytes[kNpyMagicBytes]);
    const int minor = static_cast<unsigned char>(bytes[kNpyMagicBytes + 1]);
    if (major < 1 || major > 3 || minor != 0)
        throw bad_input(name + ": is .npy format " + std::to_string(major) + "." +
                        std::to_string(minor) + ", expected 1.0, 2.0 or 3.0");
    const size_t length_bytes = major == 1 ? 2 : 4, start = versioned + length_bytes;
    if (bytes.size() < start) throw bad_input(name + ": ends within its .npy header");
    const size_t length = little_endian(bytes, versioned, length_bytes);
    if (length > bytes.size() - start)
        throw bad_input(name + ": ends within its .npy header, which claims " +
                        std::to_string(length) + " bytes");
    NpyHeader header = HeaderText(bytes.data() + start, length, name).parse();
    header.data_offset = start + length;
    return header;
}

int64_t npy_elements(const NpyHeader &header, int64_t element_bytes, const std::string &bytes,
                     const std::string &name) {
    int64_t needed = element_bytes;
    bool empty = false;
    for (const int64_t extent : header.shape) {
        empty = empty || extent == 0;
        // Extents beside a zero count too: strides are made from them.
        if (__builtin_mul_overflow(needed, extent ? extent : 1, &needed))
            throw bad_input(name + ": shape " + shape_text(header.shape) + " is too large");
    }
    if (empty) needed = 0;
    const auto held = static_cast<int64_t>(bytes.size() - header.data_offset);
    if (held != needed)
        throw bad_input(name + ": holds " + std::to_string(held) + " bytes of data, shape " +
                        shape_text(header.shape) + " needs " + std::to_string(needed));
    return needed / element_bytes;
}

std::string describe_npy_type(const std::string &descr) {
    static const std::map<std::string, const char *> kNames = {
        {"f2", "float16"},     {"f4", "float32"},
        {"f8", "float64"},     {"f16", "float128"},
        {"b1", "bool"},        {"i1", "int8"},
        {"i2", "int16"},       {"i4", "int32"},
        {"i8", "int64"},       {"u1", "uint8"},
        {"u2", "uint16"},      {"u4", "uint32"},
        {"u8", "uint64"},      {"c8", "complex64"},
        {"c16", "complex128"}, {"O", "Python objects, which are never unpickled"}};
    const auto row = kNames.find(descr.empty() ? descr : descr.substr(1));
    const std::string order = descr[0] == '>' ? "big-endian " : "";
    return order + (row == kNames.end() ? "another type" : row->second) + " ('" + descr + "')";
}

}  // namespace lacuna
