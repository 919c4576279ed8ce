#!/usr/bin/env bash
# What a user of a bundle relies on: consumer_test.sh <lacuna>. A line a check; exit 1 when one
# fails.
# shellcheck disable=SC2317  # functions are called by check
set -uo pipefail

lacuna=$(readlink -f "${1:?usage: consumer_test.sh <lacuna>}")
root=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/..")
tmp=$(mktemp -d)
killed=() # process groups of runs that were killed: their children may still compile
cleanup() {
    local group
    for group in "${killed[@]}"; do kill -KILL -- "-$group" 2>/dev/null; done
    rm -rf "$tmp"
}
trap cleanup EXIT
PATH="$root/.venv/bin:$PATH"
cd "$tmp" || exit 1

pattern=window:256+every:64+sink:4
spec='{"kernels": [{"head_dim": 64, "pattern": "'$pattern'"}, {"head_dim": 64}]}'
strict=(-O2 -Wall -Wextra -Wpedantic -Werror)
failures=0

# check NAME COMMAND…: the command's output is shown when it fails.
check() {
    local name=$1
    shift
    if "$@" >"$tmp/log" 2>&1; then
        echo "ok    $name"
    else
        echo "FAIL  $name"
        head -n 40 "$tmp/log" | sed 's/^/      /'
        failures=$((failures + 1))
    fi
}

generate() { "$lacuna" generate --quiet "$@"; }

# Compiled twice from nothing, in folders of different depth.
reproducible() {
    echo "$spec" >spec.json
    mkdir -p far/away
    LACUNA_CACHE=$tmp/cache1 generate --spec spec.json -o bundle &&
        (cd far/away && LACUNA_CACHE=$tmp/far/cache2 generate --spec ../../spec.json -o bundle) &&
        diff -r bundle far/away/bundle
}

# lists the manifest's files as sha256sum does
listed_files() {
    awk -F'"' '/"files": \{/ {on = 1; next}
               on && /": \{/ {name = $2}
               on && /"sha256"/ {print $4 "  " name}' "$1/manifest.json"
}

# Every file that the manifest lists is there with its hash, and no other.
whole() {
    local count
    listed_files "$1" >listed || return 1
    count=$(wc -l <listed)
    ((count > 0)) || { echo "$1: no manifest"; return 1; }
    (cd "$1" && sha256sum --check --quiet) <listed || return 1
    diff <(sed 's/^[^ ]*  //' listed | sort) \
        <(cd "$1" && find . -type f ! -name manifest.json -printf '%P\n' | sort)
}
detects_damage() {
    cp -r bundle damaged && printf x | dd of=damaged/lib/liblac.a bs=1 seek=5000 conv=notrunc &&
        ! whole damaged
}

c_example() {
    cc -std=c99 "${strict[@]}" -I bundle/include "$root/examples/attention.c" -o attention_c \
        -L bundle/lib -llac -lm -pthread && ./attention_c "$pattern" q.npy k.npy v.npy
}
cpp_example() {
    c++ -std=c++17 "${strict[@]}" -I bundle/include "$root/examples/attention.cpp" \
        -o attention_cpp -L bundle/lib -llac -pthread &&
        ./attention_cpp "$pattern" q.npy k.npy v.npy one.npy 1 &&
        ./attention_cpp "$pattern" q.npy k.npy v.npy two.npy 2 && cmp one.npy two.npy
}
pinned_tier() {
    LACUNA_TIER=sse41 ./attention_c "$pattern" q.npy k.npy v.npy | grep 'tier sse41' &&
        ! LACUNA_TIER=nonesuch ./attention_c "$pattern" q.npy k.npy v.npy
}

document() {
    local page
    for page in runtime cache; do
        awk '/^```c$/ {on = 1; next} /^```$/ {on = 0} on' "$root/docs/$page.md" >"$page.c"
        [[ -s $page.c ]] && cc -std=c11 "${strict[@]}" -I bundle/include -c "$page.c" || return 1
    done
}

specs_document() {
    awk '/^```json$/ {on = 1; next} /^```$/ {on = 0} on' "$root/docs/specs.md" >document.json
    "$lacuna" list --spec document.json | grep '^total'
}

