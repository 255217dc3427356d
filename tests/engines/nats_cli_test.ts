import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCommandLine } from "../../distributed/_cli_main.ts";
import { FakeIo, JOBS, runCommand } from "../distributed/cli_io.ts";
import { freePort } from "../support/free_port.ts";
import { leakTest } from "../support/leaks.ts";
import { natsTest, startNatsServer } from "../support/nats_server.ts";

const CLI = new URL("../../distributed/cli.ts", import.meta.url).pathname;

/** Creates queues, and ends. */
async function create(engine: string, ...args: string[]): Promise<void> {
  const io = new FakeIo();
  const code = runCommandLine(["serve", "--engine", engine, ...args], io);
  await io.line(/^Serving /);
  io.stop();
  assertEquals(await code, 0);
}

natsTest("manyhands works on NATS with --engine as it does with a manager", async () => {
  await using server = await startNatsServer();
  const at = ["--engine", server.url];
  await create(server.url, "--max-size", "100");
  const io = new FakeIo();
  const worker = runCommandLine(["worker", JOBS, ...at, "--name", "miller"], io);
  await io.line(/^Working for nats:\/\/127.*, with .*square/);
  const done = await runCommand(["put", "square", "7", "--wait", ...at]);
  assertEquals([done.code, done.out, done.err], [0, "49", ""]);
  const failed = await runCommand(["put", "nothing", "--wait", ...at]);
  assertEquals(failed.code, 1);
  assertStringIncludes(failed.err, "does not export");
  const { queues } = JSON.parse((await runCommand(["stats", ...at, "--json"])).out);
  assertEquals([queues.tasks.done, queues.tasks.failed, queues.tasks.maxSize], [1, 1, 100]);
  assertEquals(queues.tasks.workers[0].name, "miller");
  io.stop();
  assertEquals(await worker, 0);
});

natsTest("manyhands get and ping work on NATS", async () => {
  await using server = await startNatsServer();
  const at = ["--engine", server.url, "--queue", "images"];
  await create(server.url, "--queue", "images", "--priority", "1", "--priority", "0");
  assertEquals((await runCommand(["get", ...at, "--timeout", "0"])).code, 5);
  const { out: id } = await runCommand(["put", "resize", ...at, "--priority", "1"]);
  const got = await runCommand(["get", ...at]);
  assertEquals(JSON.parse(got.out), { id, attempt: 1, value: { name: "resize", args: [] } });
  const ended = await runCommand(["get", ...at, "--complete", "--result", "3"]);
  assertEquals([ended.code, ended.err], [0, `Task ${id} is complete`]);
  const ping = await runCommand(["ping", "--engine", server.url, "--count", "1"]);
  assertEquals(ping.code, 0);
  assertMatch(ping.out, /Round trip 1: /);
});

natsTest(
  "manyhands serve --engine opens a queue again that was shut down, and serves its status",
  async () => {
    await using server = await startNatsServer();
    const io = new FakeIo();
    const code = runCommandLine(["serve", "--engine", server.url, "--status-port", "0"], io);
    const [, url] = await io.line(/^Status on (\S+)status/);
    const status = await (await fetch(`${url}status`)).json();
    assertEquals(status.queues.tasks.unfinished, 0);
    io.stop();
    assertEquals(await code, 0);
    // It stays.
    const { code: put } = await runCommand(["put", "square", "7", "--engine", server.url]);
    assertEquals(put, 0);
  },
);

natsTest(
  "manyhands logs in to NATS with what is in a file, and says when that is wrong",
  async () => {
    await using server = await startNatsServer({ config: "authorization { token: secret }" });
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, '{"token": "secret"}\n');
      const at = ["--engine", server.url, "--engine-login", file];
      assertEquals((await runCommand(["ping", ...at, "--count", "1"])).code, 0);
      await Deno.writeTextFile(file, '{"token": "other"}');
      const wrong = await runCommand(["ping", ...at]);
      assertEquals(wrong.code, 4);
      assertStringIncludes(wrong.err, "login was refused");
      await Deno.writeTextFile(file, '{"secret": "other"}');
      assertEquals((await runCommand(["ping", ...at])).code, 2);
    } finally {
      await Deno.remove(file);
    }
  },
);

natsTest("manyhands says that there is no such queue on NATS", async () => {
  await using server = await startNatsServer();
  const { code, err } = await runCommand(["put", "square", "--engine", server.url]);
  assertEquals(code, 1);
  assertMatch(err, /^There is no queue "tasks" on nats:.*"serve --engine" creates it$/);
});

leakTest("manyhands refuses an --engine that makes no sense, or that shows a login", async () => {
  const cases: [args: string, told: string][] = [
    ["stats --engine nats://me:secret@10.0.0.7", "Option --engine must not hold a login"],
    ["stats --engine http://10.0.0.7", "must be nats://HOST:PORT"],
    ["stats --engine nats://10.0.0.7 --port 5", "Option --port is for managers"],
    ["stats --engine-login file", "Option --engine-login needs --engine"],
    ["stats --token secret", "Option --token is refused"],
    ["serve --replicas 3", "Option --replicas needs --engine"],
  ];
  for (const [args, told] of cases) {
    const { code, err } = await runCommand(args.split(" "));
    assertEquals(code, 2, args);
    assertStringIncludes(err, told);
  }
  const { code } = await runCommand(["ping", "--engine", `nats://127.0.0.1:${freePort()}`]);
  assertEquals(code, 3);
});

leakTest("manyhands loads no client of an engine without --engine", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-remote", "--no-npm", "--no-lock", CLI, "--help"],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  assertStringIncludes(new TextDecoder().decode(stdout), "Usage: manyhands");
});
