import { allocateIdent, markEnded, threadTable } from "../../thread/_ident.ts";
import { packShared } from "../../thread/_shared.ts";
import { guard } from "../support/guard.ts";

/** What a Worker of `fixtures/shared_jobs.ts` is told. */
export interface Job {
  name: string;
  given: unknown;
  ident: number;
  table: SharedArrayBuffer;
  control: Int32Array<SharedArrayBuffer>;
}

/** A Worker that does one job. */
export class JobThread implements Disposable {
  readonly ident: number = allocateIdent();
  readonly #name: string;
  readonly #result: Promise<unknown>;
  readonly #control = new Int32Array(new SharedArrayBuffer(4));
  readonly #worker = new Worker(new URL("./fixtures/shared_jobs.ts", import.meta.url), {
    type: "module",
  });

  /**
   * @param name The job.
   * @param given What the job needs.
   */
  constructor(name: string, given: unknown) {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#worker.onmessage = ({ data }) => resolve(data);
    this.#name = name;
    this.#result = promise;
    const { ident } = this;
    const job: Job = {
      name,
      given: packShared(given),
      ident,
      table: threadTable(),
      control: this.#control,
    };
    this.#worker.postMessage(job);
  }

  /** What came of the job. */
  get result(): Promise<unknown> {
    // Ten thousand hand-overs take long on a machine that has other things to do.
    return guard(this.#result, () => `the end of ${this.#name}`, 110_000);
  }

  /** Asks it to end, as `terminate()` of a thread does. */
  askToEnd(): void {
    Atomics.store(this.#control, 0, 1);
  }

  /** Ends it, as if it had been killed there. */
  end(): void {
    this.#worker.terminate();
    markEnded(this.ident);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** Does jobs beside each other, and gives what came of them. */
export async function doJobs(...jobs: [name: string, given: unknown][]): Promise<unknown[]> {
  using stack = new DisposableStack();
  const threads = jobs.map(([name, given]) => stack.use(new JobThread(name, given)));
  return await Promise.all(threads.map((thread) => thread.result));
}
