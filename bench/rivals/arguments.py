"""The command line. Bad arguments end with status 2 before anything is installed or measured."""

import argparse
from fnmatch import fnmatch

from participants import NAMES
from workloads import BLOCK, KV_BYTES, PATTERNS

MOST_TOKENS = 16384  # a mask of float32 is 1 GiB there


def listed(item):
    """Type of an option that takes a comma-separated list."""

    def parse(text):
        values = [item(word) for word in text.split(",")]
        if len(set(values)) < len(values):
            raise argparse.ArgumentTypeError(f"'{text}' names one twice")
        return values

    return parse


def one_of(what, names):
    def parse(word):
        if word not in names:
            expected = ", ".join(names)
            raise argparse.ArgumentTypeError(f"found '{word}', expected {what}: {expected}")
        return word

    return parse


def number(low, high, multiple=1):
    def parse(word):
        value = int(word) if word.isascii() and word.isdigit() else -1
        if not low <= value <= high or value % multiple:
            of = f" that {multiple} divides" if multiple > 1 else ""
            message = f"found '{word}', expected a number from {low} to {high}{of}"
            raise argparse.ArgumentTypeError(message)
        return value

    return parse


def shape(word):
    parts = word.split("x")
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"found '{word}', expected HEADSxKV_HEADSxHEAD_DIM")
    heads, kv_heads, head_dim = (number(1, 512)(part) for part in parts)
    if heads % kv_heads:
        raise argparse.ArgumentTypeError(f"'{word}': {kv_heads} KV heads do not divide {heads}")
    return heads, kv_heads, head_dim


def glob(word):
    if not any(fnmatch(name, word) for name in NAMES):
        message = f"'{word}' names no participant of: {', '.join(NAMES)}"
        raise argparse.ArgumentTypeError(message)
    return word


def seconds(word):
    try:
        value = float(word)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"found '{word}', expected seconds from 0 to 3600")
    return value


def parser():
    p = argparse.ArgumentParser(
        prog="rivals", description="Lacuna and its rivals on the same tensors, in turns."
    )
    add = p.add_argument
    tokens = listed(number(2 * BLOCK, MOST_TOKENS, BLOCK))
    work = ("decode", "prefill")
    add("--work", type=listed(one_of("work", work)), default=list(work), help="decode,prefill")
    names = listed(one_of("a pattern", PATTERNS))
    add("--patterns", type=names, default=list(PATTERNS), help="decode has dense and window alone")
    add("--n", type=tokens, default=[1024, 4096], help="tokens (1024,4096)")
    add("--heads", type=listed(shape), default=[(8, 8, 64)], help="of prefill (8x8x64)")
    types = listed(one_of("a type", tuple(KV_BYTES)))
    add("--kv", type=types, default=list(KV_BYTES), help="of decode's K and V (f32,f16,bf16,int8)")
    add("--threads", type=listed(number(1, 256)), default=[1], help="such as 1,2 (1)")
    add("--budget", type=seconds, default=4.0, help="seconds to measure each workload for (4)")
    add("--rounds", type=number(2, 1000), default=15, help="turns in them, at most (15)")
    add("--wait", type=seconds, default=6.0, help="seconds a workload may wait for idle cores (6)")
    cold = "MiB of K and V that decode turns through; 0: always the same ones (160)"
    add("--cold", type=number(0, 4096), default=160, help=cold)
    pages = one_of("pages", ("huge", "plain"))
    add("--pages", type=pages, default="huge", help="huge: malloc asks for huge ones (huge)")
    flex = "where torch-flex takes part, which compiles for 15 s and more a workload (4096)"
    add("--flex", type=tokens, default=[4096], help=flex)
    add("--only", type=listed(glob), default=[], help="participants: torch-*,lacuna")
    add("--skip", type=listed(glob), default=[], help="participants to leave out")
    add("--json", metavar="FILE", help="write all results to this file")
    add("--venv", metavar="FOLDER", help="where the rivals are installed (bench/rivals/.venv)")
    add("--python", help="measure with this Python as it is; install nothing")
    add("--lacuna", metavar="PROGRAM", required=True, help="the tool lacuna")
    return p
