import { assertEquals } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest(
  "examples/gevent_like.ts does what gevent's spawn, joinall, Pool and Timeout do",
  async () => {
    const { code, stdout, stderr } = await runExample("gevent_like");
    assertEquals(stderr, "");
    assertEquals(code, 0);
    assertEquals(stdout.split("\n"), [
      "joinAll: 34.120.54.55 34.117.78.127 151.101.0.223",
      ...["foo 1", "bar 1", "foo 2", "bar 2", "foo 3", "bar 3"],
      "pool.apply: 9",
      "pool.map: 1 4 9 16 25",
      "pool.imap: 36 49 64",
      "most at a time: 2",
      "timeout: it took too long",
      "",
    ]);
  },
);