# A moved bundle is as good as one in place, in a folder with a space.
cmake_package() {
    mkdir -p "a b" && cp -r bundle "a b/moved" &&
        cmake -G Ninja -S "$root/examples/cmake" -B by-package \
            -DCMAKE_PREFIX_PATH="$tmp/a b/moved" && cmake --build by-package &&
        by-package/attention_c "$pattern" q.npy k.npy v.npy
}
cmake_function() {
    cmake -G Ninja -S "$root/examples/cmake" -B by-function -DLACUNA_CMAKE="$root/cmake" \
        -DLACUNA_PROGRAM="$lacuna" && cmake --build by-function &&
        by-function/attention_c "$pattern" q.npy k.npy v.npy
}
pkg_config_package() {
    local flags
    read -ra flags < <(PKG_CONFIG_PATH=bundle/lib/pkgconfig pkg-config --static --cflags --libs lac)
    cc -std=c99 "${strict[@]}" "$root/examples/attention.c" -o by-pkg-config "${flags[@]}" -lm &&
        ./by-pkg-config "$pattern" q.npy k.npy v.npy
}

# V of ones gives ones, from kernels of either bundle.
two_bundles() {
    cat >two.c <<'C'
#include <alpha.h>
#include <beta.h>
#include <stdio.h>
static _Alignas(64) char plan_memory[1 << 20], workspace[1 << 22];
static float q[64 * 128], k[64 * 128], v[64 * 128], out[64 * 128];
static int run(const lac_bundle *bundle, int32_t d) {
    lac_pattern pattern;
    lac_request request = {.size = sizeof request, .type = LAC_F32, .head_dim = d};
    lac_shape shape = {.size = sizeof shape, .batch = 1, .heads = 1, .kv_heads = 1,
                       .q_tokens = 64, .k_tokens = 64};
    lac_tensor t = {.size = sizeof t, .type = LAC_F32, .batch = 1, .heads = 1, .tokens = 64,
                    .features = d, .token_stride = d * 4};
    lac_tensor tq = t, tk = t, tv = t, to = t;
    lac_kernel kernel;
    const lac_plan *plan;
    size_t bytes = 0;
    tq.data = q, tk.data = k, tv.data = v, to.data = out;
    for (int i = 0; i < 64 * d; i++) q[i] = k[i] = (float)(i % 7), v[i] = 1, out[i] = 0;
    lac_status s = lac_pattern_parse("window:5+every:9", &pattern, NULL);
    if (s == LAC_OK) s = lac_kernel_find(bundle, &request, &kernel);
    if (s == LAC_OK) s = lac_plan_bytes(&kernel, &pattern, &shape, &bytes);
    if (s == LAC_OK)
        s = lac_plan_init(&kernel, &pattern, &shape, plan_memory, sizeof plan_memory, &plan);
    if (s == LAC_OK)
        s = lac_attention(&kernel, plan, &tq, &tk, &tv, &to, NULL, workspace, sizeof workspace);
    if (s != LAC_OK) return printf("%s\n", lac_status_message(s)), 1;
    for (int i = 0; i < 64 * d; i++)
        if (out[i] < 0.99999f || out[i] > 1.00001f) return printf("out[%d] %g\n", i, out[i]), 1;
    return 0;
}
int main(void) { return run(&alpha_kernels, 64) | run(&beta_kernels, 128); }
C
    generate --name alpha --head-dim 64 -o alpha && generate --name beta --head-dim 128 -o beta &&
        cc -std=c11 "${strict[@]}" -I alpha/include -I beta/include two.c -o two -L alpha/lib \
            -L beta/lib -lalpha -lbeta -pthread && ./two
}
whole_archive() {
    generate --spec "$root/kernels.json" --name lac -o all &&
        cc -std=c99 "${strict[@]}" -I all/include "$root/examples/attention.c" -o whole_archive \
            -Wl,--whole-archive all/lib/liblac.a -Wl,--no-whole-archive -lm -pthread &&
        ./whole_archive "$pattern" q.npy k.npy v.npy
}

