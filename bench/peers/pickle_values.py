"""A value written as a pickle and read again, by CPython's pickle module.

Argument: which value, request or rows; they are those of bench/pickle_subject.ts.
"""

import pickle
import sys

from peer import expect_result, measure, serve

REQUEST = ("7f6c3ab960d0", "get", (), {"timeout": 1})
ROWS = [
    {"id": i, "name": f"row {i}", "score": i / 7, "tags": ["a", "b"], "ok": True}
    for i in range(1000)
]
PASSES = {"request": 10_000, "rows": 5}


def request():
    methods = 0
    for _ in range(PASSES["request"]):
        _, method, _, _ = pickle.loads(pickle.dumps(REQUEST, 4))
        if method == "get":
            methods += 1
    expect_result("requests", methods, PASSES["request"])
    return PASSES["request"]


def rows():
    for _ in range(PASSES["rows"]):
        again = pickle.loads(pickle.dumps(ROWS, 4))
        expect_result("the last id", again[-1]["id"], len(ROWS) - 1)
    return PASSES["rows"]


if __name__ == "__main__":
    one_pass = {"request": request, "rows": rows}[sys.argv[1]]
    serve(lambda: measure(one_pass))
