import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Pool } from "../../coroutine/mod.ts";
import {
  BaseManager,
  embeddedEngine,
  EngineUnavailableError,
  readStatus,
  serveStatus,
  serveTasks,
  type StatusEndpoint,
  TaskQueue,
  WorkerPool,
} from "../../distributed/mod.ts";
import { settle } from "../support/settle.ts";
import { readMetrics } from "./metrics_reader.ts";
import { runCommand, ServedQueues } from "./cli_io.ts";

/** Sends a request as it is written, and answers what comes back. */
async function ask(endpoint: StatusEndpoint, request: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: endpoint.address.port });
  await conn.write(new TextEncoder().encode(request));
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (let length; (length = await conn.read(buffer)) !== null;) {
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
  return text;
}

/** Asks under a name. */
async function askAs(endpoint: StatusEndpoint, host: string, path = "/healthz"): Promise<string> {
  const text = await ask(
    endpoint,
    `GET ${path} HTTP/1.1\r\n${host === "" ? "" : `Host: ${host}\r\n`}Connection: close\r\n\r\n`,
  );
  return text.split("\r\n", 1)[0]!;
}

async function get(endpoint: StatusEndpoint, path: string): Promise<Response> {
  return await fetch(endpoint.url + path);
}

async function metricsOf(endpoint: StatusEndpoint): Promise<ReturnType<typeof readMetrics>> {
  return readMetrics(await (await get(endpoint, "metrics")).text());
}

Deno.test("readMetrics() refuses what Prometheus would not read", () => {
  const head = "# HELP a_total A\n# TYPE a_total counter\n";
  readMetrics(`${head}a_total{q="x\\"\\\\\\n"} 1\n`);
  for (
    const bad of [
      `${head}a_total 1`,
      `${head}a_total one\n`,
      `${head}b 1\n`,
      `${head}a_total 1\na_total 1\n`,
      `${head}a_total{q="a"b"} 1\n`,
      `${head}a_total{q="a",q="b"} 1\n`,
      "# HELP a A\n# TYPE a counter\na 1\n",
      "# HELP a_total A\n# TYPE a_total gauge\na_total 1\n",
      `${head}a_total 1\n${head}a_total 1\n`,
      "\n",
    ]
  ) assertThrows(() => readMetrics(bad), Error);
});

Deno.test("readStatus() tells of queues, pools and the server", async () => {
  await using queue = new TaskQueue<number, number>();
  await using pool = new Pool(2);
  await pool.apply(() => 1);
  await queue.put(1);
  const report = await readStatus({ queues: { queue }, pools: { pool } });
  assertEquals(report.queues.queue?.put, 1);
  assertEquals([report.pools.pool?.done, report.pools.pool?.failed], [1, 0]);
  assertEquals(report.server, undefined);
  assert(report.uptimeMs > 0);
});

Deno.test("TaskQueue.statistics() counts what was put, also what was put again", async () => {
  await using queue = new TaskQueue<number, number>();
  await queue.put(1, { id: "a" });
  await queue.put(1, { id: "a" });
  await (await queue.get()).fail(new Error("no"), { retry: false });
  await queue.deadLetters.requeue("a");
  assertEquals((await queue.statistics()).put, 2);
});

