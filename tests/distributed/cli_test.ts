import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS, runCommandLine } from "../../distributed/_cli_main.ts";
import { BaseManager, TaskQueue, WorkerPool } from "../../distributed/mod.ts";
import { formatAddress } from "../../ipc/mod.ts";
import { freePort } from "../support/free_port.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import * as certificates from "./fixtures/tls_certificates.ts";
import { FakeIo, JOBS, runCommand, ServedQueues, startWorker, waitFor } from "./cli_io.ts";

// Help and usage

Deno.test("manyhands --help tells commands, the key and exit codes", async () => {
  for (const args of [["--help"], ["help"], ["-h"]]) {
    const { code, out } = await runCommand(args);
    assertEquals(code, 0);
    for (const { name } of COMMANDS) assertMatch(out, new RegExp(`^  ${name} `, "m"));
    assertStringIncludes(out, "MANYHANDS_AUTHKEY");
    assertStringIncludes(out, "4  the key is wrong");
  }
  const { code, err } = await runCommand([]);
  assertEquals(code, 2);
  assertStringIncludes(err, "Usage: manyhands COMMAND");
});

Deno.test("manyhands COMMAND --help tells each option, permissions and examples", async () => {
  for (const { name, options } of COMMANDS) {
    for (const args of [[name, "--help"], [name, "-h"], ["help", name]]) {
      const { code, out } = await runCommand(args);
      assertEquals(code, 0);
      for (const option of options) assertMatch(out, new RegExp(`^  --${option.name}\\b`, "m"));
      assertMatch(out, /^Permissions:\n {2}--allow-net=HOST:PORT/m);
      assertMatch(out, new RegExp(`^Examples:\n.*manyhands ${name}\\b`, "m"));
      assertStringIncludes(out, "Exit codes:");
      for (const line of out.split("\n")) assert(line.length <= 120, line);
    }
  }
});

Deno.test("manyhands tells in one line what is wrong with the command line, with code 2", async () => {
  const cases: [args: string, told: string][] = [
    ["pong", 'There is no command "pong"; there are serve, worker, put, get, stats, top, ping.'],
    ["stats --bogus", "Unknown option --bogus; --help lists the options"],
    [
      "put f --priority -5",
      '"-5" is taken for an option: a number below 0 is written as --option=-5, or behind "--"',
    ],
    ["stats --bogus=7", "Unknown option --bogus; --help lists the options"],
    ["stats more", 'Command stats cannot use "more"; --help tells more'],
    ["worker", "Command worker needs MODULE; --help tells more"],
    ["put", "There must be either a FUNCTION or --stdin; --help tells more"],
    ["put f --stdin", "There must be either a FUNCTION or --stdin; --help tells more"],
    ["put --stdin --id a", "Option --id is for one task, not --stdin"],
    ["ping --port", "Option --port needs a value: --port=N"],
    ["ping --port x", 'Option --port is "x", must be an integer, from 0 to 65535'],
    ["ping --port 65536", 'Option --port is "65536", must be an integer, from 0 to 65535'],
    ["ping --port 1 --port 2", "Option --port is given 2 times"],
    ["ping --count 0", 'Option --count is "0", must be an integer, 1 or more'],
    [
      "serve --engine nats://127.0.0.1:1 --priority x",
      'Option --priority is "x", must be a number',
    ],
    ["put f --priority high", 'Option --priority is "high", must be a number'],
    [
      "worker m --inside pipes",
      'Option --inside is "pipes", must be coroutines, threads, processes',
    ],
    ["get --result 1", "Option --result needs --complete"],
    [
      "get --complete --fail no",
      "A task can be ended with --complete or with --fail, not with both",
    ],
    ["get --complete --result {", "The result is no JSON: {"],
    ["serve --status-host a", "Option --status-host needs --status-port"],
    ["serve --tls-ca a", "Option --tls-ca needs --tls-cert and --tls-key"],
    ["ping --tls-cert a", "Options --tls-cert and --tls-key need each other"],
    ["ping --authkey-file /no/such", 'There is no file "/no/such", which --authkey-file names'],
  ];
  for (const [args, told] of cases) {
    const { code, out, err } = await runCommand(args.split(" "));
    assertEquals([code, out], [2, ""], args);
    assertStringIncludes(err, told);
    assertEquals(err.split("\n").length, 1, err);
  }
});

