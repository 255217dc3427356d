import { assert, assertEquals } from "@std/assert";
import { readTrace } from "../../distributed/_telemetry.ts";
import { BaseManager, embeddedEngine, TaskQueue } from "../../distributed/mod.ts";
import { withDenoOnPath } from "../support/deno_on_path.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";

const PROGRAM = new URL("./fixtures/traced_tasks.ts", import.meta.url);
const POOL_PROGRAM = new URL("./fixtures/traced_pool.ts", import.meta.url);

/** A span, as OTLP/JSON writes it. */
interface SpanForm {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: {
    key: string;
    value: { stringValue?: string; intValue?: number; doubleValue?: number };
  }[];
  status?: { code?: number; message?: string };
}

interface TracesForm {
  resourceSpans: { scopeSpans: { scope: { name: string }; spans: SpanForm[] }[] }[];
}

/** Takes spans as a collector does, over OTLP/HTTP in JSON. */
class Collector implements AsyncDisposable {
  readonly spans: SpanForm[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const body = await request.text();
        if (new URL(request.url).pathname === "/v1/traces") {
          const { resourceSpans } = JSON.parse(body) as TracesForm;
          for (const { scopeSpans } of resourceSpans) {
            for (const { scope, spans } of scopeSpans) {
              if (scope.name !== "deno") this.spans.push(...spans);
            }
          }
        }
        return Response.json({});
      },
    );
  }

  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    };
  }

  /** The span of a name, and perhaps of a task; there must be exactly one. */
  one(name: string, id?: string): SpanForm {
    const found = this.all(name, id);
    assertEquals(found.length, 1, `${found.length} spans ${name} ${id}: ${this.#describe()}`);
    return found[0]!;
  }

  all(name: string, id?: string): SpanForm[] {
    return this.spans.filter((span) =>
      span.name === name && (id === undefined || read(span)["messaging.message.id"] === id)
    );
  }

  #describe(): string {
    return this.spans.map((span) => JSON.stringify([span.name, read(span)])).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function read({ attributes }: SpanForm): Record<string, string | number | undefined> {
  return Object.fromEntries(
    attributes.map((
      { key, value },
    ) => [key, value.stringValue ?? value.doubleValue ?? Number(value.intValue)]),
  );
}

