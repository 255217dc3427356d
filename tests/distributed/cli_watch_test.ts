import { assert, assertEquals, assertMatch } from "@std/assert";
import { createGates } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { FakeIo, FakeScreen, runCommand, ServedQueues, startWorker } from "./cli_io.ts";

/** The commands that watch: stats, top and ping. */

leakTest("manyhands stats tells of queues and workers, without steering the terminal", async () => {
  await using served = await ServedQueues.start("--queue", "tasks", "--queue", "images");
  const worker = startWorker(served, "--name", "evil\x1b[2Jname", "--concurrency", "3");
  await runCommand(["put", ...served.place, "square", "2", "--wait"]);
  await runCommand(["put", ...served.place, "--queue", "images", "cat"]);
  const { code, out } = await runCommand(["stats", ...served.place]);
  assertEquals(code, 0);
  assertMatch(out, /^Up .*, \d+ connections, 0 refused, \d+ calls$/m);
  assertMatch(out, /^QUEUE +READY +DELAYED +LEASED +OLDEST/m);
  assertMatch(out, /^images +1 +0 +0 +\d+ ms /m);
  assertMatch(out, /^evil\?\[2Jname +tasks +3 +0 +1 +0 +0$/m);
  assert(!out.includes("\x1b"));
  worker.io.stop();
  await worker.code;
});

leakTest("manyhands top prints a line a queue where there is no terminal", async () => {
  await using served = await ServedQueues.start("--queue", "a", "--queue", "b");
  await runCommand(["put", ...served.place, "--queue", "b", "cat"]);
  const { code, io } = await runCommand([
    "top",
    ...served.place,
    "--count",
    "2",
    "--interval",
    "20",
  ]);
  assertEquals([code, io.printed.length], [0, 4]);
  assertMatch(
    io.printed[1]!,
    /^b: ready 1, delayed 0, leased 0, oldest \d+ ms, put -\/s, done -\/s/,
  );
  assertMatch(io.printed[3]!, /^b: ready 1, .* put 0\.0\/s, done 0\.0\/s, workers 0, dead 0$/);
});

leakTest("manyhands top redraws a terminal until q, Ctrl-C or a signal", async () => {
  await using served = await ServedQueues.start();
  for (const key of ["q", "\x03", "signal"]) {
    const io = new FakeIo();
    const screen = io.screen = new FakeScreen(30);
    const { drawnTwice } = createGates("drawnTwice");
    screen.onWrite = () => {
      if (screen.drawn.length === 3) drawnTwice.open();
    };
    const ended = runCommand(["top", ...served.place, "--interval", "1"], io);
    await guard(drawnTwice.wait(), () => "two drawings");
    screen.press("x");
    if (key === "signal") io.stop();
    else screen.press(key);
    const { code, out } = await ended;
    assertEquals([code, out], [0, ""]);
    assertEquals([screen.drawn[0], screen.drawn.at(-1)], ["\x1b[?25l", "\x1b[?25h"]);
    const frame = screen.drawn[1]!;
    assert(frame.startsWith("\x1b[H\x1b[2Jmanyhands top - 127.0.0.1"), frame);
    for (const line of frame.slice(7).split("\r\n")) assert(line.length <= 30, line);
  }
});

leakTest("manyhands top ends with code 3 when the server is gone", async () => {
  const served = await ServedQueues.start();
  const io = new FakeIo();
  const ended = runCommand(["top", ...served.place, "--interval", "5"], io);
  await io.line(/^tasks: /);
  await served[Symbol.asyncDispose]();
  const { code, err } = await ended;
  assertEquals(code, 3, err);
});

leakTest("manyhands ping measures round trips", async () => {
  await using served = await ServedQueues.start();
  const args = ["ping", ...served.place, "--count", "3", "--interval", "0"];
  const { code, out } = await runCommand(args);
  assertEquals(code, 0);
  assertMatch(out, /^Connected to 127\.0\.0\.1:\d+ in [\d.]+ ms, the key is right\nRound trip 1: /);
  assertMatch(out, /^Round trip 3: [\d.]+ ms\nleast \/ median \/ most: /m);
  const figures = JSON.parse((await runCommand([...args, "--json"])).out);
  assertEquals(figures.count, 3);
  assert(figures.leastMs <= figures.medianMs && figures.medianMs <= figures.mostMs);
});
