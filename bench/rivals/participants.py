"""Who takes part, in the order of the rounds."""

from fnmatch import fnmatch

import ggml_peer
import lacuna_peer
import numpy_peer
import openvino_peers
import ort_peers
import torch_peers

ALL = (
    lacuna_peer.Lacuna(),
    torch_peers.Sdpa(),
    torch_peers.Blocks(),
    torch_peers.Flex(),
    ort_peers.Gqa(),
    ort_peers.Mha(),
    ort_peers.Attention(),
    ort_peers.Sparse(),
    ggml_peer.Ggml(),
    ggml_peer.GgmlF16(),
    openvino_peers.Sdpa(),
    openvino_peers.Cache(),
    numpy_peer.Numpy(),
)
NAMES = tuple(participant.name for participant in ALL)


def chosen(only, skip):
    """Those that one glob of `only` names, and none of `skip`."""
    named = lambda name, globs: any(fnmatch(name, glob) for glob in globs)
    return [p for p in ALL if named(p.name, only or ["*"]) and not named(p.name, skip)]


def of(workload, options):
    for participant in chosen(options.only, options.skip):
        slow = participant.name == "torch-flex" and workload.n not in options.flex
        if participant.takes(workload) and not slow:
            yield participant
