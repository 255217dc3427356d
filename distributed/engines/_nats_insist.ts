import { sleep } from "../../coroutine/sleep.ts";
import { EngineUnavailableError } from "../task_errors.ts";
import type { NatsClient } from "./_nats_client.ts";

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/** Options for {@linkcode insist}. */
export interface InsistOptions {
  /** What is tried, for the texts of errors: "Cannot read the dictionary". */
  readonly action: string;
  /** Until when to try, as `performance.now()` counts. */
  readonly deadline: number;
  /** Ends the pauses. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks the engine until it answers: while a cluster chooses a leader, and while the connection is made anew, nobody
 * answers.
 *
 * @param attempt Asks once. It may have had its effect also when no answer came.
 * @throws {EngineUnavailableError} When there was no answer until the deadline.
 * @throws What else goes wrong, at once, in this package's errors.
 */
export async function insist<T>(
  client: NatsClient,
  attempt: () => Promise<T>,
  options: InsistOptions,
): Promise<T> {
  const { action, deadline, signal } = options;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    client.check(action);
    const timeoutMs = Math.max(0, deadline - performance.now());
    if (!await client.whenConnected({ signal, timeoutMs })) {
      throw new EngineUnavailableError(`${action}: there is no connection to ${client.servers}`);
    }
    try {
      return await client.whileConnected(attempt());
    } catch (error) {
      const explained = client.explain(error, action);
      if (!(explained instanceof EngineUnavailableError)) throw explained;
      if (performance.now() + pauseMs >= deadline) throw explained;
    }
    await sleep(pauseMs, { signal });
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