async function runProgram(
  env: Record<string, string>,
  { program = PROGRAM, flags = [], args = [] }: {
    program?: URL;
    flags?: readonly string[];
    args?: readonly string[];
  } = {},
): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-check",
      "--allow-net=127.0.0.1",
      ...flags,
      program.href,
      ...args,
    ],
    env: withDenoOnPath({ ...env, NO_COLOR: "1" }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { code, stdout, stderr } = await guard(child.output(), () => "the end of the program");
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const PRINTED = "9\nRangeError\n2\n25\nRangeError\n";
const PRODUCER = 4;
const CONSUMER = 5;

leakTest("a put and the run of its task are one trace, across a connection", async () => {
  await using collector = new Collector();
  assertEquals(await runProgram(collector.env), PRINTED);
  const outer = collector.one("producer");
  const put = collector.one("put square", "one");
  const run = collector.one("run square", "one");
  const [inner] = collector.all("inside square").filter(({ traceId }) => traceId === put.traceId);
  assertEquals([put.parentSpanId, put.traceId], [outer.spanId, outer.traceId]);
  assertEquals([run.parentSpanId, run.traceId], [put.spanId, outer.traceId]);
  assertEquals(inner?.parentSpanId, run.spanId);
  assertEquals([put.kind, run.kind], [PRODUCER, CONSUMER]);
  assertEquals(read(put), {
    "messaging.system": "manyhands",
    "messaging.operation.name": "put",
    "messaging.operation.type": "send",
    "messaging.message.id": "one",
    "manyhands.task.function": "square",
  });
  assertEquals(read(run), {
    "messaging.system": "manyhands",
    "messaging.operation.name": "run",
    "messaging.operation.type": "process",
    "messaging.message.id": "one",
    "manyhands.task.function": "square",
    "manyhands.task.attempt": 1,
  });
  assert((put.status?.code ?? 0) < 2 && (run.status?.code ?? 0) < 2);
});

leakTest("each attempt at a task has a span of its own, which tells of its failure", async () => {
  await using collector = new Collector();
  await runProgram(collector.env);
  const put = collector.one("put fail", "two");
  const runs = collector.all("run fail", "two");
  assertEquals(runs.map((run) => read(run)["manyhands.task.attempt"]).sort(), [1, 2]);
  for (const run of runs) {
    assertEquals([run.traceId, run.parentSpanId], [put.traceId, put.spanId]);
    assertEquals(read(run)["error.type"], "RangeError");
    assertEquals(run.status, { code: 2, message: "no luck" });
  }
  assert((put.status?.code ?? 0) < 2);
});

leakTest("TaskQueue.work() and WorkerPool are traced as well", async () => {
  await using collector = new Collector();
  await runProgram(collector.env);
  const put = collector.one("put task", "three");
  const run = collector.one("run task", "three");
  assertEquals(put.parentSpanId, collector.one("local").spanId);
  assertEquals([run.traceId, run.parentSpanId], [put.traceId, put.spanId]);
  const inner = collector.all("inside work").map(({ parentSpanId }) => parentSpanId);
  assertEquals(inner.filter((parent) => parent === run.spanId).length, 1);
  // A task without a trace of its caller's begins one.
  const alone = collector.one("put task", "four");
  assertEquals(alone.parentSpanId ?? "", "");
  assert(alone.traceId !== put.traceId);

  const caller = collector.one("caller");
  const call = collector.all("put square").filter(({ traceId }) => traceId === caller.traceId);
  assertEquals(call.map(({ parentSpanId }) => parentSpanId), [caller.spanId]);
  const called = collector.all("run square").filter(({ traceId }) => traceId === caller.traceId);
  assertEquals(called.map(({ parentSpanId }) => parentSpanId), [call[0]!.spanId]);
  const failed = collector.all("run fail").filter((span) =>
    read(span)["messaging.message.id"] !== "two"
  );
  assertEquals(failed.map((span) => read(span)["error.type"]), ["RangeError"]);
});

for (const inside of ["coroutines", "threads", "processes"]) {
  leakTest(
    `a call that waits for a lane is in its caller's trace, and so are ${inside}`,
    async () => {
      await using collector = new Collector();
      const printed = await runProgram(collector.env, {
        program: POOL_PROGRAM,
        flags: ["--allow-read", "--allow-run=deno"],
        args: [inside],
      });
      assertEquals(printed, "1\n4\n9\n[ 0, 1 ]\n7\n[ 8, 9 ]\n");
      const { spans } = collector;
      const childOf = ({ spanId, traceId }: SpanForm, name: string): SpanForm => {
        const found = spans.find((span) => span.name === name && span.parentSpanId === spanId);
        assert(found !== undefined, `no span "${name}" in ${inside}`);
        assertEquals(found.traceId, traceId);
        return found;
      };
      for (const n of [1, 2, 3]) {
        const put = childOf(collector.one(`caller ${n}`), "put square");
        childOf(childOf(put, "run square"), `inside square ${n}`);
      }
      const streamed = childOf(childOf(collector.one("streamer"), "put count"), "run count");
      for (const n of [0, 1]) childOf(streamed, `inside count ${n}`);
      // It follows others that were in traces.
      const alone = collector.one("inside plain 7");
      const own = spans.find(({ spanId }) => spanId === alone.parentSpanId);
      assertEquals(own?.name, "run plain");
      const start = spans.find(({ spanId }) => spanId === own?.parentSpanId);
      assertEquals([start?.name, start?.parentSpanId ?? ""], ["put plain", ""]);
      const mapped = collector.one("mapper").traceId;
      for (const n of [8, 9]) assertEquals(collector.one(`inside plain ${n}`).traceId, mapped);
    },
  );
}

leakTest("nothing is traced, and nothing sent along, when nobody has asked for it", async () => {
  await using collector = new Collector();
  assertEquals(await runProgram({ ...collector.env, OTEL_DENO: "false" }), PRINTED);
  assertEquals(collector.spans, []);
});

Deno.test("a task queue does not trust what clients send as a trace", async () => {
  assertEquals(readTrace(null), undefined);
  assertEquals(readTrace({ traceparent: 7 }), undefined);
  assertEquals(readTrace({ traceparent: "a".repeat(513) }), undefined);
  assertEquals(readTrace({ traceparent: "a", tracestate: ["b"], baggage: "c" }), {
    traceparent: "a",
  });
  const engine = embeddedEngine();
  await using queue = new TaskQueue<number>({ engine });
  const Manager = BaseManager.register("getTasks", { callable: () => queue });
  await using server = new Manager({ address: "127.0.0.1:0", authkey: "k" }).getServer();
  const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<number> });
  await using client = new Client({ address: server.address, authkey: "k" });
  await client.connect();
  const proxy = await client.getTasks() as unknown as {
    put(task: unknown): Promise<unknown>;
  } & AsyncDisposable;
  await proxy.put({ id: "a", value: 1, trace: { traceparent: {}, more: "x".repeat(10_000) } });
  await proxy.put({ id: "b", value: 1, trace: { traceparent: "c", more: "x" } });
  const leases = [await engine.get({}), await engine.get({})];
  assertEquals(leases.map(({ id, trace }) => [id, trace]), [
    ["a", undefined],
    ["b", { traceparent: "c" }],
  ]);
  for (const lease of leases) await lease.complete(1);
  await proxy[Symbol.asyncDispose]();
});
