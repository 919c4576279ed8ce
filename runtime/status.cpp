#include "runtime/elements.h"

extern "C" size_t lac_type_bytes(lac_type type) {
    if (type != LAC_F32 && type != LAC_F16 && type != LAC_BF16 && type != LAC_I8 && type != LAC_I16)
        return 0;
    return static_cast<size_t>(lacuna::type_bytes(type));
}

extern "C" const char *lac_status_message(lac_status status) {
    switch (status) {
        case LAC_OK: return "ok";
        case LAC_BAD_ARGUMENT:
            return "a null pointer, or a struct whose size field is not of this header";
        case LAC_BAD_PATTERN: return "the pattern's text or descriptor is malformed";
        case LAC_BAD_SHAPE:
            return "extents disagree between tensors, plan and kernel, or lie out of range";
        case LAC_BAD_STRIDE:
            return "a stride is no multiple of the element, or reaches past 2^31 elements";
        case LAC_BAD_TYPE: return "a tensor's element type is not the kernel's";
        case LAC_BAD_LENGTH:
            return "a sequence length or start lies outside its tensor or the sequence";
        case LAC_BAD_SCALE:
            return "scale, softcap, a sink or a slope is not finite, softcap is negative, a factor "
                   "of keys is not a normal number above 0, or fixed8 keys or values bring other "
                   "scales than the cache holds";
        case LAC_BAD_ALIGNMENT:
            return "memory is not aligned to LAC_MEMORY_ALIGNMENT, or data to its element";
        case LAC_NO_KERNEL:
            return "the bundle has no kernel for these types, head sizes and pattern";
        case LAC_NO_TIER:
            return "LACUNA_TIER names no tier of this bundle that this CPU can run, or there is "
                   "none";
        case LAC_PATTERN_MISMATCH: return "the kernel or plan was made for another pattern or tier";
        case LAC_TOO_SMALL: return "the memory is smaller than its _bytes call said";
        case LAC_TOO_MANY_THREADS: return "threads lies outside 1 to LAC_MAX_THREADS";
        case LAC_THREAD_FAILED: return "the system refused to start a thread";
        case LAC_OVERLAP: return "the output overlaps an input";
        case LAC_BAD_HEADS: return "heads(...) names other query heads than the shape has";
        case LAC_NO_LISTS: return "the pattern reads lists that the shape does not bring";
        case LAC_UNCHECKED_LISTS:
            return "the lists were changed, or not checked for this pattern and shape";
        case LAC_BAD_LISTS: return "the extents or row starts of the lists fit no shape of theirs";
        case LAC_LIST_RANGE: return "an index is negative, or not below the length it counts";
        case LAC_LIST_UNSORTED: return "an index is smaller than the one before it";
        case LAC_LIST_REPEATED: return "an index stands twice in a row";
        case LAC_LIST_FUTURE: return "topk: a key lies ahead of its query";
        case LAC_LIST_CAP: return "topk: a row holds more than max(K, C)";
        case LAC_CACHE_FULL: return "the tokens do not fit below the cache's max_context";
        case LAC_FORGOTTEN: return "the cache has dropped keys that these queries would see";
        case LAC_NOT_INCREMENTAL:
            return "the pattern's earlier rows see later keys: attend all tokens at once";
        case LAC_CACHE_MISMATCH: return "caches or plan of a step were made for something else";
        case LAC_FOREIGN_IMAGE: return "no image of a cache like this one";
        case LAC_BAD_IMAGE: return "the image of a cache is cut or damaged";
    }
    return "unknown status";
}
