/* lacuna.h as a C99 program sees it: compiled with -std=c99 -Wpedantic -Wconversion, and used by
 * abi_test.cpp to compare both languages' layouts. */
#include "lacuna/lacuna.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

size_t header_c99_layout(size_t *sizes, size_t capacity);
lac_status header_c99_parse(const char *text, lac_pattern *pattern);
lac_status header_c99_spoilt_calls(void);

/* In the order of abi_test.cpp. Returns how many there are. */
size_t header_c99_layout(size_t *sizes, size_t capacity) {
    const size_t all[] = {sizeof(lac_atom),
                          sizeof(lac_pattern),
                          sizeof(lac_pattern_error),
                          sizeof(lac_request),
                          sizeof(lac_kernel),
                          sizeof(lac_shape),
                          sizeof(lac_tensor),
                          sizeof(lac_lists),
                          sizeof(lac_list_error),
                          sizeof(lac_args),
                          sizeof(lac_status),
                          sizeof(lac_type),
                          offsetof(lac_pattern, atom),
                          offsetof(lac_pattern_error, found),
                          offsetof(lac_request, pattern),
                          offsetof(lac_request, value_type),
                          offsetof(lac_request, arithmetic),
                          offsetof(lac_kernel, name),
                          offsetof(lac_shape, lists),
                          offsetof(lac_lists, starts),
                          offsetof(lac_lists, checked),
                          offsetof(lac_tensor, data),
                          offsetof(lac_tensor, token_stride),
                          offsetof(lac_tensor, scales),
                          offsetof(lac_args, parallel_context),
                          offsetof(lac_args, alibi_slopes)};
    size_t i;
    for (i = 0; i < COUNT(all) && i < capacity; i++) sizes[i] = all[i];
    return COUNT(all);
}

lac_status header_c99_parse(const char *text, lac_pattern *pattern) {
    lac_pattern_error error;
    return lac_pattern_parse(text, pattern, &error);
}

static void run_here(void *context, int32_t count, lac_work work, void *argument) {
    int32_t i;
    (void)context;
    for (i = 0; i < count; i++) work(argument, i);
}

/* Every struct by its designated fields; the call itself must refuse the missing kernel. */
lac_status header_c99_spoilt_calls(void) {
    float data[1] = {0};
    size_t bytes = 0;
    lac_kernel kernel = {0};
    const lac_plan *plan = NULL;
    const lac_request request = {
        .size = sizeof request, .type = LAC_F32, .head_dim = 1, .value_dim = 0, .pattern = NULL};
    const lac_shape shape = {
        .size = sizeof shape, .batch = 1, .heads = 1, .kv_heads = 1, .q_tokens = 1, .k_tokens = 1};
    const lac_tensor tensor = {.size = sizeof tensor,
                               .type = LAC_F32,
                               .data = data,
                               .batch = 1,
                               .heads = 1,
                               .tokens = 1,
                               .features = 1,
                               .batch_stride = 4,
                               .head_stride = 4,
                               .token_stride = 4};
    const lac_args args = {.size = sizeof args,
                           .scale = 1.0f,
                           .softcap = 0.0f,
                           .log_sum_exp = NULL,
                           .threads = 1,
                           .parallel_for = run_here,
                           .parallel_context = NULL};
    if (lac_kernel_find(NULL, &request, &kernel) != LAC_BAD_ARGUMENT) return LAC_OK;
    if (lac_plan_bytes(&kernel, NULL, &shape, &bytes) != LAC_BAD_ARGUMENT) return LAC_OK;
    return lac_attention(&kernel, plan, &tensor, &tensor, &tensor, &tensor, &args, NULL, 0);
}
