#!/usr/bin/env bash
# The code of arm-64's tier `neon` holds no instruction that came after ARMv8.0: Halide is told that
# it may compute in f16, so that f16 K and V are widened by fcvtl. A disassembler that knows the
# first CPU alone calls later instructions unknown. baseline_test.sh LIBRARY OBJDUMP
set -euo pipefail
"$2" -d --mcpu=cortex-a53 "$1" | awk '
    /file format/ { neon = /_neon\.o/; dot = /_dotprod\.o/; functions += neon }
    /<unknown>/ { if (neon) { print; beyond++ } later += dot }
    END {
        printf "%d functions of neon, %d instructions beyond it; %d in dotprod\n",
               functions, beyond, later
        exit beyond > 0 || functions == 0 || later == 0
    }'