Deno.test("manyhands refuses a key among the arguments, and does not repeat it", async () => {
  for (const option of ["--authkey=secret", "--key=secret", "--authkey"]) {
    const { code, err } = await runCommand(["ping", option, "secret"]);
    assertEquals(code, 2);
    assertStringIncludes(err, "everybody on this machine can read the arguments of a program");
    assertStringIncludes(err, "--authkey-file FILE");
    assert(!err.includes("secret"), err);
  }
});

Deno.test("manyhands needs a key that is not empty", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "\n");
    const { code, err } = await runCommand(["ping", "--authkey-file", file]);
    assertEquals(code, 2);
    assertStringIncludes(err, "is empty");
  } finally {
    await Deno.remove(file);
  }
});

// Tasks

leakTest("manyhands put --wait prints what a worker has given, as JSON", async () => {
  await using served = await ServedQueues.start();
  const worker = startWorker(served, "--concurrency", "2");
  const put = (...args: string[]) => runCommand(["put", ...served.place, "--wait", ...args]);
  const squared = await put("square", "7");
  assertEquals([squared.code, squared.out, squared.err], [0, "49", ""]);
  const described = await put("describe", "7", "seven", '"7"', "[1, null]");
  assertEquals(described.out, '{"args":[7,"seven","7",[1,null]],"at":[["a","1"]]}');
  const dashed = await put("describe", "--", "--wait");
  assertEquals(dashed.out, '{"args":["--wait"],"at":[["a","1"]]}');
  worker.io.stop();
  assertEquals(await worker.code, 0);
});

leakTest("manyhands put --wait tells of a failure in one line, with code 1", async () => {
  await using served = await ServedQueues.start();
  const worker = startWorker(served);
  const put = (...args: string[]) => runCommand(["put", ...served.place, "--wait", ...args]);
  const failed = await put("fail", "no luck", "--id", "a");
  assertEquals([failed.code, failed.out], [1, ""]);
  assertEquals(failed.err, "Task a has failed: RangeError: no luck");
  const unknown = await put("notAFunction", "--id", "b");
  assertEquals(unknown.code, 1);
  assertMatch(
    unknown.err,
    /^Task b has failed: TypeError: Cannot call "notAFunction": .* exports /,
  );
  worker.io.stop();
  assertEquals(await worker.code, 0);
});

leakTest("a worker goes on after tasks that are no calls", async () => {
  await using served = await ServedQueues.start();
  const worker = startWorker(served);
  const io = new FakeIo();
  io.input = () =>
    Promise.resolve('null\n5\n\n{"name":"square","args":[3]}\n{"name":1,"args":[]}\n');
  const { code, out, err } = await runCommand(["put", ...served.place, "--stdin", "--wait"], io);
  assertEquals([code, out], [1, "null\nnull\n9\nnull"]);
  assertEquals(err.match(/it must name a function, as \{ name, args \} does/g)?.length, 3);
  worker.io.stop();
  assertEquals(await worker.code, 0);
});

leakTest("manyhands put prints ids; put again with the same --id is the same task", async () => {
  await using served = await ServedQueues.start();
  const put = (...args: string[]) => runCommand(["put", ...served.place, ...args]);
  assertEquals((await put("square", "2", "--id", "a")).out, "a");
  assertEquals((await put("square", "2", "--id", "a")).out, "a");
  assertMatch((await put("square", "3")).out, /^[0-9a-f-]{36}$/);
  const { out } = await runCommand(["stats", ...served.place, "--json"]);
  assertEquals(JSON.parse(out).queues.tasks.unfinished, 2);
});

leakTest(
  "manyhands put --timeout ends with code 5, when there is no place or no result",
  async () => {
    await using served = await ServedQueues.start("--max-size", "1");
    const first = await runCommand([
      "put",
      ...served.place,
      "square",
      "1",
      "--wait",
      "--timeout",
      "10",
    ]);
    assertEquals(first.code, 5);
    assertMatch(first.err, /^Task .* is waiting after 10 ms$/);
    const second = await runCommand(["put", ...served.place, "square", "1", "--timeout", "10"]);
    assertEquals(second.code, 5);
    assertMatch(second.err, /1 of 1 tasks are unfinished/);
  },
);

leakTest("manyhands put --priority and --retries are the task's", async () => {
  await using served = await ServedQueues.start();
  const put = (...args: string[]) => runCommand(["put", ...served.place, ...args]);
  await put("low", "--id", "low", "--retries", "1");
  await put("high", "--id", "high", "--priority", "2.5");
  const get = async (...args: string[]) => {
    const { code, out } = await runCommand(["get", ...served.place, "--timeout", "0", ...args]);
    const { id, attempt } = JSON.parse(out || "{}");
    return [code, id, attempt];
  };
  assertEquals(await get("--complete"), [0, "high", 1]);
  assertEquals(await get("--fail", "once"), [0, "low", 1]);
  assertEquals(await get("--fail", "twice"), [0, "low", 2]);
  assertEquals(await get(), [5, undefined, undefined]);
});

