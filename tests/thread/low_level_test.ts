import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { allocateLock, exit, startNewThread, ThreadStateError } from "../../thread/mod.ts";
import { startProgram } from "../support/child_program.ts";
import { leakTest } from "../support/leaks.ts";
import { makeWords, MODULE, waitForWord } from "./_make_thread.ts";
import { runProgram } from "./_run_program.ts";
import * as targets from "./fixtures/targets.ts";

leakTest("startNewThread() runs a function in a thread, and tells its number", async () => {
  const words = makeWords();
  const ident = startNewThread({ module: MODULE, target: targets.spinUntil }, [words]);
  assertGreater(ident, 1);
  await waitForWord(words);
  Atomics.store(words, 1, 1);
});

leakTest("startNewThread() throws for what cannot be started, at once", () => {
  assertThrows(
    () => startNewThread({ module: MODULE, target: targets.echo }, [() => 1]),
    TypeError,
    "an argument cannot be cloned",
  );
});

leakTest("startNewThread() gives what fails to the hook", async () => {
  const { code, stdout, stderr } = await runProgram("failsForgotten");
  assertEquals([code, stdout], [0, "goes on\n"]);
  assertStringIncludes(stderr, "Exception in thread Thread-1 (fail): RangeError: the message");
  assertStringIncludes(
    stderr,
    'Exception in thread Thread-2 (noSuch): TypeError: Cannot run "noSuch"',
  );
});

leakTest(
  "startNewThread() gives the reason to the hook when the runtime refuses the thread",
  async () => {
    // Nothing can be read, so nothing can be imported there.
    const code = `
    import { setExcepthook, startNewThread } from "${import.meta.resolve("../../thread/mod.ts")}";
    if (import.meta.main) {
      setExcepthook((error, { name }) => console.log("READY", name, String(error)));
      startNewThread({ module: import.meta.url, target: "main" }, []);
    }
  `;
    await using program = await startProgram({ code });
    assertMatch(program.ready, /^Thread-1 \(main\) .*Requires read access to/);
  },
);

Deno.test("allocateLock() makes a lock that nobody holds", () => {
  const lock = allocateLock();
  assert(lock.acquireSync({ timeoutMs: 0 }));
  lock.release();
});

Deno.test("exit() is refused in the main thread", () => {
  assertThrows(() => exit(), ThreadStateError, "Cannot exit the main thread");
});