# emulated TRIPLE COMPILER EMULATOR…: the C example on another machine, on few tokens.
emulated() {
    local triple=$1 compiler=$2 program=attention_$1
    shift 2
    [[ $triple != *windows* ]] || program+=.exe
    generate --target "$triple" --spec spec.json -o "$triple" &&
        "$root/.venv/bin/python" - <<'PY' &&
import numpy
random = numpy.random.default_rng(1)
for name, heads in (("q", 8), ("k", 2), ("v", 2)):
    numpy.save("few_" + name, random.standard_normal((heads, 200, 64)).astype("float32"))
PY
        "$compiler" -std=c99 "${strict[@]}" -I "$triple/include" "$root/examples/attention.c" \
            -o "$program" -L "$triple/lib" -llac -lm -pthread -static &&
        "$@" "./$program" "$pattern" few_q.npy few_k.npy few_v.npy
}
# A prefix of its own, made as it starts, and no display.
in_wine() {
    env -u DISPLAY WINEPREFIX="$tmp/wine" WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= \
        "$(command -v wine64 || echo /usr/lib/wine/wine64)" "$@"
}
# Tiers of few and of large frames; the example compares with its own loops in float64.
on_windows() {
    local tier
    emulated x86_64-pc-windows-gnu x86_64-w64-mingw32-gcc in_wine || return 1
    for tier in avx2 sse41; do
        LACUNA_TIER=$tier in_wine ./attention_x86_64-pc-windows-gnu.exe "$pattern" few_q.npy \
            few_k.npy few_v.npy | grep "tier $tier" || return 1
    done
}

