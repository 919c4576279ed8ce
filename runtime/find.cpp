// lac_kernel_find: which kernel, and which of its tiers this CPU runs.
#include "patterns/parse.h"
#include "runtime/bundle.h"
#include "runtime/cpu.h"
#include "runtime/os.h"

namespace {

bool same_text(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

lac_type type_or(lac_type type, lac_type otherwise) {
    return type == lac_type{} ? otherwise : type;
}

bool has_types(const lac_kernel_entry &e, const lac_request &r) {
    const lac_type type = type_or(r.type, LAC_F32);
    return e.type == type && e.key_type == type_or(r.key_type, type) &&
           e.value_type == type_or(r.value_type, type);
}

// A kernel compiled for the pattern, else one for any pattern.
const lac_kernel_entry *find_entry(const lac_bundle &bundle, const lac_request &r,
                                   lac_type arithmetic) {
    const int32_t value_dim = r.value_dim ? r.value_dim : r.head_dim;
    const lac_kernel_entry *any = nullptr;
    for (int32_t i = 0; i < bundle.kernel_count; i++) {
        const lac_kernel_entry &e = bundle.kernels[i];
        if (e.arithmetic != arithmetic || !has_types(e, r)) continue;
        if (e.head_dim != r.head_dim || e.value_dim != value_dim) continue;
        if (!e.pattern && !any) any = &e;
        if (e.pattern && r.pattern && lacuna::same_pattern(*e.pattern, *r.pattern)) return &e;
    }
    return any;
}

const lac_kernel_entry *find_entry(const lac_bundle &bundle, const lac_request &r) {
    if (r.arithmetic != lac_type{}) return find_entry(bundle, r, r.arithmetic);
    const lac_kernel_entry *entry = find_entry(bundle, r, LAC_F32);
    return entry ? entry : find_entry(bundle, r, LAC_F16);
}

}  // namespace

extern "C" {

lac_status lac_kernel_find(const lac_bundle *bundle, const lac_request *request,
                           lac_kernel *kernel) {
    if (!bundle || !request || !kernel || request->size != sizeof(lac_request) ||
        bundle->abi_version != LAC_ABI_VERSION)
        return LAC_BAD_ARGUMENT;
    if (request->pattern && !lacuna::well_formed(*request->pattern)) return LAC_BAD_PATTERN;
    const lac_kernel_entry *entry = find_entry(*bundle, *request);
    if (!entry) return LAC_NO_KERNEL;
    const uint32_t cpu = lacuna::cpu_features();
    const char *pinned = lacuna::environment("LACUNA_TIER");
    if (pinned && !*pinned) pinned = nullptr;
    for (int32_t i = 0; i < entry->variant_count; i++) {
        const lac_variant &v = entry->variants[i];
        if ((v.cpu_features & ~cpu) || (pinned && !same_text(pinned, v.tier))) continue;
        *kernel = {sizeof(lac_kernel), bundle, &v, entry->name};
        return LAC_OK;
    }
    return LAC_NO_TIER;
}

const char *lac_kernel_name(const lac_kernel *kernel) { return kernel ? kernel->name : ""; }
const char *lac_kernel_tier(const lac_kernel *kernel) {
    return kernel && kernel->variant ? kernel->variant->tier : "";
}
int32_t lac_bundle_kernel_count(const lac_bundle *bundle) {
    return bundle ? bundle->kernel_count : 0;
}
const char *lac_bundle_kernel_name(const lac_bundle *bundle, int32_t index) {
    return bundle && index >= 0 && index < bundle->kernel_count ? bundle->kernels[index].name
                                                                : nullptr;
}

}  // extern "C"
