// Windows grows a stack page by page: a function whose frame is larger asks __chkstk to touch all
// of it, which takes the bytes in rax and keeps every register. MSVC's libraries have it, MinGW's
// under another name. In a member and a section of its own: a program takes one, wherever it finds
// it.
#if defined(_WIN32) && defined(__x86_64__)
__asm__(
    ".section .text$chkstk, \"xr\", discard, __chkstk\n"
    ".globl __chkstk\n"
    "__chkstk:\n"
    "push %rcx\n"
    "push %rax\n"
    "lea 24(%rsp), %rcx\n"  // where the caller's stack ends
    "0: cmp $4096, %rax\n"
    "jb 1f\n"
    "sub $4096, %rcx\n"
    "orl $0, (%rcx)\n"
    "sub $4096, %rax\n"
    "jmp 0b\n"
    "1: sub %rax, %rcx\n"
    "orl $0, (%rcx)\n"
    "pop %rax\n"
    "pop %rcx\n"
    "ret\n");
#endif
