import { waitWithin } from "../coroutine/_wait_within.ts";
import { TimeoutError } from "../coroutine/errors.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import type { EndSignal } from "./_ending.ts";
import type { FrameStream } from "./_frame_stream.ts";

/** Those who want to send while more waits to leave than is good: each has its turn, in the order in which they came. */
export class OutputLine {
  readonly #stream: FrameStream;
  readonly #mostBytes: number;
  /** Settles when the last one has had its turn. */
  #last: Promise<void> = Promise.resolve();
  #length = 0;

  /**
   * @param stream Where they send.
   * @param mostBytes Up to so many may wait to leave.
   */
  constructor(stream: FrameStream, mostBytes: number) {
    this.#stream = stream;
    this.#mostBytes = mostBytes;
  }

  /** Whether one who comes now has to wait. */
  get isNeeded(): boolean {
    return this.#length > 0 || this.#stream.bufferedBytes > this.#mostBytes;
  }

  /**
   * Waits until there is room, and until all who came before have used it.
   *
   * @param options How long to wait, and what stops the wait.
   * @param until Stops it as well.
   * @returns Lets the next one go on.
   */
  async enter(options: WaitOptions, until?: EndSignal): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const leave = () => {
      this.#length--;
      resolve();
    };
    const turn = this.#last.then(() => this.#stream.drained(this.#mostBytes));
    const { promise: stopped, reject: stop } = Promise.withResolvers<void>();
    const onUntil = () => stop(until?.reason);
    until?.addEventListener("abort", onUntil);
    this.#last = promise;
    this.#length++;
    try {
      await waitWithin(Promise.race([turn, stopped]), options, (timeoutMs) => {
        const { peer } = this.#stream;
        throw new TimeoutError(`${peer} took nothing of what was sent within ${timeoutMs} ms`);
      });
    } catch (error) {
      // Those behind still wait for those before.
      turn.then(leave);
      throw error;
    } finally {
      until?.removeEventListener("abort", onUntil);
    }
    return leave;
  }
}
