#!/usr/bin/env python3
"""Lacuna and its rivals in one run: see README.md. `./dev rivals` starts this."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import arguments
import lacuna_peer
import limits
import report
from participants import chosen
from workloads import workloads

HERE = Path(__file__).resolve().parent
PACKAGES = ("torch", "onnxruntime", "openvino", "numpy")
EXTENSIONS = ("avx2", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


def read_arguments(words):
    parser = arguments.parser()
    options = parser.parse_args(words)
    if not chosen(options.only, options.skip):
        parser.error("--only and --skip leave no participant")
    if not any(workloads(options)):
        parser.error("nothing to do: decode has the patterns dense and window alone")
    if len(os.sched_getaffinity(0)) < max(options.threads):
        parser.error(f"--threads: found {max(options.threads)}, and fewer cores")
    if not shutil.which(options.lacuna):
        parser.error(f"--lacuna {options.lacuna}: no such program")
    if options.json and not Path(options.json).absolute().parent.is_dir():
        parser.error(f"--json {options.json}: its folder is missing")
    return options


def install(options):
    """(Python with the rivals, the program ggml_attn)"""
    if options.python:
        return options.python, ""
    folder = Path(options.venv or HERE / ".venv").absolute()
    subprocess.run([HERE / "setup.sh", folder], check=True)
    return str(folder / "bin/python"), str(folder / "ggml_attn")


def versions(python, ggml, lacuna):
    """Of all that takes part; what is missing is named as such."""
    program = (
        "import importlib.metadata as m, sys\n"
        "for p in sys.argv[1:]:\n"
        "    try: print(p, m.version(p))\n"
        "    except m.PackageNotFoundError: print(p, 'missing')"
    )
    commands = [[lacuna, "--version"], [python, "-c", program, *PACKAGES]]
    lines = []
    for command in commands:
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        lines += run.stdout.splitlines()
    try:
        run = subprocess.run([ggml], input="", stdout=subprocess.PIPE, text=True)
        lines += run.stdout.splitlines()
    except OSError:
        lines.append("ggml missing")
    return lines


def machine():
    text = subprocess.run(["lscpu"], stdout=subprocess.PIPE, text=True).stdout
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    flags = fields.get("Flags", "").split()
    parts = [fields.get("Model name", "unknown"), f"{fields.get('CPU(s)', '?')} CPUs"]
    caches = (level for level in ("L2", "L3") if f"{level} cache" in fields)
    parts += [f"{level} {fields[f'{level} cache']}" for level in caches]
    parts.append(" ".join(name for name in EXTENSIONS if name in flags))
    return ", ".join(parts)


def environment(options, threads):
    """Of the rounds and the limits: as many threads for every library, the same pages for all that
    malloc gives, and nothing that calls home."""
    count = str(threads)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    own = dict.fromkeys(names, count) | {"CUDA_VISIBLE_DEVICES": "", "OPENVINO_TELEMETRY": "0"}
    if options.pages == "huge":
        own["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"
    return os.environ | own | {"TORCHINDUCTOR_COMPILE_THREADS": "1"}


def measure(options, python, setting, found, folder, environment):
    """The rounds' results; those before it, if their process died."""
    request, results = folder / "request.json", folder / "results.json"
    content = {"options": vars(options), "setting": setting, "limits": found}
    request.write_text(json.dumps(content | {"results": str(results)}))
    results.write_text("[]")
    command = [python, HERE / "rounds.py", request]
    status = subprocess.run(command, env=environment).returncode
    if status:
        print(f"rivals: the rounds ended with status {status}", file=sys.stderr)
    return json.loads(results.read_text()), status


def passed(results, options):
    """Lacuna, where it takes part, is right in every workload."""
    if not any(p.name == "lacuna" for p in chosen(options.only, options.skip)):
        return True
    expected = len(options.threads) * sum(1 for _ in workloads(options))
    return sum(1 for group in report.grouped(results).values() if report.own(group)) == expected


def main(words):
    options = read_arguments(words)
    python, ggml = install(options)
    names = versions(python, ggml, options.lacuna)
    print("machine:", machine(), " load:", *os.getloadavg())
    print("versions:", ", ".join(names), flush=True)
    results, found, failed = [], {}, 0
    with tempfile.TemporaryDirectory(prefix="rivals") as name:
        folder, library = Path(name), ""
        for threads in options.threads:
            own = environment(options, threads)
            found[threads] = limits.measure(options, threads, own)
            print(f"limits of {threads} thread(s): {json.dumps(found[threads])}\n", flush=True)
            if not library:
                library = lacuna_peer.build(options, folder, found[threads]["tier"])
            setting = {"threads": threads, "cold_mib": options.cold}
            setting |= {"shared_object": library, "ggml": ggml}
            more, status = measure(options, python, setting, found[threads], folder, own)
            results += more
            failed |= status
    print(report.summary(results, found))
    if options.json:
        content = {"machine": machine(), "versions": names, "limits": found, "results": results}
        Path(options.json).write_text(json.dumps(content, indent=1) + "\n")
    return 1 if failed or not passed(results, options) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, subprocess.CalledProcessError) as problem:  # they have said why on stderr
        sys.exit(f"rivals: {problem}")