Deno.test("serveStatus() answers /status, /metrics and /healthz", async () => {
  await using images = new TaskQueue<string, number>({ maxSize: 10 });
  await using pool = new Pool(2);
  await pool.apply(() => 1);
  const Manager = BaseManager.register("getTasks", { callable: () => images });
  await using server = new Manager({ address: "127.0.0.1:0", authkey: "k" }).getServer();
  const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<string, number> });
  await using client = new Client({ address: server.address, authkey: "k" });
  await client.connect();
  await using remote = await TaskQueue.over(await client.getTasks());
  await remote.introduce("miller", 3);
  await using endpoint = serveStatus({ server, queues: { images }, pools: { pool } });
  assertEquals(endpoint.address.hostname, "127.0.0.1");

  await images.put("secret payload", { id: "secret-id", retries: 1 });
  await images.put("later", { delayMs: 60_000 });
  const lease = await remote.get();
  const metrics = await metricsOf(endpoint);
  const value = (name: string) => metrics.get(`manyhands_${name}`)?.samples[0]?.value;
  assertEquals(value("queue_leased"), 1);
  assertEquals(value("queue_delayed"), 1);
  assertEquals(value("queue_unfinished"), 2);
  assertEquals(value("queue_max_size"), 10);
  assertEquals(value("queue_put_total"), 2);
  assertEquals([value("queue_workers"), value("queue_workers_busy")], [1, 1]);
  assertEquals(value("queue_worker_slots"), 3);
  assertEquals([value("server_connections"), value("server_refused_total")], [1, 0]);
  // To ask for the queue, its settings, to introduce itself, and to get; events are asked for as well.
  assert(value("server_calls_total")! >= 4);
  assertEquals([value("pool_completed_total"), value("pool_running")], [1, 0]);
  assertEquals(metrics.get("manyhands_worker_leased")?.samples, [
    { labels: { queue: "images", worker: "miller" }, value: 1 },
  ]);

  await lease.fail(new Error("once"));
  const again = await remote.get();
  await again.complete(1);
  const after = await metricsOf(endpoint);
  const now = (name: string) => after.get(`manyhands_queue_${name}`)?.samples[0]?.value;
  assertEquals([now("completed_total"), now("redelivered_total"), now("failed_total")], [1, 1, 0]);

  const status = await get(endpoint, "status");
  assertEquals(status.headers.get("content-type"), "application/json");
  const text = await status.text();
  assertEquals(JSON.parse(text).queues.images.done, 1);
  for (const secret of ["payload", "secret-id"]) assert(!text.includes(secret));
  const health = await get(endpoint, "healthz");
  assertEquals([health.status, await health.text()], [200, "ok\n"]);
});

Deno.test("serveStatus() tells of the workers of a WorkerPool", async () => {
  await using pool = new WorkerPool({ authkey: "k" });
  const { address } = pool;
  const jobs = { square: (n: number) => n * n };
  const options = { address, authkey: "k", module: jobs, name: "miller", concurrency: 2 };
  const worker = serveTasks(options);
  assertEquals(await pool.apply(jobs.square, [3]), 9);
  await using endpoint = serveStatus({ pools: { pool } });
  const metrics = await metricsOf(endpoint);
  const samples = (name: string) => metrics.get(`manyhands_${name}`)?.samples;
  assertEquals(samples("pool_worker_slots"), [{ labels: { pool: "pool" }, value: 2 }]);
  assertEquals(samples("worker_completed_total"), [
    { labels: { pool: "pool", worker: "miller" }, value: 1 },
  ]);
  await pool.terminate();
  await worker;
});

Deno.test("serveStatus() counts connections that were refused", async () => {
  const Manager = BaseManager.register("x", { callable: () => 1 });
  await using server = new Manager({ address: "127.0.0.1:0", authkey: "k" }).getServer();
  await using wrong = new Manager({ address: server.address, authkey: "wrong" });
  await wrong.connect().catch(() => {});
  await using endpoint = serveStatus({ server });
  const metrics = await metricsOf(endpoint);
  assertEquals(metrics.get("manyhands_server_refused_total")?.samples[0]?.value, 1);
});

Deno.test("serveStatus() writes names as Prometheus reads them, and workers of one name as one", async () => {
  const name = 'a"b\\c\nd';
  await using odd = new TaskQueue<number>();
  await using endpoint = serveStatus({ queues: { [name]: odd, plain: odd } });
  const Manager = BaseManager.register("getTasks", { callable: () => odd });
  await using server = new Manager({ address: "127.0.0.1:0", authkey: "k" }).getServer();
  const Client = BaseManager.register("getTasks", { proxyType: TaskQueue<number> });
  for (const held of [1, 2]) {
    const client = new Client({ address: server.address, authkey: "k" });
    await client.connect();
    const remote = await TaskQueue.over(await client.getTasks());
    await remote.introduce(name, held);
    for (let n = 0; n < held; n++) {
      await odd.put(n);
      await remote.get();
    }
  }
  const metrics = await metricsOf(endpoint);
  assertEquals(
    metrics.get("manyhands_queue_leased")?.samples.map(({ labels }) => labels),
    [{ queue: name }, { queue: "plain" }],
  );
  assertEquals(
    metrics.get("manyhands_worker_leased")?.samples,
    [{ labels: { queue: name, worker: name }, value: 3 }, {
      labels: { queue: "plain", worker: name },
      value: 3,
    }],
  );
  await server.shutdown();
});

