import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Popen, run } from "../../process/mod.ts";
import { createGates } from "../support/gate.ts";
import { assertPending } from "../support/settle.ts";
import {
  bytes,
  makeFolder,
  MEGABYTE,
  printBytes,
  readAll,
  sh,
  text,
  unixTest,
} from "./_programs.ts";

unixTest(
  "Popen.stdin is written to, and its end ends the input [cpython: ProcessTestCase.test_stdin_pipe]",
  async () => {
    await using popen = new Popen(sh('read line; exit "$line"'), { stdin: "pipe" });
    const stdin: WritableStream<Uint8Array | string> = popen.stdin;
    const writer = stdin.getWriter();
    await writer.write(bytes("4"));
    await writer.write("7");
    await writer.close();
    assertEquals(await popen.wait(), 47);
  },
);

unixTest(
  "Popen: stdin comes from a file or a stream [cpython: ProcessTestCase.test_stdin_fileobj]",
  async () => {
    await using folder = await makeFolder();
    await Deno.writeTextFile(`${folder.path}/pear`, "pear".repeat(100_000));
    using file = await Deno.open(`${folder.path}/pear`);
    await using first = new Popen(["wc", "-c"], { stdin: file, stdout: "pipe", text: true });
    assertEquals(first.stdin, undefined);
    assertEquals(Number((await first.communicate())[0]), 400_000);

    const stdin = ReadableStream.from(["pe", bytes("a"), "r"]);
    await using second = new Popen("cat", { stdin, stdout: "pipe", text: true });
    assertEquals(await second.communicate(), ["pear", undefined]);
    assertEquals(stdin.locked, true);
  },
);

