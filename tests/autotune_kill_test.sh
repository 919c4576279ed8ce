#!/usr/bin/env bash
# autotune and generate against SIGKILL at random moments, a full disk and a database that cannot
# be written: what is on disk is the old state or the new one, and the next run goes on.
# autotune_kill_test.sh LACUNA [KILLS]; the random moments hang on KILL_SEED alone.
set -euo pipefail
tool=$(readlink -f "$1") kills=${2:-6}
RANDOM=${KILL_SEED:-1}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export LACUNA_TUNED=$dir/tuned LACUNA_CACHE=$dir/cache

fail() {
    echo "autotune_kill_test: $*" >&2
    exit 1
}
kernel=(--pattern window:8 --head-dim 16 --tokens 600 --quiet)
tune=("$tool" autotune "${kernel[@]}" --tier sse41 --seed $$)
generate=("$tool" generate "${kernel[@]}" --tiers sse41)
# Runs a command and kills it after at most so many milliseconds.
killed_within() {
    local most=$1 pid at
    shift
    "$@" >/dev/null 2>&1 &
    pid=$!
    at=$((RANDOM % most))
    sleep "$((at / 1000)).$(printf '%03d' $((at % 1000)))"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}
whole_bundle() { # every file that the manifest names, with its hash
    python3 - "$1" <<'PY'
import hashlib, json, pathlib, sys
root = pathlib.Path(sys.argv[1])
manifest = json.loads((root / "manifest.json").read_text())
for name, want in manifest["files"].items():
    if hashlib.sha256((root / name).read_bytes()).hexdigest() != want["sha256"]:
        sys.exit(f"{name} is not what the manifest says")
PY
}
lines() { wc -l <"$LACUNA_TUNED/trials.jsonl"; }

# Everything is compiled once, so that kills hit all phases of a run and not compilation alone.
"${tune[@]}" --trials 1 >/dev/null
"${generate[@]}" -o bundle >/dev/null
before=$(lines)
for ((i = 0; i < kills; i++)); do
    killed_within 4000 "${tune[@]}" --trials 3 --budget 20
    killed_within 400 "${generate[@]}" -o bundle --name "n$((i % 2))"
    whole_bundle bundle || fail "generate left half a bundle at kill $i"
    now=$(lines)
    ((now >= before)) || fail "trials were lost at kill $i: $before, then $now"
    before=$now
    if [[ -e $LACUNA_TUNED/tuned.json ]]; then
        python3 -m json.tool "$LACUNA_TUNED/tuned.json" >/dev/null || fail "half a tuned.json"
    fi
    sleep 0.05
    ! pgrep -f "autotune .*--seed $$ " >/dev/null || fail "children outlive autotune"
done
result=$("${tune[@]}" --trials 1 --json) || fail "autotune does not go on"
resumed=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["resumed"])' <<<"$result")
((resumed >= before)) || fail "resumed $resumed of $before trials"
"${generate[@]}" -o bundle >/dev/null
whole_bundle bundle

# A full disk: the log cannot grow.
cp "$LACUNA_TUNED/trials.jsonl" log
ln -sf /dev/full "$LACUNA_TUNED/trials.jsonl"
if "${tune[@]}" --trials 1 >/dev/null 2>error; then fail "a full disk went unnoticed"; fi
grep -q "No space left" error || fail "said of a full disk: $(cat error)"
rm "$LACUNA_TUNED/trials.jsonl"
cp log "$LACUNA_TUNED/trials.jsonl"

# A database that cannot be written: its place is taken by a directory.
echo '{"lacuna_tuned": 1, "entries": []}' >one.json
rm -f "$LACUNA_TUNED/tuned.json"
mkdir "$LACUNA_TUNED/tuned.json"
if "$tool" autotune --import one.json 2>error; then fail "an unwritable database went unnoticed"; fi
[[ -s error ]] || fail "an unwritable database: nothing said"
rmdir "$LACUNA_TUNED/tuned.json"
"$tool" autotune --import one.json 2>/dev/null
echo "$kills kills of each, $resumed trials kept"
