import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { InvalidStateError } from "../../coroutine/errors.ts";
import { OutputLimitError, Popen, TimeoutExpiredError } from "../../process/mod.ts";
import { assertPending } from "../support/settle.ts";
import { makeFolder, printBytes, sh, unixTest } from "./_programs.ts";

async function linesOf(script: string): Promise<string[]> {
  await using popen = new Popen(sh(script), { stdout: "pipe" });
  return await Array.fromAsync(popen.lines());
}

unixTest("Popen.lines() has the lines without their ends, of every kind", async () => {
  assertEquals(await linesOf("printf 'one\\ntwo\\r\\nthree\\rfour\\n\\nsix'"), [
    "one",
    "two",
    "three",
    "four",
    "",
    "six",
  ]);
  assertEquals(await linesOf("printf '\\n'"), [""]);
  assertEquals(await linesOf(":"), []);
});

unixTest("Popen.lines() has each line as soon as it is printed", async () => {
  await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe" });
  const writer = popen.stdin.getWriter();
  const lines = popen.lines();
  for (const line of ["first", "second"]) {
    const next = lines.next();
    await assertPending(next, "the next line");
    await writer.write(`${line}\n`);
    assertEquals((await next).value, line);
  }
  // A program that draws its progress ends its lines so.
  await writer.write("10 %\r");
  assertEquals((await lines.next()).value, "10 %");
  await writer.write("\nnext\n");
  assertEquals((await lines.next()).value, "next");
  await writer.close();
  assertEquals(await lines.next(), { done: true, value: undefined });
  assertEquals(await popen.wait(), 0);
});

unixTest("Popen.lines(): a character may come in pieces", async () => {
  await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe" });
  const writer = popen.stdin.getWriter();
  const line = popen.lines().next();
  for (const byte of new TextEncoder().encode("zażółć 🦕\n")) {
    await writer.write(Uint8Array.of(byte));
  }
  assertEquals((await line).value, "zażółć 🦕");
  await writer.close();
});

unixTest("Popen.lines() that is left and begun again loses no line", async () => {
  await using popen = new Popen(sh("for i in 1 2 3 4 5 6; do echo $i; done"), { stdout: "pipe" });
  const seen: string[] = [];
  for (let loop = 0; loop < 3; loop++) {
    for await (const line of popen.lines()) {
      seen.push(line);
      if (seen.length % 2 === 0) break;
    }
  }
  assertEquals(seen, ["1", "2", "3", "4", "5", "6"]);
});

unixTest("Popen.lines() has a million lines in order", async () => {
  await using popen = new Popen(["seq", "1000000"], { stdout: "pipe" });
  let next = 1;
  for await (const line of popen.lines()) {
    if (line !== `${next}`) assertEquals(line, `${next}`);
    next++;
  }
  assertEquals(next, 1_000_001);
});

unixTest("Popen.lines() reads nothing ahead: a program that prints faster waits", async () => {
  await using folder = await makeFolder();
  const script = sh('seq 1000000; touch "$1/all"', folder.path);
  await using popen = new Popen(script, { stdout: "pipe" });
  for await (const _ of popen.lines()) break;
  await assertPending(popen.wait(), "a program whose pipe is full");
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

unixTest("Popen.lines() reads standard error too, beside standard output", async () => {
  await using popen = new Popen(sh("echo out; echo err >&2"), { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    Array.fromAsync(popen.lines()),
    Array.fromAsync(popen.lines({ from: "stderr" })),
  ]);
  assertEquals([out, err], [["out"], ["err"]]);
});

unixTest("Popen.lines() refuses a line that is too long, and has its beginning", async () => {
  for (
    const script of [`${printBytes(1_000_000)}; sleep 1000`, `echo a; ${printBytes(101)}; echo`]
  ) {
    await using popen = new Popen(sh(script), { stdout: "pipe" });
    const error = await assertRejects(
      () => Array.fromAsync(popen.lines({ maxLineLength: 100 })),
      OutputLimitError,
      "more than 100 characters in a line",
    );
    assertEquals(error.stdout, "x".repeat(100));
  }
  await using popen = new Popen(sh(`${printBytes(100)}; echo`), { stdout: "pipe" });
  const lines = await Array.fromAsync(popen.lines({ maxLineLength: 100 }));
  assertEquals(lines.map((line) => line.length), [100]);
});

unixTest(
  "Popen.lines() stops waiting when it is aborted or the time is over, and loses nothing",
  async () => {
    await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe" });
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = popen.lines({ signal: controller.signal }).next();
    await assertPending(waiting, "the next line");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => waiting), reason);
    const again = popen.lines({ signal: controller.signal });
    assertStrictEquals(await assertRejects(() => again.next()), reason);
    await assertRejects(
      () => popen.lines({ timeoutMs: 1 }).next(),
      TimeoutExpiredError,
      "cat printed no line within 1 ms",
    );
    const writer = popen.stdin.getWriter();
    await writer.write("still there\n");
    assertEquals((await popen.lines().next()).value, "still there");
    await writer.close();
    assertEquals(popen.poll(), undefined);
  },
);

