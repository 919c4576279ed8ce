"""The rounds, in a process of its own for each number of threads: rounds.py REQUEST.json. All
participants of a workload are made and checked, then take turns."""

import json
import os
import sys
import time
from argparse import Namespace
from dataclasses import asdict

import numpy as np

import ggml_peer
import participants
import report
from participant import Setting
from workloads import Data, workloads

FAR_BEHIND = 4  # times the fastest: such a participant has one round when a call takes LONG
LONG = 5e8
WAKE_BELOW = 2e7  # calls this short start with one that is not counted: workers of others sleep
TURN = 4e7  # of one participant in one round, at most
MOST_CALLS = 400


class Entrant:
    """A participant that is ready, and its times in nanoseconds."""

    def __init__(self, participant, data, setting):
        self.participant, self.times = participant, []
        self.ready = participant.make(data, setting)
        self.first = self.ready.run(1)[0]
        out = self.ready.out()
        self.error = None if out is None else data.error(np.asarray(out, np.float32))
        if self.first < LONG:
            self.first = self.ready.run(1)[0]

    def result(self, data, threads):
        w, ms = data.workload, np.array(self.times) / 1e6
        return {
            "workload": asdict(w),
            "threads": threads,
            "participant": self.participant.name,
            "precision": getattr(self.participant, "precision", w.kv),
            "ms": float(ms.min()),
            "p50_ms": float(np.median(ms)),
            "calls": len(ms),
            "error": self.error,
            "flops": data.flops,
            "bytes": w.kv_bytes(w.span),
            "detail": getattr(self.ready, "detail", None),
        }


def first_line(problem):
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0][:160]}" if lines else type(problem).__name__


def pin(cpus):
    """All threads of this process and of ggml_attn."""
    for process in (os.getpid(), *ggml_peer.Server.pids()):
        for thread in os.listdir(f"/proc/{process}/task"):
            try:
                os.sched_setaffinity(int(thread), cpus)
            except OSError:
                pass  # it has ended


def enter(data, options, setting):
    """Those that are ready, and (name, why) of those that cannot be had."""
    ready, unavailable = [], []
    for participant in participants.of(data.workload, options):
        try:
            ready.append(Entrant(participant, data, setting))
        except Exception as problem:  # whatever a rival raises is a reason to go on without it
            unavailable.append((participant.name, first_line(problem)))
    return ready, unavailable


class Quiet:
    """Waits, within a budget, till the cores are left alone, also by the last one's workers."""

    def __init__(self, budget):
        self.left = budget

    @staticmethod
    def ticks():
        with open("/proc/stat") as file:
            fields = [int(word) for word in file.readline().split()[1:9]]
        return fields[3] + fields[4], sum(fields)

    def wait(self):
        time.sleep(0.005)
        while self.left > 0:
            idle, total = self.ticks()
            time.sleep(0.05)
            self.left -= 0.05
            later_idle, later_total = self.ticks()
            if later_idle - idle >= 0.85 * (later_total - total):
                return


def take_turns(entrants, options):
    """Returns (name, why) of those that failed on the way, which are entrants no longer."""
    fastest = min(e.first for e in entrants)
    near = sum(e.first for e in entrants if e.first < FAR_BEHIND * fastest)
    budget = options.budget * 1e9
    rounds = max(2, min(options.rounds, int(budget / near)))
    turn, quiet, failed = min(budget / rounds / len(entrants), TURN), Quiet(options.wait), []
    for number in range(rounds):
        for e in list(entrants):
            if number > 0 and e.first > max(FAR_BEHIND * fastest, LONG):
                continue
            quiet.wait()
            try:
                if e.first < WAKE_BELOW:
                    e.ready.run(1)
                e.times += e.ready.run(max(1, min(MOST_CALLS, int(turn / e.first))))
            except Exception as problem:
                entrants.remove(e)
                failed.append((e.participant.name, first_line(problem)))
    return failed


def main():
    with open(sys.argv[1]) as file:
        request = json.load(file)
    options, setting = Namespace(**request["options"]), Setting(**request["setting"])
    options.heads = [tuple(shape) for shape in options.heads]
    everywhere = os.sched_getaffinity(0)
    mine, results = set(sorted(everywhere)[-setting.threads :]), []
    for workload in workloads(options):
        data = Data(workload)
        pin(everywhere)  # compilers of rivals may use all cores
        entrants, unavailable = enter(data, options, setting)
        pin(mine)
        if entrants:
            unavailable += take_turns(entrants, options)
        found = [e.result(data, setting.threads) for e in entrants]
        for e in entrants:
            e.ready.close()
        print(report.table(found, request["limits"], unavailable), flush=True)
        results += found
        with open(request["results"], "w") as file:
            json.dump(results, file)


if __name__ == "__main__":
    main()
