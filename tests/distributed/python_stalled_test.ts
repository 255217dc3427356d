import { assertEquals, assertLess } from "@std/assert";
import { PickleReader } from "../../distributed/_pickle_reader.ts";
import { PickleWriter } from "../../distributed/_pickle_writer.ts";
import { BaseManager, PyTuple } from "../../distributed/mod.ts";
import { authenticateServer } from "../../ipc/_authentication.ts";
import { FrameStream } from "../../ipc/_frame_stream.ts";
import type { Address } from "../../ipc/mod.ts";
import { Gate } from "../support/gate.ts";
import { guard } from "../support/guard.ts";
import { leakTest } from "../support/leaks.ts";

const KEY = new TextEncoder().encode("a key");
/** More than the system keeps for one who does not read. */
const BLOB_LENGTH = 32 * 1024 * 1024;

/** A Python client of which every step is said: one connection to the server. */
class PythonClient implements Disposable {
  readonly #stream: FrameStream;

  constructor(stream: FrameStream) {
    this.#stream = stream;
  }

  static async connect({ hostname, port }: Address): Promise<PythonClient> {
    const conn = await Deno.connect({ hostname, port });
    const stream = new FrameStream(conn, { peer: "the server", maxFrameBytes: 1024 * 1024 });
    await authenticateServer(stream, KEY);
    return new PythonClient(stream);
  }

  async send(id: string | null, name: string, ...args: unknown[]): Promise<void> {
    const request = new PyTuple<unknown>(id, name, PyTuple.from(args), {});
    this.#stream.send(new PickleWriter().write(request));
    await this.#stream.flushed();
  }

  async ask(id: string | null, name: string, ...args: unknown[]): Promise<unknown> {
    await this.send(id, name, ...args);
    const answer = new PickleReader().read((await this.#stream.receive())!) as unknown[];
    assertEquals(answer[0], "#RETURN");
    return answer[1];
  }

  [Symbol.dispose](): void {
    this.#stream.close();
  }
}

leakTest("Server.shutdown() does not wait for a Python client that reads nothing", async () => {
  const asked = new Gate();
  const Manager = BaseManager.register("store", {
    callable: () => ({
      read: () => {
        asked.open();
        return "x".repeat(BLOB_LENGTH);
      },
    }),
  });
  await using server = new Manager({ authkey: KEY }).getServer();
  using maker = await PythonClient.connect(server.address);
  const [id] = await maker.ask(null, "create", "store") as [string];
  using stalled = await PythonClient.connect(server.address);
  await stalled.ask(null, "accept_connection", "a thread");
  await stalled.send(id, "read");
  await asked.wait();
  const since = performance.now();
  await guard(server.shutdown(), () => "the end of the server");
  assertLess(performance.now() - since, 10_000);
});

leakTest(
  "Server.shutdown() does not wait for what a Python client has made and is never made",
  async () => {
    const asked = new Gate();
    const Manager = BaseManager.register("endless", {
      callable: () => {
        asked.open();
        return new Promise<object>(() => {});
      },
    });
    await using server = new Manager({ authkey: KEY }).getServer();
    using client = await PythonClient.connect(server.address);
    await client.send(null, "create", "endless");
    await asked.wait();
    await guard(server.shutdown(), () => "the end of the server");
  },
);