unixTest("Popen.lines() decodes as the options say", async () => {
  const script = sh("printf '\\344\\n'");
  await using latin = new Popen(script, { stdout: "pipe", encoding: "latin1" });
  assertEquals(await Array.fromAsync(latin.lines()), ["ä"]);
  await using replaced = new Popen(script, { stdout: "pipe", errors: "replace" });
  assertEquals(await Array.fromAsync(replaced.lines()), ["\ufffd"]);
  await using strict = new Popen(script, { stdout: "pipe" });
  await assertRejects(() => Array.fromAsync(strict.lines()), TypeError, "it is not utf-8");
});

unixTest("Popen.lines() and another way to read exclude each other", async () => {
  await using popen = new Popen(["echo", "x"], { stdout: "pipe" });
  assertThrows(() => popen.lines({ from: "stderr" }), InvalidStateError, '"stderr" is not "pipe"');
  assertThrows(() => popen.lines({ maxLineLength: 0 }), RangeError, "must be a positive number");
  popen.lines();
  await assertRejects(() => popen.communicate(), InvalidStateError, 'lines() reads its "stdout"');
  await using other = new Popen(["echo", "x"], { stdout: "pipe" });
  other.stdout.getReader();
  assertThrows(() => other.lines(), InvalidStateError, "read in another way");
  await using third = new Popen(["echo", "x"], { stdout: "pipe" });
  await third.communicate();
  assertThrows(() => third.lines(), InvalidStateError, "read in another way");
});

unixTest(
  "Popen.lines(): a loop that is left with `break` ends the program at the end of its block",
  async () => {
    let popen;
    {
      await using inner = popen = new Popen("yes", { stdout: "pipe" });
      for await (const line of inner.lines()) {
        assertEquals(line, "y");
        break;
      }
    }
    assert(popen.returnCode! < 0);
  },
);

unixTest("Popen.lines() fails for whoever reads on after what is no text", async () => {
  await using popen = new Popen("cat", { stdin: "pipe", stdout: "pipe" });
  const writer = popen.stdin.getWriter();
  // What comes after this one has left makes the read fail for which it has waited.
  await assertRejects(() => popen.lines({ timeoutMs: 0 }).next(), TimeoutExpiredError);
  await writer.write(new Uint8Array([0xff, 0x0a]));
  await assertRejects(() => popen.lines().next(), TypeError, "not utf-8");
  await writer.write("and more\n");
  await assertRejects(() => popen.lines().next(), TypeError, "not utf-8");
  await writer.close();
});

unixTest(
  "Popen.lines() refuses a line that is too long, also one that has come as a whole",
  async () => {
    await using popen = new Popen(["printf", "one\\nfour!\\n"], { stdout: "pipe" });
    const lines = popen.lines({ maxLineLength: 4 });
    assertEquals((await lines.next()).value, "one");
    const error = await assertRejects(
      () => lines.next(),
      OutputLimitError,
      "4 characters in a line",
    );
    assertEquals(error.stdout, "four");
  },
);
