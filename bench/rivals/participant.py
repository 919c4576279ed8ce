"""What a participant is to the rounds: a class with a `name` and

takes(workload)      whether it can do it at all
make(data, setting)  ready to run, with everything allocated and converted that can be; raises when
                     it cannot be had here

What make returns has run(calls), the nanoseconds of each, out(), [heads, queries, features] of the
last one or None where it computes something else, and close().
"""

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    threads: int
    cold_mib: int  # decode turns through K and V of so many MiB in all; 0: always the same ones
    shared_object: str  # Lacuna's bundle and shim
    ggml: str  # the program ggml_attn

    def clock(self):
        """One thread: CPU time, as others on the core do not show in it. More: wall time."""
        return time.process_time_ns if self.threads == 1 else time.perf_counter_ns

    def copies(self, workload, tokens):
        """How many K and V of so many tokens decode turns through, as layers of a model would."""
        if not workload.decode or self.cold_mib == 0:
            return 1
        return max(1, min(256, math.ceil(self.cold_mib * 2**20 / workload.kv_bytes(tokens))))


class Calls:
    """Python callables that take turns; `keep` is what they need alive."""

    def __init__(self, setting, calls, result, keep=None):
        self.clock, self.calls, self.result = setting.clock(), calls, result
        self.keep, self.next, self.last = keep, 0, None

    def run(self, calls):
        times = []
        for _ in range(calls):
            call = self.calls[self.next]
            self.next = (self.next + 1) % len(self.calls)
            start = self.clock()
            self.last = call()
            times.append(self.clock() - start)
        return times

    def out(self):
        return self.result(self.last) if self.result else None

    def close(self):
        self.calls = self.last = self.keep = None