unixTest(
  "Popen.stdout and Popen.stderr are read [cpython: ProcessTestCase.test_stdout_pipe, ProcessTestCase.test_stderr_pipe]",
  async () => {
    await using popen = new Popen(sh("printf orange; printf strawberry >&2"), {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr]: ReadableStream<Uint8Array>[] = [popen.stdout, popen.stderr];
    assertEquals(await readAll(stdout!), "orange");
    assertEquals(await readAll(stderr!), "strawberry");
    assertEquals(await popen.wait(), 0);
  },
);

unixTest(
  "Popen: stdout and stderr go to files and streams, which stay open [cpython: ProcessTestCase.test_stdout_fileobj, ProcessTestCase.test_stderr_fileobj]",
  async () => {
    await using folder = await makeFolder();
    using stdout = await Deno.open(`${folder.path}/out`, { write: true, create: true });
    const chunks: string[] = [];
    const stderr = new WritableStream<Uint8Array>({
      write(chunk) {
        chunks.push(text(chunk));
      },
    });
    for (const fruit of ["orange", "kiwi"]) {
      await using popen = new Popen(sh(`printf ${fruit}; printf ${fruit} >&2`), { stdout, stderr });
      assertEquals([popen.stdout, popen.stderr], [undefined, undefined]);
      assertEquals(await popen.wait(), 0);
    }
    assertEquals(await Deno.readTextFile(`${folder.path}/out`), "orangekiwi");
    assertEquals(chunks.join(""), "orangekiwi");
    assertEquals(stderr.locked, false);
  },
);

unixTest("Popen: a stream as stdout may keep what it is given", async () => {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const stdout = new WritableStream<Uint8Array>({
    write: (chunk) => void chunks.push(chunk as Uint8Array<ArrayBuffer>),
  });
  await using popen = new Popen(["seq", "100000"], { stdout });
  await popen.wait();
  const expected = Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join("");
  assertEquals(await new Blob(chunks).text() === expected, true);
});

unixTest(
  "Popen: stdout and stderr go to one file [cpython: ProcessTestCase.test_stdout_stderr_file]",
  async () => {
    await using folder = await makeFolder();
    using stdout = await Deno.open(`${folder.path}/out`, { write: true, create: true });
    await using popen = new Popen(sh("echo apple; echo orange >&2"), { stdout, stderr: "stdout" });
    await popen.wait();
    const lines = (await Deno.readTextFile(`${folder.path}/out`)).trim().split("\n");
    assertEquals(lines.sort(), ["apple", "orange"]);
  },
);

unixTest("Popen: without a shell both outputs in one are complete, each in its order", async () => {
  const script = sh("for i in 1 2 3; do echo o$i; echo e$i >&2; done");
  await using popen = new Popen(script, { stdout: "pipe", stderr: "stdout", text: true });
  assertEquals(popen.stderr, undefined);
  const [stdout, stderr] = await popen.communicate();
  assertEquals(stderr, undefined);
  const lines = stdout.trim().split("\n");
  assertEquals(lines.filter((line) => line.startsWith("o")), ["o1", "o2", "o3"]);
  assertEquals(lines.filter((line) => line.startsWith("e")), ["e1", "e2", "e3"]);
});

unixTest(
  'Popen: stderr "stdout" with stdout inherited comes out there [cpython: ProcessTestCase.test_stderr_redirect_with_no_stdout_redirect]',
  async () => {
    const code = `
      import { Popen } from ${JSON.stringify(import.meta.resolve("../../process/mod.ts"))};
      await using popen = new Popen(["sh", "-c", "echo 42 >&2"], { stderr: "stdout" });
      Deno.exit(await popen.wait());
    `;
    const args = [Deno.execPath(), "run", "--no-prompt", "--allow-run=sh", "-"];
    await using popen = new Popen(args, {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      text: true,
    });
    assertEquals(await popen.communicate({ input: code }), ["42\n", ""]);
    assertEquals(popen.returnCode, 0);
  },
);

unixTest(
  "Popen: what is not redirected is undefined [cpython: ProcessTestCase.test_stdin_none, ProcessTestCase.test_stdout_none, ProcessTestCase.test_stderr_none]",
  async () => {
    await using popen = new Popen("true");
    const streams: undefined[] = [popen.stdin, popen.stdout, popen.stderr];
    assertEquals(streams, [undefined, undefined, undefined]);
    assertEquals(await popen.wait(), 0);
  },
);

unixTest(
  "Popen: devnull takes everything, and has nothing [cpython: ProcessTestCase.test_stdout_devnull, ProcessTestCase.test_stderr_devnull, ProcessTestCase.test_stdin_devnull]",
  async () => {
    const options = { stdin: "devnull", stdout: "devnull", stderr: "devnull" } as const;
    await using popen = new Popen(
      sh(`${printBytes(10 * MEGABYTE)}; ${printBytes(10 * MEGABYTE)} >&2`),
      options,
    );
    assertEquals([popen.stdin, popen.stdout, popen.stderr], [undefined, undefined, undefined]);
    assertEquals(await popen.wait(), 0);
    await using reader = new Popen(sh("cat; echo end"), { stdin: "devnull", stdout: "pipe" });
    assertEquals(text((await reader.communicate())[0]), "end\n");
    await using merged = new Popen(sh("echo x >&2"), { stdout: "devnull", stderr: "stdout" });
    assertEquals(await merged.wait(), 0);
  },
);

unixTest("Popen refuses a stream that is locked, and starts nothing", async () => {
  await using folder = await makeFolder();
  const touch = ["touch", `${folder.path}/x`];
  const stdin = new ReadableStream<Uint8Array>();
  const stdout = new WritableStream<Uint8Array>();
  const reader = stdin.getReader();
  assertThrows(() => new Popen(touch, { stdin, stdout }), TypeError, '"stdin" is locked');
  assertEquals(stdout.locked, false);
  reader.releaseLock();
  stdout.getWriter();
  assertThrows(() => new Popen(touch, { stdin, stdout }), TypeError, '"stdout" is locked');
  assertEquals(stdin.locked, false);
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

unixTest("Popen that cannot start gives its streams back", () => {
  const stdin = new ReadableStream<Uint8Array>();
  const stdout = new WritableStream<Uint8Array>();
  assertThrows(() => new Popen("/no/such/program", { stdin, stdout }), Deno.errors.NotFound);
  assertEquals([stdin.locked, stdout.locked], [false, false]);
});

unixTest("Popen: a stream that fails as stdin ends the input, and wait() rejects", async () => {
  const stdin = new ReadableStream<string>({
    start: (controller) => controller.enqueue("pear"),
    pull() {
      throw new Error("the source is broken");
    },
  });
  await using popen = new Popen("cat", { stdin, stdout: "devnull" });
  await assertRejects(() => popen.wait(), Error, "the source is broken");
  assertEquals(popen.returnCode, 0);
});

unixTest("Popen: a stream that fails as stdout ends the program, and wait() rejects", async () => {
  const stdout = new WritableStream<Uint8Array>({
    write() {
      throw new Error("the disk is full");
    },
  });
  await using popen = new Popen("yes", { stdout });
  await assertRejects(() => popen.wait(), Error, "the disk is full");
  assertEquals(popen.signal, "SIGPIPE");
});

unixTest("Popen: a program that does not read a stream to its end cancels it", async () => {
  let cancelled = 0;
  const stdin = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
    cancel() {
      cancelled++;
    },
  });
  await using popen = new Popen(["head", "-c", "10"], { stdin, stdout: "pipe" });
  assertEquals((await popen.communicate())[0].length, 10);
  assertEquals(cancelled, 1);
  await using waiting = new Popen("true", {
    stdin: new ReadableStream({ cancel: () => void cancelled++ }),
  });
  await waiting.wait();
  assertEquals(cancelled, 2);
});

unixTest(
  "Popen: a program that closes its input and goes on cancels a stream at once",
  async () => {
    const { cancelled } = createGates("cancelled");
    const stdin = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
      cancel: () => cancelled.open(),
    });
    await using popen = new Popen(sh("exec <&-; exec sleep 1000"), { stdin });
    await cancelled.wait();
    assertEquals(popen.poll(), undefined);
  },
);

