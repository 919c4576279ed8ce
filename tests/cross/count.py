#!/usr/bin/env python3
"""Instructions (of Hexagon, packets) of a few calls against budgets: count.py ARCH BUDGETS COMMAND…

COMMAND prints lines "case NAME" and "instructions N" on stderr. A count more than 2 % above its
budget fails; one more than 2 % below is to become the budget. --write at the end does that."""
import json
import re
import subprocess
import sys

ALLOWED = 0.02


def counts(command):
    text = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True).stderr
    return {name: int(n) for name, n in re.findall(r"case (.*)\ninstructions (\d+)\n", text)}


def main():
    arch, path, *command = sys.argv[1:]
    write = command[-1] == "--write"
    if write:
        command.pop()
    found = counts(command)
    with open(path) as file:
        budgets = json.load(file)
    if write:
        budgets[arch] = found
        with open(path, "w") as file:
            json.dump(budgets, file, indent=2)
            file.write("\n")
    budget = budgets[arch]
    failures = 0
    for name in sorted(found.keys() | budget.keys()):
        n, most = found.get(name), budget.get(name)
        verdict = "ok"
        if n is None or most is None:
            verdict = "not counted" if n is None else "has no budget"
        elif n > most * (1 + ALLOWED):
            verdict = "over budget"
        elif n < most * (1 - ALLOWED):
            verdict = "ok, lower the budget"
        failures += not verdict.startswith("ok")
        change = f"{100 * (n / most - 1):+.2f} %" if n and most else ""
        print(f"{arch:8} {name:45} {n or '-':>12} {most or '-':>12} {change:>9}  {verdict}")
    return failures > 0 or not found


sys.exit(main())
