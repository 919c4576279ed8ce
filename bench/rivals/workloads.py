"""What is measured: shapes, patterns, tensors, and the float64 reference that all are held to."""

import math
from dataclasses import dataclass

import numpy as np

WINDOW = 256  # keys of a causal query, its own included
NEAR, STRIDE = 128, 64  # strided: the last keys, and every 64th before
KEPT, APART = 128, 4  # dilated: keys, and how far apart
BLOCK, RANDOM = 64, 3  # bigbird: near blocks are 3, global ones the first and the last
SIDE, GLOBALS = 256, 16  # longformer: keys on either side, global tokens

# As Lacuna writes them. BigBird's random blocks are the harness's table, listed at run time:
# `bigbird:64,3,3,2` draws blocks for each KV head, and rivals take one table for all heads.
LACUNA = {
    "dense": "dense",
    "window": f"window:{WINDOW}",
    "strided": f"window:{NEAR}+strided:{STRIDE}",
    "dilated": f"dilated:{KEPT},{APART}",
    "bigbird": f"bidi/mask:blocks,{BLOCK}",
    "longformer": f"bidi/local:{SIDE},{SIDE}+global:{GLOBALS}",
}
PATTERNS = tuple(LACUNA)
KV_BYTES = {"f32": 4, "f16": 2, "bf16": 2, "int8": 1}
DECODE_SHAPE = (32, 8, 128)
REFERENCE_ROWS = 32


@dataclass(frozen=True)
class Workload:
    kind: str  # prefill: n queries; decode: one over n cached tokens
    heads: int
    kv_heads: int
    head_dim: int
    n: int
    pattern: str
    kv: str = "f32"  # of K and V in decode; all else is float32

    @property
    def group(self):
        return self.heads // self.kv_heads

    @property
    def decode(self):
        return self.kind == "decode"

    @property
    def queries(self):
        return 1 if self.decode else self.n

    @property
    def span(self):
        """Keys that decode's query sees; of prefill all."""
        return min(WINDOW, self.n) if self.decode and self.pattern == "window" else self.n

    @property
    def title(self):
        shape = f"{self.heads}x{self.kv_heads}x{self.head_dim}"
        return f"{self.kind} {shape} {self.pattern} n={self.n}" + f" {self.kv}" * self.decode

    def kv_bytes(self, tokens):
        return 2 * self.kv_heads * self.head_dim * tokens * KV_BYTES[self.kv]


def workloads(options):
    if "decode" in options.work:
        for kv in options.kv:
            for n in options.n:
                for pattern in options.patterns:
                    if pattern in ("dense", "window"):
                        yield Workload("decode", *DECODE_SHAPE, n, pattern, kv)
    if "prefill" in options.work:
        for shape in options.heads:
            for n in options.n:
                for pattern in options.patterns:
                    yield Workload("prefill", *shape, n, pattern)


def bigbird_blocks(n):
    """[block rows, key blocks]: whether a block is seen."""
    count = n // BLOCK
    random = np.random.default_rng(7)
    table = np.zeros((count, count), bool)
    for row in range(count):
        if row in (0, count - 1):
            table[row] = True
            continue
        seen = {0, count - 1, row - 1, row, row + 1}
        free = [block for block in range(count) if block not in seen]
        drawn = random.choice(free, min(RANDOM, len(free)), replace=False) if free else []
        table[row, [*seen, *drawn]] = True
    return table


def attends(pattern, q, k):
    """Of arrays of positions; torch's tensors do as well. BigBird is a table instead."""
    if pattern == "dense":
        return k <= q
    if pattern == "window":
        return (k <= q) & (q - k < WINDOW)
    if pattern == "strided":
        return (k <= q) & ((q - k < NEAR) | ((q - k) % STRIDE == 0))
    if pattern == "dilated":
        return (k <= q) & ((q - k) % APART == 0) & (q - k < KEPT * APART)
    if pattern == "longformer":
        return ((q - k <= SIDE) & (k - q <= SIDE)) | (q < GLOBALS) | (k < GLOBALS)
    raise ValueError(pattern)


def mask_of(pattern, n):
    if pattern == "bigbird":
        return np.kron(bigbird_blocks(n), np.ones((BLOCK, BLOCK), bool))
    q = np.arange(n, dtype=np.int32)[:, None]
    return attends(pattern, q, q.T)


class Data:
    """A workload's tensors, [heads, tokens, features], and its reference on sampled rows."""

    def __init__(self, workload):
        w = self.workload = workload
        random = np.random.default_rng(1)
        self.q = random.standard_normal((w.heads, w.queries, w.head_dim), dtype=np.float32)
        self.k = random.standard_normal((w.kv_heads, w.n, w.head_dim), dtype=np.float32)
        self.v = random.standard_normal((w.kv_heads, w.n, w.head_dim), dtype=np.float32)
        if w.decode:
            self.mask = np.arange(w.n)[None] >= w.n - w.span
        else:
            self.mask = mask_of(w.pattern, w.n)
        self.pairs = int(self.mask.sum())
        self.flops = 4 * w.head_dim * self.pairs * w.heads
        self.scale = 1 / math.sqrt(w.head_dim)
        rows = random.integers(0, w.queries, REFERENCE_ROWS - 2)
        self.rows = np.unique([0, w.queries - 1, *rows])
        self.reference = {h: self._attend(h) for h in (0, w.heads - 1)}
        self._bias = None

    def _attend(self, head):
        kv = head // self.workload.group
        keys, values = self.k[kv].astype(np.float64), self.v[kv].astype(np.float64)
        scores = self.q[head][self.rows].astype(np.float64) @ keys.T * self.scale
        scores[~self.mask[self.rows]] = -np.inf
        weights = np.exp(scores - scores.max(1, keepdims=True))
        return weights / weights.sum(1, keepdims=True) @ values

    def error(self, out):
        """The largest absolute one of [heads, queries, features], on the reference's rows."""
        return max(
            float(np.abs(out[head][self.rows] - right).max())
            for head, right in self.reference.items()
        )

    def bias(self):
        """The mask as rivals add it to the scores."""
        if self._bias is None:
            self._bias = np.where(self.mask, np.float32(0), np.float32(-np.inf))
        return self._bias

    def seen(self):
        """K and V of the span: in decode, rivals without windows get these alone."""
        first = self.workload.n - self.workload.span
        return self.k[:, first:], self.v[:, first:]