leakTest("manyhands get gives the task back unless it is told otherwise", async () => {
  await using served = await ServedQueues.start("--queue", "tasks", "--queue", "images");
  const queue = ["--queue", "images"];
  const put = ["put", ...served.place, ...queue, "resize", '{"to":1}', "--id", "a"];
  await runCommand(put);
  const get = (...args: string[]) => runCommand(["get", ...served.place, ...queue, ...args]);
  for (const attempt of [1, 1]) {
    const { code, out, err } = await get();
    assertEquals([code, err], [0, "Task a was given back"]);
    assertEquals(JSON.parse(out), {
      id: "a",
      attempt,
      value: { name: "resize", args: [{ to: 1 }] },
    });
  }
  const done = await get("--complete", "--result", '{"size":3}');
  assertEquals([done.code, done.err], [0, "Task a is complete"]);
  assertEquals((await runCommand([...put, "--wait"])).out, '{"size":3}');
});

leakTest("manyhands get --result=- holds the task until the result is there", async () => {
  await using served = await ServedQueues.start();
  await runCommand(["put", ...served.place, "a", "--id", "a"]);
  const io = new FakeIo();
  const input = Promise.withResolvers<string>();
  io.input = () => input.promise;
  const got = runCommand(["get", ...served.place, "--complete", "--result=-"], io);
  await io.line(/"id":"a"/);
  const other = await runCommand(["get", ...served.place, "--timeout", "0"]);
  assertEquals(other.code, 5);
  input.resolve("[1, 2]\n");
  assertEquals((await got).code, 0);
  assertEquals(
    (await runCommand(["put", ...served.place, "a", "--id", "a", "--wait"])).out,
    "[1,2]",
  );
});

leakTest(
  "manyhands get gives the task back on a signal, and when the result is no JSON",
  async () => {
    await using served = await ServedQueues.start();
    await runCommand(["put", ...served.place, "a", "--id", "a"]);
    const io = new FakeIo();
    io.input = () => new Promise(() => {});
    const got = runCommand(["get", ...served.place, "--complete", "--result=-"], io);
    await io.line(/"id":"a"/);
    io.stop();
    assertEquals((await got).code, 0);
    assertEquals(io.complaints, ["Task a was given back"]);
    const wrong = new FakeIo();
    wrong.input = () => Promise.resolve("{");
    const second = await runCommand(["get", ...served.place, "--complete", "--result=-"], wrong);
    assertEquals([second.code, JSON.parse(second.out).attempt], [2, 1]);
    assertStringIncludes(second.err, "Task a was given back");
    assertEquals(JSON.parse((await runCommand(["get", ...served.place])).out).attempt, 1);
  },
);

leakTest("manyhands get waits for a task, and a signal ends that with nothing taken", async () => {
  await using served = await ServedQueues.start();
  const io = new FakeIo();
  const got = runCommand(["get", ...served.place], io);
  await waitFor(served, (queue) => queue.getting === 1);
  io.stop();
  const { code, out } = await got;
  assertEquals([code, out], [0, ""]);
  await waitFor(served, (queue) => queue.getting === 0);
});

leakTest("manyhands get and stats know the manager of a WorkerPool as well", async () => {
  const key = await Deno.makeTempFile();
  await Deno.writeTextFile(key, "k");
  try {
    await using pool = new WorkerPool({ authkey: "k" });
    const place = ["--port", String(pool.address.port), "--authkey-file", key];
    const called = pool.apply({ name: "square" }, [7]).catch(() => "ended");
    const { code, out } = await runCommand(["get", ...place]);
    assertEquals([code, JSON.parse(out).value], [0, { name: "square", items: [7] }]);
    const { out: table } = await runCommand(["stats", ...place]);
    assertMatch(table, /^tasks +1 /m);
    await pool.terminate();
    await called;
  } finally {
    await Deno.remove(key);
  }
});

