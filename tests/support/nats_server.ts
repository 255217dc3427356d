import { freePort } from "./free_port.ts";
import { guard, GUARD_MS } from "./guard.ts";
import { leakTest } from "./leaks.ts";

/** The package of Debian has it where programs of the system are, which is not on everybody's path. */
const NAMES = ["nats-server", "/usr/sbin/nats-server", "/usr/local/bin/nats-server"];

/** Set where the tests with NATS must run: then it is a failure that there is no server. */
const REQUIRE = "MANYHANDS_REQUIRE_NATS";

const POLL_MS = 20;
const START_TRIES = 5;

/** A cluster that is not ready after so long is made anew, in milliseconds. */
const CLUSTER_READY_MS = 10_000;

const CONFIG_FILE = "nats.conf";
const LOG_FILE = "nats.log";

/** Options of {@linkcode startNatsServer}. */
export interface NatsServerOptions {
  /** More of its configuration: who may log in, TLS, limits. Files are named as in `files`. */
  config?: string;
  /** More of what is in the block `jetstream`, as `sync_interval: always`. */
  jetstream?: string;
  /** Files of its folder, which is the one that it runs in: certificates and keys. */
  files?: Readonly<Record<string, string>>;
}

/** Options of {@linkcode startNatsCluster}. */
export interface NatsClusterOptions extends NatsServerOptions {
  /** How many nodes it has. */
  size?: number;
}

let executable: Promise<string | undefined> | undefined;

/** Whether there is a `nats-server` here. Fails when it must be there and is not. */
export async function hasNatsServer(): Promise<boolean> {
  if (await findServer() !== undefined) return true;
  const how = "install the Debian package nats-server";
  if (Deno.env.get(REQUIRE) !== undefined) {
    throw new Error(`Cannot test with NATS: ${REQUIRE} is set, and there is no server; ${how}`);
  }
  return false;
}

const isThere = await hasNatsServer();
if (!isThere) {
  console.log(
    "Tests with NATS are ignored: there is no nats-server here (Debian package nats-server)",
  );
}

/** A {@linkcode leakTest} that needs a `nats-server`. */
export function natsTest(
  name: string,
  fn: (context: Deno.TestContext) => void | Promise<void>,
): void {
  leakTest(name, fn, { ignore: !isThere });
}

/** Starts a server on a port of 127.0.0.1, with JetStream in a folder of its own. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const server = await NatsServer.prepare("n1", options);
  try {
    await server.start();
    await server.ready();
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

/** Starts a cluster, and waits until it has a leader and all its nodes follow. */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  for (let tries = 1;; tries++) {
    const cluster = await prepareCluster(options);
    try {
      await Promise.all(cluster.nodes.map((node) => node.start()));
      await cluster.ready(CLUSTER_READY_MS);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      // Nodes that meet in the moment of their first election may never agree on how many they are.
      if (tries === START_TRIES) throw error;
    }
  }
}

