  .text
  .globl _start
_start:                       // Linux process entry
  { r0 = r29 ; r29 = and(r29,#-128) ; call guest_main }
  { r6 = #94 }                // exit_group(r0)
  trap0(#1)
  .globl linux_call           // long linux_call(number, a, b, c, d)
linux_call:
  { r6 = r0 ; r0 = r1 ; r1 = r2 ; r2 = r3 }
  { r3 = r4 }
  trap0(#1)
  jumpr r31
  // QEMU keeps its own count of packets in the reserved control register c20. The assembler does
  // not know it, hence the word: r0 = c20.
  .globl qemu_packets
qemu_packets:
  .word 0x6a14c000
  jumpr r31
