"""ggml_flash_attn_ext of llama.cpp, in a program of its own that is driven line by line. It
measures each call itself, so the pipe is not in the times."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np


class Server:
    """One ggml_attn for all cases."""

    one = None

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="ggml_attn")
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([program], stdin=pipe, stdout=pipe, text=True, bufsize=1)
        self.version = self.process.stdout.readline().strip()
        self.cases = 0

    @classmethod
    def get(cls, program):
        if cls.one is None:
            cls.one = cls(program)
        return cls.one

    @classmethod
    def pids(cls):
        return [cls.one.process.pid] if cls.one else []

    def say(self, *words):
        try:
            print(*words, file=self.process.stdin)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            Server.one = None
            raise RuntimeError(f"ggml_attn ended at: {' '.join(map(str, words))}")
        return answer.strip()

    def file(self, name):
        return Path(self.folder.name) / name


class Case:
    def __init__(self, server, data, setting, kv):
        w, self.server = data.workload, server
        self.shape = (w.queries, w.heads, w.head_dim)
        server.cases += 1
        self.name = f"case{server.cases}"
        k, v = data.seen()
        arrays = {"q": data.q, "k": k, "v": v} | ({} if w.decode else {"mask": data.bias()})
        for name, array in arrays.items():
            np.ascontiguousarray(array, np.float32).tofile(server.file(name))
        files = [server.file(name) for name in ("q", "k", "v")]
        files.append("-" if w.decode else server.file("mask"))
        extents = (w.heads, w.kv_heads, w.head_dim, w.queries, k.shape[1])
        copies = setting.copies(w, w.span)
        server.say("case", self.name, *extents, kv, copies, setting.threads, *files)

    def run(self, calls):
        return [int(word) for word in self.server.say("run", self.name, calls).split()]

    def out(self):
        self.server.say("out", self.name, self.server.file("out"))
        rows = np.fromfile(self.server.file("out"), np.float32).reshape(self.shape)
        return rows.transpose(1, 0, 2)

    def close(self):
        self.server.say("drop", self.name)


class Ggml:
    """Prefill with float32 K and V and a mask of float16; decode with the type that is asked for
    (int8 is q8_0), and a window as its keys alone."""

    name = "ggml"

    def takes(self, workload):
        return True

    def kv(self, workload):
        return {"int8": "q8_0"}.get(workload.kv, workload.kv)

    def make(self, data, setting):
        return Case(Server.get(setting.ggml), data, setting, self.kv(data.workload))


class GgmlF16(Ggml):
    """Prefill with K and V of float16, which is llama.cpp's default."""

    name = "ggml-f16"
    precision = "f16"

    def takes(self, workload):
        return not workload.decode

    def kv(self, workload):
        return "f16"
