"""OpenVINO: its attention operator, and in decode the stateful one that its CPU plugin fuses with
the cache of keys and values."""

import numpy as np

from participant import Calls

STEPS = 24  # tokens that a cache grows by before it is filled anew


def compiled(setting, model, **properties):
    import openvino as ov

    hints = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    hints |= {"INFERENCE_NUM_THREADS": setting.threads, "ENABLE_CPU_PINNING": False}
    return ov.Core().compile_model(model, "CPU", hints | properties)


class Sdpa:
    """The causal flag or an additive mask; KV heads are repeated by a broadcast."""

    name = "openvino"

    def takes(self, workload):
        return not workload.decode

    def make(self, data, setting):
        import openvino as ov
        from openvino import opset13 as op

        w = data.workload
        arrays = [data.q[None], data.k[None], data.v[None]]
        if w.pattern != "dense":
            arrays.append(data.bias()[None, None])
        inputs = [op.parameter(list(x.shape), ov.Type.f32) for x in arrays]

        def repeated(x):
            if w.group == 1:
                return x
            wide = np.array([1, w.kv_heads, w.group, w.n, w.head_dim], np.int32)
            flat = np.array([1, w.heads, w.n, w.head_dim], np.int32)
            x = op.unsqueeze(x, op.constant(np.array([2], np.int32)))
            x = op.broadcast(x, op.constant(wide), broadcast_spec="BIDIRECTIONAL")
            return op.reshape(x, op.constant(flat), special_zero=False)

        q, k, v, *mask = inputs
        out = op.scaled_dot_product_attention(
            q, repeated(k), repeated(v), *mask, causal=w.pattern == "dense"
        )
        model = compiled(setting, ov.Model([out], inputs, "sdpa"))
        request = model.create_infer_request()
        bound = [ov.Tensor(np.ascontiguousarray(x), shared_memory=True) for x in arrays]
        for index, tensor in enumerate(bound):
            request.set_input_tensor(index, tensor)
        result = lambda _: request.get_output_tensor(0).data[0]
        return Calls(setting, [request.infer], result, (model, request, bound, arrays))


def cache_model(workload):
    """q, k and v of new tokens, a mask and the beam; K and V are variables. The form that the
    plugin recognises: read, gather by beam, concatenate, repeat, attend, assign."""
    import openvino as ov
    from openvino import opset13 as op
    from openvino.op.util import Variable, VariableInfo

    w, any_ = workload, ov.Dimension(-1)
    shape = lambda heads: ov.PartialShape([any_, heads, any_, w.head_dim])
    q = op.parameter(shape(w.heads), ov.Type.f32)
    mask = op.parameter(ov.PartialShape([any_, 1, any_, any_]), ov.Type.f32)
    beam = op.parameter(ov.PartialShape([any_]), ov.Type.i32)
    integers = lambda *values: op.constant(np.array(values, np.int64))
    inputs, sinks, repeated = [], [], []
    for name in ("k", "v"):
        new = op.parameter(shape(w.kv_heads), ov.Type.f32)
        info = VariableInfo()
        info.data_shape, info.data_type = shape(w.kv_heads), ov.Type.f32
        info.variable_id = name
        variable = Variable(info)
        empty = op.constant(np.zeros((1, w.kv_heads, 0, w.head_dim), np.float32))
        past = op.gather(op.read_value(empty, variable), beam, op.constant(np.int32(0)))
        both = op.concat([past, new], 2)
        inputs.append(new)
        sinks.append(op.assign(both, variable))
        if w.group > 1:
            extents = op.shape_of(both)
            zero = op.constant(np.int64(0))
            first, last = (op.gather(extents, integers(*at), zero) for at in ((0, 1), (2, 3)))
            wide = op.concat([first, integers(w.group), last], 0)
            both = op.unsqueeze(both, op.constant(np.array([2], np.int32)))
            both = op.broadcast(both, wide, broadcast_spec="BIDIRECTIONAL")
            both = op.reshape(both, integers(0, w.heads, -1, w.head_dim), special_zero=True)
        repeated.append(both)
    out = op.scaled_dot_product_attention(q, *repeated, mask, causal=False)
    return ov.Model([op.result(out)], sinks, [q, *inputs, mask, beam], "cache")


class Cache:
    """Grows by a token a call, from n to n + 23 tokens; K and V are f32, f16, bf16 or u8."""

    name = "openvino-cache"

    def takes(self, workload):
        return workload.decode and workload.pattern == "dense"

    def make(self, data, setting):
        w = data.workload
        kept = {"int8": "u8"}.get(w.kv, w.kv)
        model = compiled(setting, cache_model(w), KV_CACHE_PRECISION=kept)
        tensors = CacheTensors(data)
        copies = setting.copies(w, w.n)
        requests = [Grown(model.create_infer_request(), tensors) for _ in range(copies)]
        return Steps(setting, requests, model)


class CacheTensors:
    """What all requests start with: n - 2 tokens, then the last two one by one."""

    def __init__(self, data):
        import openvino as ov

        self.tensor = lambda x: ov.Tensor(np.ascontiguousarray(x, dtype=np.float32))
        self.tokens = data.workload.n
        self.past = {n: self.tensor(x[None, :, :-2]) for n, x in (("k", data.k), ("v", data.v))}
        self.inputs = [
            [self.tensor(x) for x in (data.q[None], data.k[None, :, [at]], data.v[None, :, [at]])]
            for at in (-2, -1)
        ]
        self.beam = ov.Tensor(np.zeros(1, np.int32))

    def step(self, taken):
        """Inputs when so many tokens were measured: the filling's own step is number -1."""
        mask = self.tensor(np.zeros((1, 1, 1, self.tokens + taken)))
        return [*self.inputs[taken >= 0], mask, self.beam]


class Grown:
    """A request and its cache."""

    def __init__(self, request, tensors):
        self.request, self.tensors, self.taken = request, tensors, STEPS

    def refill(self):
        """The step after the filling is not measured: it makes room by a copy of all."""
        for state in self.request.query_state():
            state.state = self.tensors.past["k" if state.name.endswith("k") else "v"]
        self.taken = -1
        self.prepare()
        self.request.infer()

    def prepare(self):
        for index, tensor in enumerate(self.tensors.step(self.taken)):
            self.request.set_input_tensor(index, tensor)
        self.taken += 1


class Steps(Calls):
    def __init__(self, setting, requests, model):
        super().__init__(setting, requests, None, model)

    def run(self, calls):
        times = []
        for _ in range(calls):
            request = self.calls[self.next]
            self.next = (self.next + 1) % len(self.calls)
            if request.taken >= STEPS:
                for each in self.calls:
                    each.refill()
            request.prepare()
            start = self.clock()
            request.request.infer()
            times.append(self.clock() - start)
            self.last = request.request
        return times

    def out(self):
        return self.last.get_output_tensor(0).data[0].copy()
