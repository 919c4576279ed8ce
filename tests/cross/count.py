#!/usr/bin/env python3
"""Instructions (of Hexagon, packets) of a few calls, and cycles where their blocks tell them,
against budgets: count.py ARCH BUDGETS [--cycles BLOCK_CYCLES] COMMAND… [--write]

COMMAND prints lines "case NAME" and "instructions N" on stderr. BLOCK_CYCLES reads all of that and
prints "cycles CPU N" for each case and CPU. A count more than 2 % above its budget fails; one more
than 2 % below is to become the budget. --write does that."""
import json
import re
import subprocess
import sys

ALLOWED = 0.02


def measured(arch, command, block_cycles):
    """{section of the budgets: {case: count}}"""
    text = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True).stderr
    cases = re.findall(r"^case (.*)\n(?:block .*\n)*instructions (\d+)$", text, re.MULTILINE)
    sections = {arch: {name: int(n) for name, n in cases}}
    if block_cycles:
        text = subprocess.run(block_cycles, input=text, stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        cycles = re.findall(r"^cycles (\S+) (\d+)$", text, re.MULTILINE)
        for cpu in dict.fromkeys(cpu for cpu, _ in cycles):
            counts = [int(n) for of, n in cycles if of == cpu]
            if len(counts) != len(cases):
                sys.exit(f"{cpu}: cycles of {len(counts)} calls, expected {len(cases)}")
            sections[cpu] = {name: n for (name, _), n in zip(cases, counts)}
    return sections


def failures(section, found, budget):
    """Prints a line a case; how many are not within their budgets."""
    failed = 0
    for name in sorted(found.keys() | budget.keys()):
        n, most = found.get(name), budget.get(name)
        verdict = "ok"
        if n is None or most is None:
            verdict = "not counted" if n is None else "has no budget"
        elif n > most * (1 + ALLOWED):
            verdict = "over budget"
        elif n < most * (1 - ALLOWED):
            verdict = "ok, lower the budget"
        failed += not verdict.startswith("ok")
        change = f"{100 * (n / most - 1):+.2f} %" if n and most else ""
        print(f"{section:11} {name:45} {n or '-':>12} {most or '-':>12} {change:>9}  {verdict}")
    return failed


def main():
    arch, path, *command = sys.argv[1:]
    block_cycles = command[1] if command[0] == "--cycles" else None
    if block_cycles:
        command = command[2:]
    write = command[-1] == "--write"
    if write:
        command.pop()
    sections = measured(arch, command, block_cycles)
    with open(path) as file:
        budgets = json.load(file)
    if write:
        budgets.update(sections)
        with open(path, "w") as file:
            json.dump(budgets, file, indent=2)
            file.write("\n")
    failed = sum(failures(section, found, budgets.get(section, {}))
                 for section, found in sections.items())
    return failed > 0 or not sections[arch]


sys.exit(main())
