"""What a careful user of a dense attention does with a sparse pattern: small dense problems that
together are the pattern, each of some rows over just the keys that they need."""

import numpy as np

from workloads import APART, BLOCK, GLOBALS, KEPT, SIDE, WINDOW, bigbird_blocks


def _dilated(n):
    """A residue class after the other: inside of it the pattern is a window."""
    for residue in range(APART):
        for first in range(0, n // APART, KEPT):
            end = min(n, residue + (first + KEPT) * APART)
            rows = slice(residue + first * APART, end, APART)
            yield rows, slice(residue + max(0, first - KEPT) * APART, end, APART)


def _bigbird(n):
    table = bigbird_blocks(n)
    for row, seen in enumerate(table):
        keys = np.flatnonzero(seen)[:, None] * BLOCK + np.arange(BLOCK)
        rows = slice(row * BLOCK, (row + 1) * BLOCK)
        yield rows, slice(0, n) if seen.all() else keys.ravel()


def _longformer(n):
    yield slice(0, GLOBALS), slice(0, n)
    for first in range(0, n, SIDE):
        start, end = max(0, first - SIDE), min(n, first + 2 * SIDE)
        if start <= GLOBALS:
            keys = slice(0, end)
        else:
            keys = np.r_[np.arange(GLOBALS), np.arange(start, end)]
        yield slice(max(first, GLOBALS), min(n, first + SIDE)), keys


def _causal(pattern, n):
    step = 128 if pattern == "dense" else 256
    for first in range(0, n, step):
        start = max(0, first - WINDOW + 1) if pattern == "window" else 0
        yield slice(first, first + step), slice(start, min(n, first + step))


def block_plan(pattern, n, mask):
    """[(rows, keys, mask or None)]; a slice of keys is a view, an array a gather."""
    parts = {"dilated": _dilated, "bigbird": _bigbird, "longformer": _longformer}
    found = parts[pattern](n) if pattern in parts else _causal(pattern, n)
    plan = []
    for rows, keys in found:
        part = mask[rows][:, keys]
        plan.append((rows, keys, None if part.all() else np.ascontiguousarray(part)))
    return plan


def biased(pattern, n, mask):
    """The same with the masks as they are added to scores; parts with the same one share it."""
    shared, plan = {}, []
    for rows, keys, part in block_plan(pattern, n, mask):
        if part is not None:
            bias = np.where(part, np.float32(0), np.float32(-np.inf))
            part = shared.setdefault((part.shape, part.tobytes()), bias)
        plan.append((rows, keys, part))
    return plan