async function prepareCluster(options: NatsClusterOptions): Promise<NatsCluster> {
  const { size = 3, ...common } = options;
  const routePorts = Array.from({ length: size }, () => freePort());
  const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`).join(", ");
  const nodes = await Promise.all(routePorts.map((port, index) => {
    const cluster = `cluster { name: C1, listen: "127.0.0.1:${port}", routes: [ ${routes} ] }`;
    const config = `${common.config ?? ""}\n${cluster}`;
    return NatsServer.prepare(`n${index + 1}`, { ...common, config }, { clusterSize: size });
  }));
  return new NatsCluster(nodes);
}

/** A server that was started here. */
export class NatsServer implements AsyncDisposable {
  /** What it is called. */
  readonly name: string;
  /** The port of 127.0.0.1 for clients. */
  readonly port: number;
  /** Its folder. */
  readonly folder: string;
  readonly #monitorPort: number;
  readonly #clusterSize: number;
  #child: Deno.ChildProcess | undefined;

  constructor(name: string, folder: string, ports: number[], clusterSize: number) {
    this.name = name;
    this.folder = folder;
    [this.port, this.#monitorPort] = ports as [number, number];
    this.#clusterSize = clusterSize;
  }

  /** Writes the configuration of a server that is not started yet. */
  static async prepare(
    name: string,
    { config = "", jetstream = "", files = {} }: NatsServerOptions,
    { clusterSize = 1 }: { clusterSize?: number } = {},
  ): Promise<NatsServer> {
    const folder = await Deno.makeTempDir({ prefix: "nats_" });
    const server = new NatsServer(name, folder, [freePort(), freePort()], clusterSize);
    const text = [
      `server_name: ${name}`,
      `listen: "127.0.0.1:${server.port}"`,
      `http: "127.0.0.1:${server.#monitorPort}"`,
      `log_file: "${LOG_FILE}"`,
      `jetstream { store_dir: "store", ${jetstream} }`,
      config,
    ].join("\n");
    await Deno.writeTextFile(`${folder}/${CONFIG_FILE}`, text);
    for (const [file, content] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${file}`, content);
    }
    return server;
  }

  /** Where it is for clients: `127.0.0.1:PORT`. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Where it is for clients: `nats://127.0.0.1:PORT`. */
  get url(): string {
    return `nats://${this.address}`;
  }

  /** Its process id. */
  get pid(): number {
    if (this.#child === undefined) throw new Error(`Cannot tell the pid: ${this.name} is down`);
    return this.#child.pid;
  }

  /** Whether it runs. */
  get isUp(): boolean {
    return this.#child !== undefined;
  }

  /** Starts it; {@linkcode ready} waits until it can be used. */
  async start(): Promise<void> {
    const command = await findServer();
    if (command === undefined) throw new Error("Cannot start a nats-server: there is none here");
    for (let tries = 1;; tries++) {
      const child = new Deno.Command(command, {
        args: ["-c", CONFIG_FILE],
        cwd: this.folder,
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      this.#child = child;
      // A port may still be taken by a server that was killed a moment ago.
      if (await this.#answers() || tries === START_TRIES) return;
      await this.kill();
    }
  }

  /** Waits until streams can be made on it. */
  async ready(timeoutMs: number = GUARD_MS): Promise<void> {
    const poll = async (): Promise<void> => {
      while (!await this.#isReady()) await pause();
    };
    await guard(poll(), () => `${this.name} to be ready; its log:\n${this.log()}`, timeoutMs);
  }

  /** Sends it a signal, and waits for its end if that ends it. */
  async kill(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    try {
      child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
    if (signal === "SIGSTOP") await guard(untilStopped(child.pid), () => `${this.name} to stop`);
    if (signal === "SIGSTOP" || signal === "SIGCONT" || signal === "SIGHUP") return;
    await child.status;
    this.#child = undefined;
  }

  /** Ends it as an administrator does. */
  async stop(): Promise<void> {
    await this.kill("SIGTERM");
  }

  /** Starts it again on the same port and with what it has stored; kills it before if it runs. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
    await this.ready();
  }

  /** Replaces what follows the part of the configuration that every server has; {@linkcode restart} reads it. */
  async configure(config: string): Promise<void> {
    const path = `${this.folder}/${CONFIG_FILE}`;
    const lines = (await Deno.readTextFile(path)).split("\n").slice(0, 5);
    await Deno.writeTextFile(path, [...lines, config].join("\n"));
  }

  /** What it has written to its log. */
  log(): string {
    try {
      return Deno.readTextFileSync(`${this.folder}/${LOG_FILE}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }

  /** A page of its monitor, as `jsz?streams=true`. */
  async monitor(page: string): Promise<Record<string, unknown> | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#monitorPort}/${page}`);
      return await response.json();
    } catch {
      return undefined;
    }
  }

  /** Kills it, and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.folder, { recursive: true });
  }

  /** Whether its monitor answers before it ends. */
  async #answers(): Promise<boolean> {
    const child = this.#child!;
    let isOver = false;
    child.status.then(() => isOver = true);
    while (!isOver) {
      if (await this.monitor("varz") !== undefined) return true;
      await pause();
    }
    return false;
  }

  async #isReady(): Promise<boolean> {
    const health = await this.monitor("healthz");
    if (health?.["status"] !== "ok") return false;
    if (this.#clusterSize === 1) return true;
    const meta = (await this.monitor("jsz"))?.["meta_cluster"] as
      | { leader?: string; cluster_size?: number; replicas?: { current?: boolean }[] }
      | undefined;
    if (meta?.leader === undefined || meta.cluster_size !== this.#clusterSize) return false;
    // Only the leader tells of the others.
    return meta.leader !== this.name || (meta.replicas ?? []).length === this.#clusterSize - 1;
  }
}

/** Servers that are one. */
export class NatsCluster implements AsyncDisposable {
  /** All of them, also those that are down. */
  readonly nodes: readonly NatsServer[];

  /** Takes over nodes that know each other. */
  constructor(nodes: readonly NatsServer[]) {
    this.nodes = nodes;
  }

  /** Where they are for clients. */
  get urls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  /** The node of a name, as answers about streams tell it. */
  node(name: string): NatsServer {
    const node = this.nodes.find((node) => node.name === name);
    if (node === undefined) throw new Error(`Cannot find node "${name}": there is none`);
    return node;
  }

  /** Waits until all nodes can be used. */
  async ready(timeoutMs?: number): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.ready(timeoutMs)));
  }

  /** Kills all of them, and removes their folders. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
  }
}

function findServer(): Promise<string | undefined> {
  return executable ??= (async () => {
    for (const name of NAMES) {
      try {
        const { success } = await new Deno.Command(name, { args: ["--version"] }).output();
        if (success) return name;
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return undefined;
  })();
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

/** Waits until none of its threads runs, which may be a moment after the signal. */
async function untilStopped(pid: number): Promise<void> {
  if (Deno.build.os !== "linux") return;
  const tasks = `/proc/${pid}/task`;
  const isStopped = ({ name }: Deno.DirEntry) =>
    /\) T /.test(Deno.readTextFileSync(`${tasks}/${name}/stat`));
  while (![...Deno.readDirSync(tasks)].every(isStopped)) await pause();
}
