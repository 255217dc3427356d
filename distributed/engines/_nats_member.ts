import { runOutsideTasks } from "../../coroutine/_current_scope.ts";
import { waitWithin } from "../../coroutine/_wait_within.ts";
import type { WaitOptions } from "../../coroutine/wait_options.ts";
import { ConnectionClosedError } from "../../ipc/errors.ts";
import { EngineUnavailableError } from "../task_errors.ts";
import { NatsApi } from "./_nats_api.ts";
import { NatsMembership } from "./_nats_membership.ts";
import type { NatsSource } from "./_nats_owner.ts";
import { NatsQueue } from "./_nats_queue.ts";
import type { QueueNames } from "./_nats_queue_names.ts";
import { openQueue, type WantedSettings } from "./_nats_queue_streams.ts";

/** What a member is made with. Checked already. */
export interface MemberOptions {
  readonly names: QueueNames;
  readonly wanted: WantedSettings;
  readonly create: boolean;
  readonly prefetch: number;
  readonly patienceMs: number;
  /** The same, for who waits for a task for as long as it takes. */
  readonly endlessMs: number;
}

/** One try to ask the engine may take so long. */
const MOST_TRY_MS = 2_000;

/** Who has no time at all has at least as much for the way to the engine. */
const LEAST_OPEN_MS = 5_000;

/** One who uses a queue, from the first call on. */
export class NatsMember {
  readonly #source: NatsSource;
  readonly #options: MemberOptions;
  #opening: Promise<NatsMembership> | undefined;
  #opened: NatsMembership | undefined;
  #api: NatsApi | undefined;
  #isClosed = false;

  constructor(source: NatsSource, options: MemberOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** How long leases are, as far as is known. */
  get leaseMs(): number | undefined {
    return this.#opened?.queue.settings.leaseMs ?? this.#options.wanted.leaseMs;
  }

  /** Connects, and finds or creates the queue. */
  async open({ signal, timeoutMs = Infinity }: WaitOptions = {}): Promise<NatsMembership> {
    if (this.#isClosed) {
      throw new ConnectionClosedError("Cannot use the task queue: it was closed here");
    }
    if (this.#opened !== undefined) return this.#opened;
    signal?.throwIfAborted();
    const opening = this.#opening ??= runOutsideTasks(() => this.#open());
    // Whoever asked for it may not wait for it any more.
    opening.catch(() => {});
    return await waitWithin(
      opening,
      { signal, timeoutMs: Math.max(timeoutMs, LEAST_OPEN_MS) },
      () => {
        throw new EngineUnavailableError("Cannot open the task queue: the time is over");
      },
    );
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#api?.leave();
    const opened = await this.#opening?.catch(() => undefined);
    await opened?.close();
    await this.#source.close();
  }

  async #open(): Promise<NatsMembership> {
    try {
      const { names, wanted, create, patienceMs } = this.#options;
      const client = await this.#source.open("open the task queue");
      const tryMs = Math.min(client.requestTimeoutMs, MOST_TRY_MS);
      const api = this.#api = new NatsApi(client, { patienceMs, tryMs });
      if (this.#isClosed) api.leave();
      const settings = await openQueue(api, names, wanted, { create });
      const queue = new NatsQueue(api, names, settings);
      this.#opened = await NatsMembership.begin(queue, this.#options);
      return this.#opened;
    } catch (error) {
      // The next call tries anew.
      this.#opening = undefined;
      throw error;
    }
  }
}
