"""The harness of ./dev rivals without any rival: rivals_test.py <lacuna>. It runs with the Python
that has numpy, where the rivals' packages are missing, so that is tested as well."""

import json
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

LACUNA = str(Path(sys.argv.pop(1)).resolve()) if len(sys.argv) > 1 else sys.exit(__doc__)
FOLDER = Path(__file__).resolve().parent.parent / "bench" / "rivals"
sys.path.insert(0, str(FOLDER))

import numpy as np  # noqa: E402
from block_plans import block_plan  # noqa: E402
from report import best_rival, own, summary  # noqa: E402
from rivals import passed, read_arguments  # noqa: E402
from workloads import LACUNA as TEXTS  # noqa: E402
from workloads import PATTERNS, Data, Workload, mask_of  # noqa: E402


def rivals(*words):
    command = [sys.executable, FOLDER / "rivals.py", "--lacuna", LACUNA, *words]
    return subprocess.run(command, capture_output=True, text=True)


class Patterns(unittest.TestCase):
    def test_masks_have_the_pairs_that_lacuna_counts(self):
        """Of all queries, and of the last ones, where most patterns differ from dense."""
        for pattern in PATTERNS:
            for n, queries in ((320, 320), (1024, 1024), (1024, 1), (1024, 65)):
                mask = mask_of(pattern, n)
                command = [LACUNA, "show", "--json", "--pattern", TEXTS[pattern]]
                with tempfile.TemporaryDirectory() as folder:
                    if pattern == "bigbird":
                        np.save(f"{folder}/mask.npy", mask)
                        command += ["--mask", f"{folder}/mask.npy"]
                    command += ["--tokens", str(n)]
                    if queries < n and pattern != "bigbird":
                        command += ["--queries", str(queries)]
                    shown = json.loads(subprocess.check_output(command))
                rows = n if pattern == "bigbird" else queries
                with self.subTest(pattern=pattern, n=n, queries=queries):
                    self.assertEqual(shown["pairs"], int(mask[n - rows :].sum()))

    def test_bigbird_is_three_near_three_random_and_two_global_blocks(self):
        blocks = mask_of("bigbird", 1024)[::64, ::64]
        self.assertTrue(blocks[0].all() and blocks[-1].all())
        self.assertTrue(blocks[:, 0].all() and blocks[:, -1].all())
        self.assertEqual(set(blocks[2:-2].sum(1)), {8})
        self.assertTrue(all(blocks[i, i - 1 : i + 2].all() for i in range(1, 15)))

    def test_block_plans_are_the_mask(self):
        for pattern in PATTERNS:
            for n in (320, 1024):
                mask = mask_of(pattern, n)
                times = np.zeros((n, n), int)
                for rows, keys, part in block_plan(pattern, n, mask):
                    row = np.arange(n)[rows][:, None]
                    times[row, np.arange(n)[keys]] += True if part is None else part
                with self.subTest(pattern=pattern, n=n):
                    np.testing.assert_array_equal(times, mask)


class Reference(unittest.TestCase):
    def test_is_attention_by_its_definition(self):
        data = Data(Workload("prefill", 4, 2, 8, 128, "strided"))
        head, row = 3, int(data.rows[7])
        total, out = 0.0, np.zeros(8)
        for key in range(row + 1):
            if row - key < 128 or (row - key) % 64 == 0:
                score = sum(float(a) * float(b) for a, b in zip(data.q[head, row], data.k[1, key]))
                total += np.exp(score / 8**0.5)
                out += np.exp(score / 8**0.5) * data.v[1, key]
        np.testing.assert_allclose(data.reference[head][7], out / total, rtol=1e-12)

    def test_decode_of_a_window_sees_its_last_keys_alone(self):
        dense, window = (Data(Workload("decode", 4, 2, 8, 512, p)) for p in ("dense", "window"))
        self.assertEqual((dense.pairs, window.pairs), (512, 256))
        window.k[:, :256], window.v[:, :256] = np.nan, np.nan
        near = Data(Workload("decode", 4, 2, 8, 256, "dense"))
        near.q, near.k, near.v = window.q, *window.seen()
        np.testing.assert_allclose(near._attend(3), window.reference[3], rtol=1e-12)


def result(participant, ms, error, precision="f32"):
    shape = {"heads": 2, "kv_heads": 1, "head_dim": 64, "n": 256}
    workload = {"kind": "prefill", "pattern": "dense", "kv": "f32"} | shape
    return {"workload": workload, "threads": 1, "participant": participant, "ms": ms, "p50_ms": ms,
            "error": error, "precision": precision, "flops": 1, "bytes": 1}  # fmt: skip


