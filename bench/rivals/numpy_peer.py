"""numpy with its OpenBLAS: multiply, softmax, multiply, over the block plan of torch-blocks."""

import numpy as np

import block_plans
from participant import Calls


def softmax(scores):
    """Not divided yet: the sums come with it."""
    scores -= scores.max(-1, keepdims=True)
    np.exp(scores, out=scores)
    return scores, scores.sum(-1, keepdims=True)


class Numpy:
    name = "numpy-blas"

    def takes(self, workload):
        return workload.kv == "f32"

    def make(self, data, setting):
        return (self._decode if data.workload.decode else self._prefill)(data, setting)

    def _decode(self, data, setting):
        w = data.workload
        q = (data.q * np.float32(data.scale)).reshape(w.kv_heads, w.group, w.head_dim)

        def call(k, v):
            weights, sums = softmax(np.matmul(q, k.transpose(0, 2, 1)))
            return np.matmul(weights, v) / sums

        calls = []
        for _ in range(setting.copies(w, w.span)):
            own = [x.copy() for x in data.seen()]
            calls.append(lambda own=own: call(*own))
        return Calls(setting, calls, lambda r: r.reshape(w.heads, 1, w.head_dim))

    def _prefill(self, data, setting):
        w = data.workload
        plan = block_plans.biased(w.pattern, w.n, data.mask)
        q, out = data.q * np.float32(data.scale), np.empty_like(data.q)

        def call():
            for kv in range(w.kv_heads):
                for rows, keys, bias in plan:
                    k, v = data.k[kv][keys], data.v[kv][keys]
                    for head in range(kv * w.group, (kv + 1) * w.group):
                        scores = q[head][rows] @ k.T
                        if bias is not None:
                            scores += bias
                        weights, sums = softmax(scores)
                        out[head][rows] = weights @ v / sums
            return out

        return Calls(setting, [call], lambda r: r)
