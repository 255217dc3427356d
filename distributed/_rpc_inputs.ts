import { copyContext } from "../coroutine/context_var.ts";
import { RpcSource } from "./_rpc_source.ts";

/** The streams that a client has passed as arguments, by number: the server pulls from them. */
export class Inputs {
  readonly #sources = new Map<number, RpcSource>();
  #last = 0;

  add(made: unknown): number {
    const id = ++this.#last;
    this.#sources.set(id, new RpcSource(made, { context: copyContext() }));
    return id;
  }

  async pull(id: unknown, credit: unknown): Promise<Uint8Array> {
    const source = this.#sources.get(id as number);
    if (source === undefined) {
      throw new ReferenceError("Cannot take from the stream: its call has ended");
    }
    return await source.pull(credit);
  }

  /** Ends some, if they have not ended: their call has. */
  async end(ids: readonly unknown[]): Promise<void> {
    await Promise.all(ids.map(async (id) => {
      const source = this.#sources.get(id as number);
      this.#sources.delete(id as number);
      // Nobody is left who could be told that it does not end well.
      await source?.end().catch(() => {});
    }));
  }
}