class Report(unittest.TestCase):
    options = read_arguments(["--lacuna", LACUNA, "--work", "prefill", "--patterns", "dense"]
                             + ["--n", "256"])  # fmt: skip

    def test_the_best_rival_is_right(self):
        results = [result("lacuna", 2, 1e-7), result("quick", 1, 0.5), result("blind", 1, None)]
        self.assertIsNone(best_rival(results))
        results += [result("slow", 9, 1e-7), result("half", 6, 1e-3, "f16")]
        self.assertEqual(best_rival(results)["participant"], "half")
        self.assertIn("| 3.00  |", summary(results, {1: {"gflops": 1}}))

    def test_a_wrong_or_missing_lacuna_fails_the_run(self):
        self.assertTrue(passed([result("lacuna", 2, 1e-7)], self.options))
        wrong = [result("lacuna", 2, 1e-3), result("slow", 9, 1e-7)]
        self.assertIsNone(own(wrong))
        self.assertFalse(passed(wrong, self.options))
        self.assertFalse(passed([result("slow", 9, 1e-7)], self.options))


class CommandLine(unittest.TestCase):
    def test_bad_arguments_end_with_2_before_anything_is_done(self):
        for words, message in (
            (["--n", "1000"], "found '1000', expected a number from 128 to 16384 that 64 divides"),
            (["--n", "256,256"], "'256,256' names one twice"),
            (["--patterns", "windoow"], "found 'windoow', expected a pattern: dense, window"),
            (["--work", "train"], "found 'train', expected work: decode, prefill"),
            (["--kv", "int4"], "found 'int4', expected a type: f32, f16, bf16, int8"),
            (["--heads", "8x3x64"], "'8x3x64': 3 KV heads do not divide 8"),
            (["--pages", "big"], "found 'big', expected pages: huge, plain"),
            (["--heads", "8x64"], "found '8x64', expected HEADSxKV_HEADSxHEAD_DIM"),
            (["--threads", "0"], "found '0', expected a number from 1 to 256"),
            (["--threads", "256"], "--threads: found 256, and fewer cores"),
            (["--budget", "nan"], "found 'nan', expected seconds from 0 to 3600"),
            (["--only", "torhc"], "'torhc' names no participant of: lacuna, torch-sdpa"),
            (["--skip", "*"], "--only and --skip leave no participant"),
            (["--lacuna", "/nowhere/lacuna"], "--lacuna /nowhere/lacuna: no such program"),
            (["--json", "/nowhere/at/all.json"], "its folder is missing"),
            (["--work", "decode", "--patterns", "bigbird"], "nothing to do: decode has"),
        ):
            with self.subTest(words=words), redirect_stderr(StringIO()) as stderr:
                with self.assertRaises(SystemExit) as end:
                    read_arguments(["--lacuna", LACUNA, *words])
                self.assertEqual(end.exception.code, 2)
                self.assertIn(message, stderr.getvalue().splitlines()[-1])
        run = rivals("--n", "1000")
        self.assertEqual((run.returncode, run.stdout), (2, ""))


class Run(unittest.TestCase):
    def test_lacuna_beside_numpy_and_a_rival_that_is_missing(self):
        """Decode of a ring, f32 and int8; prefill with a pattern compiled in, and with lists."""
        words = ["--python", sys.executable, "--budget", "0", "--wait", "0", "--cold", "8"]
        words += ["--only", "lacuna,numpy-blas,torch-sdpa,ggml", "--n", "320", "--heads", "4x2x64"]
        words += ["--patterns", "window,bigbird", "--kv", "f32,int8"]
        with tempfile.TemporaryDirectory() as folder:
            run = rivals(*words, "--json", f"{folder}/out.json")
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            content = json.loads(Path(f"{folder}/out.json").read_text())
        self.assertIn("torch missing", run.stdout)
        self.assertIn("torch-sdpa: unavailable: ModuleNotFoundError", run.stdout)
        self.assertIn("ggml: unavailable: ", run.stdout)
        # numpy has no int8
        self.assertEqual(run.stdout.count("lacuna vs best rival (numpy-blas): "), 3)
        mine = [r for r in content["results"] if r["participant"] == "lacuna"]
        self.assertEqual([r["workload"]["kv"] for r in mine], ["f32", "int8", "f32", "f32"])
        for r in mine:
            self.assertLess(r["error"], {"f32": 2e-6, "int8": 1e-2}[r["workload"]["kv"]])
            self.assertGreater(r["ms"], 0)
            self.assertIn(content["limits"]["1"]["tier"], r["detail"])


if __name__ == "__main__":
    unittest.main()
