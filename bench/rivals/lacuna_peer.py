"""Lacuna itself: a bundle for this machine behind lacuna_shim.c, called through ctypes."""

import ctypes
import json
import subprocess
from pathlib import Path

import numpy as np

from participant import Calls
from workloads import LACUNA, bigbird_blocks, workloads

TYPES = {"f32": 1, "f16": 2, "bf16": 3, "int8": 4}  # lac_type


def spec(options):
    """The kernels that the workloads need, as `lacuna generate --spec` reads them."""
    rows = []
    for w in workloads(options):
        row = {"head_dim": w.head_dim, "dtype": "f32", "kv_dtype": w.kv}
        if w.pattern != "bigbird":  # what lists come for at run time has the kernel for any pattern
            row["pattern"] = LACUNA[w.pattern]
        if row not in rows:
            rows.append(row)
    return {"kernels": rows}


def build(options, folder, tier):
    """The bundle and the shim, as one shared library in the folder."""
    folder = Path(folder)
    (folder / "kernels.json").write_text(json.dumps(spec(options), indent=1) + "\n")
    bundle, library = folder / "bundle", folder / "liblacuna_rival.so"
    subprocess.run(
        [options.lacuna, "generate", "--quiet", "--spec", folder / "kernels.json"]
        + ["--tiers", tier, "-o", bundle],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(
        ["cc", "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        + ["-I", bundle / "include", Path(__file__).with_name("lacuna_shim.c"), "-o", library]
        + [bundle / "lib" / "liblac.a", "-pthread"],
        check=True,
    )
    return str(library)


class Case(ctypes.Structure):
    """rival_case"""

    _fields_ = (
        [("pattern", ctypes.c_char_p)]
        + [(name, ctypes.c_int32) for name in ("heads", "kv_heads", "head_dim", "tokens")]
        + [(name, ctypes.c_int32) for name in ("kv_type", "threads", "copies")]
        + [("starts", ctypes.c_void_p), ("indices", ctypes.c_void_p), ("rows", ctypes.c_int32)]
        + [(name, ctypes.c_void_p) for name in ("q", "k", "v", "out")]
    )


def load(path):
    shim = ctypes.CDLL(path)
    for name in ("rival_prefill", "rival_decode"):
        getattr(shim, name).argtypes = [ctypes.POINTER(Case)]
        getattr(shim, name).restype = ctypes.c_void_p
    for name in ("rival_attend", "rival_step", "rival_close", "rival_kernel", "rival_tier"):
        getattr(shim, name).argtypes = [ctypes.c_void_p]
    for name in ("rival_error", "rival_kernel", "rival_tier", "rival_status"):
        getattr(shim, name).restype = ctypes.c_char_p
    return shim


def lists(workload):
    """BigBird's table as (starts, indices) of mask:blocks."""
    table = bigbird_blocks(workload.n)
    starts = np.r_[0, table.sum(1).cumsum()].astype(np.int64)
    return starts, np.nonzero(table)[1].astype(np.int32)


class Lacuna:
    """lac_attention over a plan made before; in decode lac_step_attend over a cache (a ring for the
    window), which plans within the time."""

    name = "lacuna"

    def takes(self, workload):
        return True

    def make(self, data, setting):
        w, shim = data.workload, load(setting.shared_object)
        out = np.zeros_like(data.q)
        case = Case(pattern=LACUNA[w.pattern].encode(), heads=w.heads, kv_heads=w.kv_heads)
        case.head_dim, case.tokens = w.head_dim, w.n
        case.kv_type, case.threads = TYPES[w.kv], setting.threads
        case.copies = setting.copies(w, w.span)
        keep = [case, data, out]
        if w.pattern == "bigbird":
            starts, indices = lists(w)
            case.starts, case.indices = starts.ctypes.data, indices.ctypes.data
            case.rows = len(starts) - 1
            keep += [starts, indices]
        for name, array in (("q", data.q), ("k", data.k), ("v", data.v), ("out", out)):
            setattr(case, name, array.ctypes.data)
        handle = (shim.rival_decode if w.decode else shim.rival_prefill)(case)
        if not handle:
            raise RuntimeError(shim.rival_error().decode())
        return Handle(setting, shim, handle, w, out, keep)


class Handle(Calls):
    def __init__(self, setting, shim, handle, workload, out, keep):
        call = shim.rival_step if workload.decode else shim.rival_attend

        def attend():
            if status := call(handle):
                raise RuntimeError(shim.rival_status(status).decode())

        super().__init__(setting, [attend], lambda _: out, keep)
        self.shim, self.handle = shim, handle
        names = shim.rival_kernel(handle), shim.rival_tier(handle)
        self.detail = ", ".join(name.decode() for name in names)

    def close(self):
        self.shim.rival_close(self.handle)
        super().close()