libc='getenv memcmp memcpy memmove memset sched_yield
pthread_cond_broadcast pthread_cond_destroy pthread_cond_init pthread_cond_wait pthread_create
pthread_join pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock'
# 32-bit ARM divides integers in its compiler's library, and has its CPU described.
arm32='getauxval __aeabi_idiv __aeabi_idivmod __aeabi_ldivmod __aeabi_uidiv __aeabi_uidivmod
__aeabi_uldivmod'
# only_libc LIBRARY [COMPILER [MORE]]: nothing but the above stays undefined once all are linked.
only_libc() {
    "${2:-cc}" -r -nostdlib -Wl,--whole-archive "$1" -o linked.o || return 1
    nm --undefined-only linked.o | awk '{print $2}' | sort -u >undefined
    [[ -s undefined ]] || { echo "nm found nothing"; return 1; }
    ! grep -vxF "$(tr ' ' '\n' <<<"$libc ${3:-}" | grep .)" undefined
}
# Every conversion between types, on tiers with F16C and without.
types_need_only_libc() {
    cat >types.json <<'JSON'
{"kernels": [{"dtype": "f32", "kv_dtype": "f16,bf16", "head_dim": 16},
             {"dtype": "f16", "kv_dtype": "bf16,f32", "head_dim": 16},
             {"dtype": "bf16", "kv_dtype": "f32,f16", "head_dim": 16}]}
JSON
    generate --spec types.json --tiers avx2,sse41,generic --name types -o types &&
        only_libc types/lib/libtypes.a && nm linked.o >names &&
        grep -q types_pack_keys_f32_f16_d16_sse41 names
}
# What nothing here runs is compiled, and asks its platform for the same: TRIPLE…
undefined_elsewhere() {
    local triple library status=0
    for triple; do
        generate --target "$triple" --head-dim 64 --pattern "$pattern" -o "to-$triple" || return 1
        library=$(echo "to-$triple"/lib/*.*)
        llvm-nm-19 --quiet --undefined-only -j "$library" | sed 's/:$//' | grep -v '\.o$' | grep . |
            sort -u >wanted
        llvm-nm-19 --quiet --defined-only -j "$library" | sort -u >defined
        [[ -s defined ]] || { echo "$triple: nm found nothing"; return 1; }
        comm -23 wanted defined |
            grep -vxE "_?(${libc//[[:space:]]/|}|${arm32//[[:space:]]/|}|(__)?bzero|memset_pattern16|sysctlbyname)" |
            grep -vE '^(__chkstk|_fltused|__imp_.*|__aeabi_mem.*)$' |
            grep -vE '^__(indirect_function_table|memory_base|stack_pointer|table_base)$' &&
            echo "$triple: undefined, above" && status=1
    done
    return "$status"
}
# Names are the bundle's own, the runtime's C++, or declared in a public header.
own_names() {
    nm --extern-only --defined-only --format=posix alpha/lib/libalpha.a | awk 'NF > 1 {print $1}' |
        sort -u >defined
    grep -qx alpha_kernels defined || { echo "no alpha_kernels"; return 1; }
    grep -vE '^(alpha_|_Z(N|NK|TSN|TIN|TVN)6lacuna)' defined >public
    local name status=0
    while read -r name; do
        grep -qE "^lac_" <<<"$name" && grep -qw "$name" alpha/include/lacuna/*.h && continue
        echo "$name is neither alpha's nor declared in a public header"
        status=1
    done <public
    return "$status"
}
no_paths() {
    strings -a -n 4 all/lib/liblac.a >text
    [[ -s text ]] && ! grep -E '(^|[^A-Za-z0-9_.])/(root|work|tmp|home)(/|$)' text &&
        ! grep -F -e "$root" -e "$tmp" text && ! grep -rF -e "$root" -e "$tmp" all
}

# Twenty kills, a third of them with a cold cache. Every other run would replace an older bundle.
kills() {
    local run delay pid status=0 started warm hits=0
    export LACUNA_CACHE=$tmp/cache1
    started=$(date +%s%N)
    generate --spec spec.json -o warm >/dev/null
    warm=$((($(date +%s%N) - started) / 1000)) # microseconds
    mkdir kills
    for run in {1..20}; do
        rm -rf kills/bundle
        ((run % 2)) || cp -r alpha kills/bundle
        if ((run % 3 == 0)); then
            export LACUNA_CACHE=$tmp/cold
            delay=$((RANDOM * 2000000 / 32768))
        else
            export LACUNA_CACHE=$tmp/cache1
            delay=$((RANDOM * (warm + warm / 4) / 32768))
        fi
        setsid "$lacuna" generate --quiet --spec spec.json -o kills/bundle >/dev/null 2>&1 &
        pid=$!
        killed+=("$pid")
        sleep "$((delay / 1000000)).$(printf %06d $((delay % 1000000)))"
        { kill -KILL "$pid"; } 2>/dev/null
        wait "$pid" 2>/dev/null
        (($? != 137)) || hits=$((hits + 1)) # else it had ended already
        if [[ -e kills/bundle ]]; then
            whole kills/bundle || {
                echo "run $run, killed after $delay us: half a bundle"
                status=1
            }
        elif ((run % 2 == 0)); then
            echo "run $run, killed after $delay us: the older bundle is gone"
            status=1
        fi
    done
    # Neither the cold cache nor the folder bears a trace.
    LACUNA_CACHE=$tmp/cold generate --spec spec.json -o kills/bundle || status=1
    diff -r bundle kills/bundle || status=1
    ((hits >= 5)) || { echo "only $hits of 20 runs were still alive"; status=1; }
    if [[ $(ls -A kills) != bundle ]]; then
        echo "left behind: $(ls -A kills)"
        status=1
    fi
    return "$status"
}

check "two runs from empty caches give the same bytes" reproducible
check "the manifest lists every file and its hash" whole bundle
check "a changed byte is noticed" detects_damage
check "examples/attention.c with cc" c_example
check "examples/attention.cpp with c++, same bits on two threads" cpp_example
check "LACUNA_TIER pins a tier, and an unknown one is an error" pinned_tier
check "the C blocks of docs/runtime.md and cache.md compile" document
check "the spec of docs/specs.md is read" specs_document
check "find_package, bundle moved" cmake_package
check "lacuna_add_kernels" cmake_function
check "pkg-config --static" pkg_config_package
check "two bundles in one program" two_bundles
check "all kernels with --whole-archive" whole_archive
check "only libc is undefined" only_libc all/lib/liblac.a
check "only libc is undefined, whatever the types" types_need_only_libc
check "examples/attention.c on arm-64, emulated" \
    emulated aarch64-linux-gnu aarch64-linux-gnu-gcc qemu-aarch64 -cpu cortex-a53
check "only libc is undefined on arm-64" \
    only_libc aarch64-linux-gnu/lib/liblac.a aarch64-linux-gnu-gcc getauxval
check "examples/attention.c on arm-32, emulated" \
    emulated arm-linux-gnueabihf arm-linux-gnueabihf-gcc qemu-arm -cpu cortex-a9
check "only libc is undefined on arm-32" \
    only_libc arm-linux-gnueabihf/lib/liblac.a arm-linux-gnueabihf-gcc "$arm32"
check "examples/attention.c on Windows, by mingw-w64 and wine" on_windows
check "compiled for platforms that are not run" \
    undefined_elsewhere aarch64-linux-android arm64-apple-ios arm64-apple-macos \
    aarch64-pc-windows-msvc armv7a-linux-androideabi riscv64-linux-gnu wasm32-unknown-emscripten \
    x86_64-linux-android x86_64-apple-macos x86_64-pc-windows-msvc
check "every external name is the bundle's" own_names
check "no build path in the library" no_paths
check "20 kills never leave half a bundle" kills
((failures == 0)) || echo "$failures checks failed"
exit $((failures > 0))
