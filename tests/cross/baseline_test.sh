#!/usr/bin/env bash
# The code of arm-64's tier `neon` holds no instruction that came after ARMv8.0: Halide is told that
# f16 may be computed in, so that f16 K and V are widened by fcvtl. baseline_test.sh LIBRARY OBJDUMP
set -euo pipefail
"$2" -d --no-show-raw-insn "$1" | awk '
    /file format/ { neon = /_neon\.o/; dot = /_dotprod\.o/; neons += neon }
    /\t[su]dot\t/ { if (neon) { print; bad++ } if (dot) dots++ }
    neon && /\tf(n?m[a-z]+|add|sub|div|abs|neg|sqrt|cm[a-z]+|rint[a-z])[a-z]*\t(v[0-9]+\.[48]h|h[0-9]+),/ { print; bad++ }
    END {
        printf "%d functions of neon, %d instructions beyond it; %d sdot of dotprod\n", neons, bad, dots
        exit bad > 0 || neons == 0 || dots == 0
    }'
