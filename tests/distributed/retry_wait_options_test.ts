import { assert, assertEquals, assertRejects } from "@std/assert";
import { TimeoutError, type WaitOptions } from "../../coroutine/mod.ts";
import { BaseManager, type Server } from "../../distributed/mod.ts";
import type { Address } from "../../ipc/mod.ts";
import { leakTest } from "../support/leaks.ts";
import { assertPending } from "../support/settle.ts";
import { RETRY, somewhere, stopServer } from "./_retrying.ts";

/** Answers what it is given. */
class Echo {
  save(...given: unknown[]): unknown {
    return given;
  }

  acquire(options: WaitOptions): unknown {
    return options;
  }

  release(): void {}

  put(...given: unknown[]): unknown {
    return given;
  }

  get(...given: unknown[]): unknown {
    return given;
  }

  limitOf({ timeoutMs }: WaitOptions): unknown {
    return timeoutMs;
  }

  hang(): Promise<void> {
    return new Promise(() => {});
  }
}

const Manager = BaseManager.register("echo", { callable: () => new Echo() });

function serve(address: Address): Server {
  return new Manager({ address, authkey: "key" }).getServer();
}

function clientOf(address: Address): InstanceType<typeof Manager> {
  return new Manager({ address, authkey: "key", retry: RETRY });
}

leakTest(
  "BaseManager: of a call that waited for the manager only the time limit of a wait is shorter",
  async () => {
    const address = somewhere();
    const server = serve(address);
    await using client = clientOf(address);
    await client.connect();
    const echo = await client.echo();
    await stopServer(server, echo.hang());
    const limit = { timeoutMs: 60_000 };
    const job = { name: "job", ...limit };
    const { signal } = new AbortController();
    const data = [
      echo.save(limit),
      echo.save("name", limit),
      echo.save(job),
      echo.acquire(job),
      echo.put(limit),
      echo.put("item", job),
      echo.get("name", limit),
    ];
    const waits = [echo.put("item", limit), echo.get(limit), echo.acquire(limit)];
    const given = echo.limitOf({ ...job, signal });
    await assertPending(Promise.any([...data, ...waits, given]));
    await using _again = serve(address);
    assertEquals(
      await Promise.all(data),
      [[limit], ["name", limit], [job], job, [limit], ["item", job], ["name", limit]],
    );
    const [put, get, acquire] = await Promise.all(waits) as [
      WaitOptions[],
      WaitOptions[],
      WaitOptions,
    ];
    const limits = [put[1]!, get[0]!, acquire, { timeoutMs: await given as number }];
    for (const { timeoutMs = NaN } of limits) {
      assert(timeoutMs < 60_000 && timeoutMs > 30_000, `${timeoutMs} ms`);
    }
  },
);

leakTest(
  "BaseManager: a call waits for the manager within what can be the options of a wait",
  async () => {
    const address = somewhere();
    const server = serve(address);
    await using client = clientOf(address);
    await client.connect();
    const echo = await client.echo();
    await stopServer(server, echo.hang());
    const job = { name: "job", timeoutMs: 1 };
    const data = [echo.save(job), echo.save({ timeoutMs: -1 }), echo.put({ timeoutMs: 1 })];
    const waits = [echo.save({ timeoutMs: 20 }), echo.put("item", { timeoutMs: 20 })];
    for (const wait of waits) {
      await assertRejects(async () => await wait, TimeoutError, "could not be reached within");
    }
    await assertPending(Promise.any(data));
    await using _again = serve(address);
    assertEquals(await Promise.all(data), [[job], [{ timeoutMs: -1 }], [{ timeoutMs: 1 }]]);
  },
);
