"""The machine's limits, as `lacuna bench` measures them: multiply-adds and memory."""

import json
import subprocess

from workloads import DECODE_SHAPE, KV_BYTES

REPEATS = 3  # its clock is wall time, and others on the core only make it too slow


def bench(lacuna, environment, threads, *arguments):
    command = [lacuna, "bench", "--pattern", "dense", "--no-dense", "--json", "--min-time", "0.3"]
    command += ["--threads", threads, *arguments]
    command = [*map(str, command)]
    run = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout)["benchmarks"][0]


def measure(options, threads, environment):
    """Memory is read over as many bytes as decode turns through."""
    prefill = ("--tokens", 256, "--heads", 8, "--head-dim", 64)
    repeated = lambda words: [
        bench(options.lacuna, environment, threads, *words) for _ in range(REPEATS)
    ]
    found = repeated(prefill)
    limits = {"tier": found[0]["tier"], "gflops": max(f["peak_gflops"] for f in found)}
    if "decode" in options.work:
        heads, kv_heads, head_dim = DECODE_SHAPE
        row = 2 * kv_heads * head_dim * KV_BYTES["f32"]
        tokens = options.cold * 2**20 // row or max(options.n)
        decode = ["--phase", "decode", "--tokens", tokens, "--heads", heads]
        decode += ["--kv-heads", kv_heads, "--head-dim", head_dim]
        limits["gbps"] = max(f["peak_gbps"] for f in repeated(decode))
    return limits