leakTest("manyhands put --wait tells of a task that was cancelled", async () => {
  await using served = await ServedQueues.start();
  const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<unknown> });
  const address = ["127.0.0.1", served.port] as const;
  await using client = new Client({ address, authkey: "a key" });
  await client.connect();
  await using queue = await TaskQueue.over(await client.getTasks());
  const putting = runCommand(["put", ...served.place, "a", "--id", "a", "--wait"]);
  await waitFor(served, ({ size }) => size === 1);
  // The same name is the same task.
  const task = await queue.put("other", { id: "a" });
  assertEquals(await task.cancel(), true);
  const { code, err } = await putting;
  assertEquals([code, err], [1, "Task a was cancelled"]);
});

leakTest("manyhands get --result=- ends when the task is not its own any more", async () => {
  const served = await ServedQueues.start();
  await runCommand(["put", ...served.place, "a", "--id", "a"]);
  const io = new FakeIo();
  io.input = () => new Promise(() => {});
  const got = runCommand(["get", ...served.place, "--complete", "--result=-"], io);
  await io.line(/"id":"a"/);
  await served[Symbol.asyncDispose]();
  const { code, err } = await got;
  assertEquals(code, 1);
  assertMatch(err, /^Task a: /);
});

// What goes wrong

leakTest(
  "manyhands ends with code 3 when nobody is there, and with code 4 for a wrong key",
  async () => {
    await using served = await ServedQueues.start();
    const wrong = await Deno.makeTempFile();
    await Deno.writeTextFile(wrong, "another key");
    const nobody = ["--port", String(freePort()), "--authkey-file", wrong];
    const commands = [["put", "a"], ["get"], ["stats"], ["top"], ["ping"], [
      "worker",
      JOBS,
      "--reconnect",
      "0",
    ]];
    try {
      for (const command of commands) {
        const { code, err } = await runCommand([...command, ...nobody]);
        assertEquals(code, 3, err);
        assertMatch(err, /^Cannot connect to 127\.0\.0\.1:\d+: nobody is listening there$/);
      }
      for (const command of commands.slice(0, 2)) {
        const place = ["--port", String(served.port), "--authkey-file", wrong];
        const { code, err } = await runCommand([...command, ...place]);
        assertEquals(code, 4, err);
        assertMatch(err, /^Wrong key: [^\n]*$/);
      }
      // The server tells of it, though not of each.
      const told = served.io.complaints.filter((line) => line.startsWith("Refused a connection: "));
      assertEquals(told.length, 1, served.io.text);
    } finally {
      await Deno.remove(wrong);
    }
  },
);

leakTest(
  "manyhands ends with code 3 when the server is silent, or is another program",
  async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const key = await Deno.makeTempFile();
    await Deno.writeTextFile(key, "k");
    const place = ["--port", String(listener.addr.port), "--authkey-file", key];
    try {
      const accepted = listener.accept();
      const silent = await runCommand(["ping", "--timeout", "20", ...place]);
      assertEquals(silent.code, 3);
      assertMatch(silent.err, /^Nobody answers at 127\.0\.0\.1:\d+$/);
      (await accepted).close();
      const talking = listener.accept().then(async (conn) => {
        await conn.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
        return conn;
      });
      const other = await runCommand(["ping", ...place]);
      assertEquals(other.code, 3, other.err);
      (await talking).close();
    } finally {
      await Deno.remove(key);
    }
  },
);

leakTest(
  "manyhands tells of a queue that there is not, and of a manager without queues",
  async () => {
    await using served = await ServedQueues.start("--queue", "a", "--queue", "b");
    const missing = await runCommand(["get", ...served.place, "--queue", "toString"]);
    assertEquals([missing.code, missing.err], [1, 'There is no queue "toString"; there are a, b']);
    const Other = BaseManager.register("getNumber", { callable: () => 7 });
    await using other = new Other({ address: "127.0.0.1:0", authkey: "a key" }).getServer();
    const place = ["--port", String(other.address.port), "--authkey-file", served.keyFile];
    for (const command of [["put", "a"], ["stats"]]) {
      const { code, err } = await runCommand([...command, ...place]);
      const told = `The manager on ${formatAddress(other.address)} has no task queues`;
      assertEquals([code, err], [1, told]);
    }
    assertEquals((await runCommand(["ping", ...place, "--count", "1"])).code, 0);
  },
);

leakTest(
  "manyhands worker tells of a module that cannot be used before it takes anything",
  async () => {
    await using served = await ServedQueues.start();
    const none = await runCommand(["worker", "./no_such_module.ts", ...served.place]);
    assertEquals(none.code, 1);
    assertMatch(none.err, /^Cannot load the module: Module not found/);
    const empty = await runCommand([
      "worker",
      "data:text/javascript,export const a = 1",
      ...served.place,
    ]);
    assertEquals(empty.code, 2);
    assertStringIncludes(empty.err, "exports no function");
  },
);

