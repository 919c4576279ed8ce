"""ONNX Runtime: GroupQueryAttention, MultiHeadAttention, SparseAttention (its contrib operators)
and the standard Attention. Inputs and outputs are bound once; the key-value buffers are shared."""

import numpy as np

from participant import Calls
from workloads import WINDOW

CONTRIB = "com.microsoft"


def tokens_first(x):
    """[heads, tokens, features] as [1, tokens, heads * features]"""
    return np.ascontiguousarray(x.transpose(1, 0, 2)).reshape(1, x.shape[1], -1)


class Model:
    """One operator as a session; `inputs` and `outputs` are (name, array of its type and shape)."""

    def __init__(self, setting, operator, inputs, outputs, **attributes):
        import onnxruntime as ort
        from onnx import TensorProto, helper

        self.ort, self.setting = ort, setting
        kinds = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}
        kinds |= {"int32": TensorProto.INT32, "int8": TensorProto.INT8, "bool": TensorProto.BOOL}
        domain = "" if operator == "Attention" else CONTRIB
        names = [name for name, _ in inputs]
        declare = lambda name, x: helper.make_tensor_value_info(name, kinds[x.dtype.name], x.shape)
        made = [name for name, _ in outputs]
        graph = helper.make_graph(
            [helper.make_node(operator, names, made, domain=domain, **attributes)],
            operator,
            [declare(name, x) for name, x in inputs if name],
            [declare(name, x) for name, x in outputs],
        )
        sets = [helper.make_opsetid("", 23), helper.make_opsetid(CONTRIB, 1)]
        model = helper.make_model(graph, opset_imports=sets)
        model.ir_version = 10
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = setting.threads, 1
        options.log_severity_level = 3
        self.session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def value(self, x):
        return self.ort.OrtValue.ortvalue_from_numpy(x)

    def bound(self, inputs, outputs):
        """A call with these values, by name."""
        binding = self.session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in outputs.items():
            binding.bind_ortvalue_output(name, value)
        quiet = self.ort.RunOptions()
        quiet.log_severity_level = 3
        keep = (inputs, outputs)  # alive as long as the call
        return lambda keep=keep: self.session.run_with_iobinding(binding, quiet)

    def calls(self, calls, out, workload):
        """Of an output [1, tokens, heads * features]."""
        w = workload

        def result(_):
            rows = out.numpy().astype(np.float32).reshape(w.queries, w.heads, w.head_dim)
            return rows.transpose(1, 0, 2)

        return Calls(self.setting, calls, result, self)


class Gqa:
    """GroupQueryAttention. Decode appends its newest token again, as the operator does that in each
    call; int8 is its cache with one scale for all."""

    name = "ort-gqa"

    def takes(self, workload):
        types = ("f32", "f16", "int8") if workload.decode else ("f32",)
        return workload.pattern in ("dense", "window") and workload.kv in types

    def make(self, data, setting):
        w = data.workload
        kind = np.float16 if w.kv == "f16" else np.float32
        new = slice(w.n - 1, w.n) if w.decode else slice(0, w.n)
        q, k, v = (
            tokens_first(x).astype(kind) for x in (data.q, data.k[:, new], data.v[:, new])
        )
        kept = {"k": data.k[None].astype(kind), "v": data.v[None].astype(kind)}
        lengths = np.array([w.n - 1], np.int32), np.array([w.n], np.int32)
        attributes = {"num_heads": w.heads, "kv_num_heads": w.kv_heads}
        if w.pattern == "window":
            attributes["local_window_size"] = WINDOW
        tail = []
        if w.kv == "int8":
            scale = np.array([max(np.abs(data.k).max(), np.abs(data.v).max()) / 127], np.float32)
            kept = {name: np.rint(x / scale).astype(np.int8) for name, x in kept.items()}
            attributes |= {"k_quant_type": "PER_TENSOR", "v_quant_type": "PER_TENSOR"}
            attributes["kv_cache_bit_width"] = 8
            tail = [("", None)] * 5 + [("k_scale", scale), ("v_scale", scale)]
        past = [("past_k", kept["k"]), ("past_v", kept["v"])] if w.decode else [("", None)] * 2
        inputs = [("q", q), ("k", k), ("v", v), *past]
        inputs += [("last", lengths[0]), ("total", lengths[1]), *tail]
        outputs = [("out", q), ("all_k", kept["k"]), ("all_v", kept["v"])]
        model = Model(setting, "GroupQueryAttention", inputs, outputs, **attributes)
        return self._calls(model, inputs, kept, w)

    def _calls(self, model, inputs, kept, workload):
        fixed = {n: model.value(x) for n, x in inputs if n and not n.startswith("past")}
        out, calls = model.value(np.zeros_like(inputs[0][1])), []
        for _ in range(model.setting.copies(workload, workload.n)):
            own = {name: model.value(x.copy()) for name, x in kept.items()}
            past = {"past_k": own["k"], "past_v": own["v"]} if workload.decode else {}
            outputs = {"out": out, "all_k": own["k"], "all_v": own["v"]}
            calls.append(model.bound(fixed | past, outputs))
        return model.calls(calls, out, workload)


