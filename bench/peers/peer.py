"""The Python side of a peer program: answers each line "run" on stdin with one timed round.

See bench/peer_process.ts for the protocol.
"""

import json
import platform
import sys
import time

ROUND_SECONDS = 0.3


def measure(one_pass, minimum_seconds=ROUND_SECONDS):
    """Repeats a pass until a round's worth of time is used, at least once.

    A pass does some operations, checks them, and returns how many they were.
    """
    begin = time.perf_counter()
    operations = 0
    while True:
        operations += one_pass()
        seconds = time.perf_counter() - begin
        if seconds >= minimum_seconds:
            return seconds, operations


def expect_result(what, actual, expected):
    """Raises when a result is not the expected one."""
    if actual != expected:
        raise ValueError(f"Wrong result: {what} is {actual}, must be {expected}")


def serve(one_round):
    """Serves rounds until the end of stdin; a round returns its seconds and its operations."""
    _say({"versions": {"python": platform.python_version()}})
    for line in sys.stdin:
        if line.strip() != "run":
            _say({"error": f"Unknown request {line!r}"})
            continue
        try:
            seconds, operations = one_round()
        except Exception as error:
            _say({"error": f"{type(error).__name__}: {error}"})
        else:
            _say({"seconds": seconds, "operations": operations})


def _say(answer):
    print(json.dumps(answer), flush=True)
