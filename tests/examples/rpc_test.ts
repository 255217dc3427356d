import { assertEquals } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { runExample } from "../support/run_example.ts";

leakTest("examples/rpc.ts calls functions and a class of another process", async () => {
  const { code, stdout, stderr } = await runExample("rpc");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  // Two processes write: each of them in order.
  const lines = stdout.trimEnd().split("\n");
  assertEquals(lines.filter((line) => line.startsWith("Client:")), [
    "Client: 2 + 3 = 5",
    "Client: the first primes are 2 3 5 7 11 13 17 19 23 29",
    "Client: the average is 2",
    "Client: Ada has 120",
    "Client: RangeError: Cannot deposit -5: it must be more than 0",
    "Client: that took too long",
  ]);
  assertEquals(lines.filter((line) => line.startsWith("Server:")), [
    "Server: the account of Ada is closed with 120",
    "Server: I was told to stop",
    "Server: the client has ended with exit code 0",
  ]);
  assertEquals(lines.length, 9);
});