unixTest("Popen.stdout reads nothing ahead: a program that prints faster waits", async () => {
  await using folder = await makeFolder();
  const script = sh(`${printBytes(MEGABYTE)}; touch "$1/all"`, folder.path);
  await using popen = new Popen(script, { stdout: "pipe" });
  const reader = popen.stdout.getReader();
  let size = (await reader.read()).value?.length ?? 0;
  // Time enough to print all of it, if anybody took it.
  await run(["sleep", "0.1"]);
  await assertPending(popen.wait(), "a program whose pipe is full");
  assertEquals([...Deno.readDirSync(folder.path)], []);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
  }
  assertEquals(size, MEGABYTE);
  assertEquals(await popen.wait(), 0);
});

unixTest("Popen.stdout that is cancelled tells the program (SIGPIPE)", async () => {
  await using popen = new Popen("yes", { stdout: "pipe" });
  const reader = popen.stdout.getReader();
  await reader.read();
  await reader.cancel();
  assertEquals(await popen.wait(), -13);
});

unixTest(
  "Popen: a program that cannot be started leaves its file and its stream free",
  async () => {
    await using folder = await makeFolder();
    await Deno.writeTextFile(`${folder.path}/pear`, "pear");
    using file = await Deno.open(`${folder.path}/pear`);
    const stream = ReadableStream.from(["pear"]);
    for (const stdin of [file, stream]) {
      assertThrows(() => new Popen("/no/such/program", { stdin }), Deno.errors.NotFound);
      await using popen = new Popen("cat", { stdin, stdout: "pipe", text: true });
      assertEquals(await popen.communicate(), ["pear", undefined]);
    }
  },
);

unixTest("Popen: a file is read no further when the program has ended", async () => {
  const { first, ended } = createGates("first", "ended");
  let reads = 0;
  const stdin = {
    async read(buffer: Uint8Array) {
      if (++reads === 1) {
        first.open();
        await ended.wait();
      }
      return buffer.length;
    },
  };
  // What it leaves behind holds its standard input.
  const script = sh("exec 3<&0; sleep 1000 <&3 3<&- & exit 3");
  await using popen = new Popen(script, { stdin, processGroup: "own", pipeGraceMs: 20 });
  await first.wait();
  assertEquals(await popen.wait(), 3);
  ended.open();
  await popen.communicate();
  await popen.terminateTree({ graceMs: 0 });
  assertEquals(reads, 1);
});
