/* A plugin of qemu-user that counts the guest's instructions between prctl(0x4c41434e, 1) and
 * prctl(0x4c41434e, 0), and prints them on stderr: "block ADDRESS RUNS CODE" of each block that
 * ran, its code in hexadecimal, then "instructions N". Debian ships no qemu-plugin.h: what is used
 * of version 1 is declared here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb; /* a block of instructions, translated once and run often */
struct qemu_plugin_insn;
typedef void on_block(plugin_id, struct qemu_plugin_tb *);
typedef void on_syscall(plugin_id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2,
                        uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7,
                        uint64_t a8);
enum { INLINE_ADD_U64 = 0 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, on_block *);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int op, void *to,
                                                     uint64_t amount);
extern void qemu_plugin_register_vcpu_syscall_cb(plugin_id, on_syscall *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

/* Kept as long as the emulator runs: translated code adds to its runs. */
struct block {
    uint64_t runs, address;
    size_t instructions;
    struct block *next;
    char code[]; /* in hexadecimal */
};
static struct block *blocks;

static void translated(plugin_id id, struct qemu_plugin_tb *translation) {
    (void)id;
    const size_t count = qemu_plugin_tb_n_insns(translation);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += qemu_plugin_insn_size(qemu_plugin_tb_get_insn(translation, i));
    struct block *block = malloc(sizeof *block + 2 * bytes + 1);
    if (!block) abort();
    *block = (struct block){
        .address = qemu_plugin_tb_vaddr(translation), .instructions = count, .next = blocks};
    char *text = block->code;
    for (size_t i = 0; i < count; i++) {
        const struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(translation, i);
        const unsigned char *code = qemu_plugin_insn_data(instruction);
        for (size_t n = qemu_plugin_insn_size(instruction); n--; text += 2)
            sprintf(text, "%02x", *code++);
    }
    *text = 0;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_inline(translation, INLINE_ADD_U64, &block->runs, 1);
}

static void print_counts(void) {
    uint64_t instructions = 0;
    for (const struct block *b = blocks; b; b = b->next) {
        if (!b->runs) continue;
        instructions += b->runs * b->instructions;
        fprintf(stderr, "block %" PRIx64 " %" PRIu64 " %s\n", b->address, b->runs, b->code);
    }
    fprintf(stderr, "instructions %" PRIu64 "\n", instructions);
}

static void called(plugin_id id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2,
                   uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
    (void)id, (void)cpu, (void)number, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if ((uint32_t)a1 != 0x4c41434eu) return;
    if (a2 == 0) print_counts();
    for (struct block *b = blocks; b; b = b->next) b->runs = 0;
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