Deno.test("serveStatus() answers only to addresses and to names that it was given", async () => {
  await using endpoint = serveStatus({}, { hosts: ["Status.Example"] });
  const OK = "HTTP/1.1 200 OK";
  const REFUSED = "HTTP/1.1 421 Misdirected Request";
  const { port } = endpoint.address;
  for (
    const host of [
      "127.0.0.1",
      `127.0.0.1:${port}`,
      "localhost:9",
      "[::1]:9",
      "status.example.",
      "10.1.2.3",
    ]
  ) assertEquals(await askAs(endpoint, host), OK, host);
  for (
    const host of [
      "evil.example",
      `evil.example:${port}`,
      "127.0.0.1.evil.example",
      "1.2.3.4.5",
      "a b",
    ]
  ) assert([REFUSED, "HTTP/1.1 400 Bad Request"].includes(await askAs(endpoint, host)), host);
  assertEquals(await askAs(endpoint, "evil.example", "/status"), REFUSED);
  assertEquals(await askAs(endpoint, "evil.example", "/metrics"), REFUSED);
  assert(await askAs(endpoint, "") !== OK);
});

Deno.test("serveStatus() refuses other methods and paths, and allows no page to read it", async () => {
  await using endpoint = serveStatus({});
  for (const path of ["", "status/", "metric"]) {
    const response = await get(endpoint, path);
    assertEquals(response.status, 404);
    await response.body?.cancel();
  }
  for (const method of ["POST", "DELETE", "OPTIONS"]) {
    const response = await fetch(`${endpoint.url}status`, { method });
    assertEquals(response.status, 405);
    assertStringIncludes(await response.text(), "Only GET");
  }
  const head = await fetch(`${endpoint.url}status`, { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
  const response = await fetch(`${endpoint.url}status`, {
    headers: { origin: "http://a.example" },
  });
  assertEquals(response.headers.get("access-control-allow-origin"), null);
  assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  await response.body?.cancel();
});

Deno.test("serveStatus() says 503 when an engine cannot be reached, and goes on", async () => {
  let isThere = false;
  const queue = new TaskQueue<number>();
  const sometimes = {
    statistics: () => isThere ? queue.statistics() : Promise.reject(new Error("secret reason")),
  };
  await using endpoint = serveStatus({ queues: { sometimes } });
  for (const path of ["healthz", "status", "metrics"]) {
    const response = await get(endpoint, path);
    assertEquals(response.status, 503);
    assertEquals(await response.text(), "An engine cannot be reached\n");
  }
  isThere = true;
  assertEquals(await (await get(endpoint, "healthz")).text(), "ok\n");
  await queue[Symbol.asyncDispose]();
});

Deno.test("StatusEndpoint.close() frees the port, and a second one is nothing", async () => {
  const endpoint = serveStatus({});
  await endpoint.close();
  await endpoint.close();
  await endpoint[Symbol.asyncDispose]();
  await using again = serveStatus({}, { port: endpoint.address.port });
  assertEquals(again.address, endpoint.address);
  assertThrows(() => serveStatus({}, { port: again.address.port }), Deno.errors.AddrInUse);
});

Deno.test("manyhands serve --status-port serves the status of all queues", async () => {
  await using served = await ServedQueues.start(
    "--queue",
    "a",
    "--queue",
    "b",
    "--status-port",
    "0",
  );
  const [, url] = await served.io.line(/^Status on (http:\S+)status, metrics on /);
  await runCommand(["put", ...served.place, "--queue", "b", "x"]);
  const text = await (await fetch(`${url}metrics`)).text();
  assertEquals(readMetrics(text).get("manyhands_queue_ready")?.samples, [
    { labels: { queue: "a" }, value: 0 },
    { labels: { queue: "b" }, value: 1 },
  ]);
});

Deno.test("readStatus() rejects when a queue and a pool fail together, and nothing is left over", async () => {
  const gone = () => Promise.reject(new EngineUnavailableError("gone"));
  await using engine = embeddedEngine();
  engine.statistics = gone;
  await using pool = new WorkerPool({ engine });
  const sources = { queues: { tasks: new TaskQueue({ engine }) }, pools: { pool } };
  await assertRejects(() => readStatus(sources), EngineUnavailableError, "gone");
  // What nobody has taken note of would end the program now.
  await settle();
});
