"""64 MiB that a program prints, taken as one array of bytes, with CPython's subprocess."""

import subprocess

from peer import expect_result, measure, serve

SIZE = 64 * 1024 * 1024


def take_all():
    completed = subprocess.run(["head", "-c", str(SIZE), "/dev/zero"], capture_output=True)
    expect_result("the size of the output", len(completed.stdout), SIZE)
    return SIZE // 1024 // 1024


serve(lambda: measure(take_all))
