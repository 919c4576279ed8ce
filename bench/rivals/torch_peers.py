"""PyTorch: scaled_dot_product_attention as such and over a block plan, and FlexAttention."""

import numpy as np

import block_plans
from participant import Calls
from workloads import BLOCK, attends, bigbird_blocks


def torch_for(setting):
    import torch

    torch.set_num_threads(setting.threads)
    return torch


def tensors(torch, data):
    return [torch.from_numpy(x)[None] for x in (data.q, data.k, data.v)]


class Sdpa:
    """In decode the query heads of a KV head are rows, and a window is given as its keys alone.
    In prefill the causal flag, or an additive mask."""

    name = "torch-sdpa"

    def takes(self, workload):
        return workload.kv != "int8"

    def make(self, data, setting):
        torch, w = torch_for(setting), data.workload
        return (self._decode if w.decode else self._prefill)(torch, data, setting)

    def _decode(self, torch, data, setting):
        w = data.workload
        attend = torch.nn.functional.scaled_dot_product_attention
        kind = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[w.kv]
        q = torch.from_numpy(data.q).to(kind).view(1, w.kv_heads, w.group, w.head_dim)
        k, v = (torch.from_numpy(x.copy()).to(kind)[None] for x in data.seen())
        calls = []
        for _ in range(setting.copies(w, w.span)):
            own = k.clone(), v.clone()
            calls.append(lambda own=own: attend(q, *own))
        return Calls(setting, calls, lambda r: r.float().numpy().reshape(w.heads, 1, w.head_dim))

    def _prefill(self, torch, data, setting):
        w, attend = data.workload, torch.nn.functional.scaled_dot_product_attention
        mask = {"is_causal": True}
        if w.pattern != "dense":
            mask = {"attn_mask": torch.from_numpy(data.bias())[None, None]}
        q, k, v = tensors(torch, data)
        call = lambda: attend(q, k, v, enable_gqa=w.group > 1, **mask)
        return Calls(setting, [call], lambda r: r[0].numpy())


class Blocks:
    """SDPA for each part of a hand-made block plan."""

    name = "torch-blocks"

    def takes(self, workload):
        return not workload.decode and workload.pattern not in ("strided", "dense")

    def make(self, data, setting):
        torch, w = torch_for(setting), data.workload
        attend = torch.nn.functional.scaled_dot_product_attention
        q, k, v = tensors(torch, data)
        out, plan = torch.empty_like(q), []
        for rows, keys, bias in block_plans.biased(w.pattern, w.n, data.mask):
            keys = torch.from_numpy(keys) if isinstance(keys, np.ndarray) else keys
            plan.append((rows, keys, None if bias is None else torch.from_numpy(bias)))

        def call():
            for rows, keys, bias in plan:
                if isinstance(keys, slice):
                    part = k[:, :, keys], v[:, :, keys]
                else:
                    part = k.index_select(2, keys), v.index_select(2, keys)
                out[:, :, rows] = attend(
                    q[:, :, rows], *part, attn_mask=bias, enable_gqa=w.group > 1
                )
            return out

        return Calls(setting, [call], lambda r: r[0].numpy())


class Flex:
    """torch.compile(flex_attention) with a BlockMask; inductor's C++. 15 s and more to compile."""

    name = "torch-flex"

    def takes(self, workload):
        return not workload.decode

    def make(self, data, setting):
        torch, w = torch_for(setting), data.workload
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention

        size = BLOCK if w.pattern == "bigbird" else 128
        if w.pattern == "bigbird":
            table = torch.from_numpy(bigbird_blocks(w.n))
            mask = lambda b, h, q, k: table[q // BLOCK, k // BLOCK]
        else:
            mask = lambda b, h, q, k: attends(w.pattern, q, k)
        blocks = create_block_mask(mask, None, None, w.n, w.n, device="cpu", BLOCK_SIZE=size)
        q, k, v = tensors(torch, data)
        torch._dynamo.reset()  # else the shapes before make it give up on compiling
        attend = torch.compile(flex_attention, dynamic=False)

        def call():
            with torch.no_grad():
                return attend(q, k, v, block_mask=blocks, enable_gqa=w.group > 1)

        return Calls(setting, [call], lambda r: r[0].numpy())
