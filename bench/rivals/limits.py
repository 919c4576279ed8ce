"""The machine's limits, as `lacuna bench` measures them: multiply-adds and memory."""

import json
import subprocess

from workloads import DECODE_SHAPE, KV_BYTES


def bench(lacuna, *arguments):
    command = [lacuna, "bench", "--pattern", "dense", "--no-dense", "--json", *map(str, arguments)]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(found)["benchmarks"][0]


def measure(options, threads):
    """Memory is read over as many bytes as decode turns through."""
    heads, kv_heads, head_dim = DECODE_SHAPE
    row = 2 * kv_heads * head_dim * KV_BYTES["f32"]
    tokens = options.cold * 2**20 // row or max(options.n)
    compute = bench(
        options.lacuna, "--tokens", 256, "--heads", 8, "--head-dim", 64, "--threads", threads,
        "--min-time", 0.2,
    )  # fmt: skip
    limits = {"gflops": compute["peak_gflops"], "tier": compute["tier"], "gbps": None}
    if "decode" in options.work:
        decode = bench(
            options.lacuna, "--phase", "decode", "--tokens", tokens, "--heads", heads,
            "--kv-heads", kv_heads, "--head-dim", head_dim, "--threads", threads, "--min-time", 0.5,
        )  # fmt: skip
        limits["gbps"] = decode["peak_gbps"]
    return limits
