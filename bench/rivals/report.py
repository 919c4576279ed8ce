"""What a run prints: a table for each workload, and in the end Lacuna beside the best rival."""

from workloads import Workload

# Largest absolute error of normal data; int8 is as coarse as one scale for a whole tensor.
BOUNDS = {"f32": 1e-5, "f16": 1e-2, "bf16": 2e-2, "int8": 5e-2}


def workload(result):
    return Workload(**result["workload"])


def rate(result, limits):
    """(number, unit, share of the limit)"""
    if workload(result).decode:
        number, unit, limit = result["bytes"] / result["ms"] / 1e6, "GB/s", limits["gbps"]
    else:
        number, unit, limit = result["flops"] / result["ms"] / 1e6, "GFLOP/s", limits["gflops"]
    return number, unit, number / limit


def verdict(result):
    """What stands in the column of errors."""
    if result["error"] is None:
        return "not compared"
    return f"{result['error']:.1e}" + ("" if right(result) else " WRONG")


def right(result):
    return result["error"] is not None and result["error"] < BOUNDS[result["precision"]]


def best_rival(results):
    rivals = [r for r in results if r["participant"] != "lacuna" and right(r)]
    return min(rivals, key=lambda r: r["ms"], default=None)


def own(results):
    """Lacuna's result, if it is right."""
    return next((r for r in results if r["participant"] == "lacuna" and right(r)), None)


def aligned(header, rows):
    """As Markdown, in columns of one width."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    line = lambda cells: "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |"
    return "\n".join([line(header), line(["-" * w for w in widths]), *map(line, rows)])


def milliseconds(value):
    return f"{value:.3f}" if value < 10 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def table(results, limits, unavailable):
    """Of one workload."""
    threads = results[0]["threads"] if results else 0
    unit, rows = "", []
    for r in sorted(results, key=lambda r: r["ms"]):
        number, unit, share = rate(r, limits)
        times = milliseconds(r["ms"]), milliseconds(r["p50_ms"])
        rows.append([r["participant"], *times, f"{number:.1f}", f"{share:.0%}", verdict(r)])
    lines = []
    if rows:
        lines.append(f"## {workload(results[0]).title}, {threads} thread" + "s" * (threads > 1))
        lines.append(aligned(["participant", "ms", "p50", unit, "of limit", "error"], rows))
    lines += [f"{name}: unavailable: {why}" for name, why in unavailable]
    mine, best = own(results), best_rival(results)
    if mine and best:
        ratio = best["ms"] / mine["ms"]
        lines.append(f"lacuna vs best rival ({best['participant']}): {ratio:.2f} times as fast")
    return "\n".join(lines) + "\n"


def grouped(results):
    """Results of a workload and thread count together, in their order."""
    groups = {}
    for r in results:
        groups.setdefault((r["threads"], workload(r)), []).append(r)
    return groups


def summary(results, limits):
    rows = []
    for (threads, w), group in grouped(results).items():
        mine, best = own(group), best_rival(group)
        if not mine or not best:
            continue
        share = rate(mine, limits[threads])[2]
        times = milliseconds(best["ms"]), milliseconds(mine["ms"])
        ratio = f"{best['ms'] / mine['ms']:.2f}"
        rows.append([w.title, str(threads), best["participant"], *times, ratio, f"{share:.0%}"])
    header = ["workload", "threads", "best rival", "its ms", "lacuna", "ratio", "lacuna of limit"]
    return aligned(header, rows) if rows else "nothing to compare"