class Mha:
    """MultiHeadAttention: its flag for causal dense, else a bias. It has no grouped queries."""

    name = "ort-mha"

    def takes(self, workload):
        return not workload.decode and workload.group == 1

    def make(self, data, setting):
        w = data.workload
        inputs = [(n, tokens_first(x)) for n, x in (("q", data.q), ("k", data.k), ("v", data.v))]
        if w.pattern != "dense":  # infinities become NaN in it
            bias = np.maximum(data.bias(), np.float32(-1e30))[None, None]
            inputs += [("", None), ("", None), ("bias", bias)]
        out = np.zeros_like(inputs[0][1])
        flags = {"num_heads": w.heads, "unidirectional": int(w.pattern == "dense")}
        model = Model(setting, "MultiHeadAttention", inputs, [("out", out)], **flags)
        value = model.value(out)
        values = {name: model.value(x) for name, x in inputs if name}
        return model.calls([model.bound(values, {"out": value})], value, w)


class Attention:
    """The standard operator of opset 23: causal, or a mask of booleans. It has no windows."""

    name = "ort-attention"

    def takes(self, workload):
        if workload.decode:
            return workload.kv in ("f32", "f16") and workload.pattern == "dense"
        return True

    def make(self, data, setting):
        w = data.workload
        kind = np.float16 if w.kv == "f16" else np.float32
        q, k, v = (x[None].astype(kind) for x in (data.q, data.k, data.v))
        inputs = [("q", q), ("k", k), ("v", v)]
        masked = not w.decode and w.pattern != "dense"
        if masked:
            inputs.append(("mask", data.mask))
        causal = int(not w.decode and not masked)
        model = Model(setting, "Attention", inputs, [("out", q)], is_causal=causal)
        fixed = {name: model.value(x) for name, x in inputs if name not in ("k", "v")}
        out, calls = model.value(np.zeros_like(q)), []
        for _ in range(setting.copies(w, w.n)):
            own = {"k": model.value(k.copy()), "v": model.value(v.copy())}
            calls.append(model.bound(fixed | own, {"out": out}))
        return Calls(setting, calls, lambda _: out.numpy().astype(np.float32)[0], model)


class Sparse:
    """SparseAttention takes causal layouts of blocks: the window rounded out to blocks of 64, so
    more pairs than are asked for, and its result is not compared."""

    name = "ort-sparse"
    BLOCK = 64

    def takes(self, workload):
        return not workload.decode and workload.pattern == "window"

    def make(self, data, setting):
        w = data.workload
        starts, keys = [0], []
        for block in range(w.n // self.BLOCK):
            keys += range(max(0, block - WINDOW // self.BLOCK), block + 1)
            starts.append(len(keys))
        q, k, v = (tokens_first(x) for x in (data.q, data.k, data.v))
        kept = np.zeros((1, w.kv_heads, w.n, w.head_dim), np.float32)
        total = np.array([w.n], np.int32)
        inputs = [("q", q), ("k", k), ("v", v), ("past_k", kept), ("past_v", kept)]
        inputs += [("starts", np.array([starts], np.int32)), ("keys", np.array([keys], np.int32))]
        inputs += [("total", total), ("lengths", total)]
        outputs = [("out", q), ("all_k", kept), ("all_v", kept)]
        flags = {"num_heads": w.heads, "kv_num_heads": w.kv_heads, "scale": float(data.scale)}
        flags |= {"sparse_block_size": self.BLOCK, "do_rotary": 0}
        model = Model(setting, "SparseAttention", inputs, outputs, **flags)
        values = {name: model.value(x) for name, x in inputs}
        shared = {"all_k": values["past_k"], "all_v": values["past_v"]}
        call = model.bound(values, {"out": model.value(np.zeros_like(q)), **shared})
        return Calls(setting, [call], None, model)
