"""The program "true" run to its end with its output, one program at a time, with CPython's subprocess."""

import subprocess

from peer import expect_result, measure, serve

RUNS = 50


def run_all():
    for _ in range(RUNS):
        completed = subprocess.run(["true"], stdin=subprocess.DEVNULL, capture_output=True)
        expect_result("the exit code", completed.returncode, 0)
    return RUNS


serve(lambda: measure(run_all))
