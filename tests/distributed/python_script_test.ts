import { assertEquals } from "@std/assert";
import { leakTest } from "../support/leaks.ts";
import { pythonAvailable, runPython, startPython } from "../support/python.ts";
import { makeReference } from "./python_targets.ts";

/** The same Python program with a manager of Python's and with ours. */

const ignore = !await pythonAvailable();
if (ignore) console.warn("python_script_test: there is no python3, so nothing is tested with it");

function readFixture(name: string): Promise<string> {
  return Deno.readTextFile(new URL(`fixtures/${name}`, import.meta.url));
}

leakTest(
  "Server and Python's own show a Python program the same [cpython: _TestMyManager.test_mymanager, _TestRemoteManager.test_remote]",
  async () => {
    const script = await readFixture("python_script.py");
    const reference = await readFixture("python_reference.py");
    await using python = await startPython(reference, { args: ["a key"] });
    const port = /\d+$/.exec(python.ready)![0];
    const expected = await runPython(script, { args: [port, "a key"] });
    assertEquals([expected.code, expected.stderr], [0, ""]);

    const { Manager } = makeReference();
    await using server = new Manager({ address: "127.0.0.1:0", authkey: "a key" }).getServer();
    const seen = await runPython(script, { args: [String(server.address.port), "a key"] });
    assertEquals([seen.stdout.split("\n"), seen.stderr], [expected.stdout.split("\n"), ""]);
    assertEquals(seen.code, 0);
  },
  { ignore },
);