leakTest(
  "manyhands encrypts with --tls-cert and --tls-key at the server, --tls-ca at clients",
  async () => {
    const folder = await Deno.makeTempDir();
    const file = async (name: string, text: string): Promise<string> => {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      return `${folder}/${name}`;
    };
    try {
      const { authority, stranger, server, client } = certificates;
      const pair = async (name: string, { cert, key }: typeof server) => [
        "--tls-cert",
        await file(`${name}.crt`, cert),
        "--tls-key",
        await file(`${name}.key`, key),
      ];
      const serverPair = await pair("server", server);
      const clientPair = await pair("client", client);
      const ca = ["--tls-ca", await file("ca.crt", authority.cert)];
      const strange = ["--tls-ca", await file("stranger.crt", stranger.cert)];

      await using open = await ServedQueues.start(...serverPair);
      const worker = startWorker(open, ...ca);
      const put = ["put", ...open.place, "square", "7", "--wait"];
      assertEquals((await runCommand([...put, ...ca])).out, "49");
      assertEquals((await runCommand([...put, ...strange])).code, 4);
      worker.io.stop();
      assertEquals(await worker.code, 0);

      await using closed = await ServedQueues.start(...serverPair, ...ca);
      const ping = ["ping", ...closed.place, "--count", "1", ...ca];
      assertEquals((await runCommand([...ping, ...clientPair])).code, 0);
      const refused = await runCommand(ping);
      assert([3, 4].includes(refused.code), refused.err);
      assertEquals(refused.err.split("\n").length, 1);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

// The end

leakTest("manyhands serve ends in order: nothing more is put, what is there is done", async () => {
  await using served = await ServedQueues.start();
  const waiting = runCommand(["put", ...served.place, "square", "4", "--wait"]);
  await waitFor(served, (queue) => queue.size === 1);
  served.io.stop();
  await served.io.line(/1 tasks have not ended yet/);
  const refused = await runCommand(["put", ...served.place, "square", "5"]);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.err, "it is shut down");
  const worker = startWorker(served);
  assertEquals((await waiting).out, "16");
  assertEquals([await served.ended(), await worker.code], [0, 0]);
  await worker.io.line(/^The server on .* has ended$/);
});

leakTest("manyhands serve ends at once with the second signal, and says what is lost", async () => {
  await using served = await ServedQueues.start();
  await runCommand(["put", ...served.place, "square", "4"]);
  served.io.stop();
  await served.io.line(/1 tasks have not ended yet/);
  served.io.stop();
  assertEquals(await served.ended(), 1);
  await served.io.line(/^1 tasks were given up$/);
});

leakTest("manyhands worker finishes what runs with the first signal", async () => {
  await using served = await ServedQueues.start();
  const { code, io } = startWorker(served);
  const waiting = runCommand(["put", ...served.place, "hang"]);
  await waitFor(served, (queue) => queue.held === 1);
  await waiting;
  io.stop();
  await assertPending(code, "the worker");
  io.stop();
  assertEquals(await guard(code, () => "the end of the worker"), 0);
  // Given back, not lost: it has cost no attempt.
  const { out } = await runCommand(["get", ...served.place, "--timeout", "0", "--complete"]);
  assertEquals(JSON.parse(out).attempt, 1);
  await waitFor(served, (queue) => queue.lost === 0 && queue.done === 1);
});

leakTest("manyhands worker goes on trying while there is no server", async () => {
  const port = freePort();
  const key = await Deno.makeTempFile();
  await Deno.writeTextFile(key, "k");
  try {
    const place = ["--port", String(port), "--authkey-file", key];
    const io = new FakeIo();
    const code = runCommandLine(["worker", JOBS, ...place], io);
    await io.line(/nobody is listening there; trying again$/);
    const server = new FakeIo();
    const served = runCommandLine(["serve", ...place], server);
    await server.line(/^Serving queue tasks/);
    assertEquals((await runCommand(["put", ...place, "square", "3", "--wait"])).out, "9");
    server.stop();
    assertEquals([await served, await guard(code, () => "the worker")], [0, 0]);
  } finally {
    await Deno.remove(key);
  }
});

leakTest("manyhands serve says why it cannot listen", async () => {
  await using served = await ServedQueues.start();
  const { code, err } = await runCommand(["serve", ...served.place]);
  assertEquals(code, 1);
  assertMatch(err, /^Cannot listen on 127\.0\.0\.1:\d+: the port is taken$/);
});
