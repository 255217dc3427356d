import type { Address } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";
import { work } from "./programs.ts";

const MODULE = import.meta.resolve("./programs.ts");

/** A process that is killed now and then, and then started again. */
export class Replaceable implements AsyncDisposable {
  readonly #create: () => Process;
  #process: Process | undefined;
  #changing: Promise<void> = Promise.resolve();
  #isOver = false;
  /** How often it was killed. */
  kills = 0;

  constructor(create: () => Process) {
    this.#create = create;
  }

  /** The id of the process of the moment. */
  get pid(): number | undefined {
    return this.#process?.isAlive() === true ? this.#process.pid : undefined;
  }

  /** Starts it for the first time. */
  async start(): Promise<void> {
    this.#process = this.#create();
    await this.#process.start();
  }

  /** Kills it with SIGKILL, and starts another one in its place. */
  async replace(): Promise<void> {
    this.#changing = this.#changing.then(async () => {
      if (this.#isOver) return;
      this.#process!.kill();
      await this.#process!.join();
      this.kills++;
      await this.start();
    });
    await this.#changing;
  }

  /** Waits until it ends by itself. */
  async ended(): Promise<void> {
    this.#isOver = true;
    await this.#changing;
    await this.#process?.join();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#changing.catch(() => {});
    await this.#process?.[Symbol.asyncDispose]();
  }
}

/** A manager at an address. */
export function createManager(address: Address, authkey: string): Replaceable {
  const net = [`${address.hostname}:${address.port}`];
  return new Replaceable(() =>
    new Process({
      module: MODULE,
      target: "serveManager",
      args: [address, authkey],
      name: "manager",
      permissions: { net },
    }) as unknown as Process
  );
}

/** Workers for an address. */
export function createWorkers(count: number, address: Address, authkey: string): Replaceable[] {
  return Array.from({ length: count }, (_, n) => {
    const name = `worker ${n + 1} of ${address.port}`;
    return new Replaceable(() =>
      new Process({
        module: MODULE,
        target: work,
        args: [name, address, authkey],
        name,
        permissions: { net: [`${address.hostname}:${address.port}`] },
      }) as unknown as Process
    );
  });
}
