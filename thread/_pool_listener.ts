import { runOutsideTasks } from "../coroutine/_current_scope.ts";
import type { PoolChannel } from "./_pool_channel.ts";
import { callSoon } from "./_pool_turn.ts";

/** The longest and the shortest time for which it looks at every turn of the event loop, in milliseconds. */
const LONGEST_LOOK_MS = 0.2;
const SHORTEST_LOOK_MS = 0.01;

/** How often it looks in one turn: a few microseconds. */
const LOOKS = 500;

/** A sleep that was shorter was not worth it: to be woken takes about a tenth of this. */
const SHORT_SLEEP_MS = 0.3;

/**
 * Looks for what a thread has told. While something is expected it looks at every turn of the event loop, as
 * long as that has been worth it lately; then it sleeps until the thread wakes it. The event loop goes on.
 */
export class Listener {
  readonly #channel: PoolChannel;
  #state: "at rest" | "looking" | "sleeping" = "at rest";
  #isWanted = false;
  #lookMs = LONGEST_LOOK_MS;
  #heardAt = 0;
  #sleptAt = 0;

  constructor(channel: PoolChannel) {
    this.#channel = channel;
  }

  /** Something is expected from now on. */
  expect(): void {
    this.#isWanted = true;
    if (this.#state !== "at rest") return;
    this.#state = "looking";
    this.#heardAt = 0;
    runOutsideTasks(() => callSoon(this.#turn));
  }

  /** Nothing more is expected for now. */
  relax(): void {
    this.#isWanted = false;
  }

  /** Reads what is there. */
  look(): void {
    if (this.#channel.read() === "more") this.expect();
  }

  readonly #turn = (): void => {
    if (this.#state === "sleeping") {
      // Woken soon, it would have seen the message itself.
      const ms = performance.now() - this.#sleptAt;
      this.#lookMs = ms < SHORT_SLEEP_MS
        ? Math.max(SHORTEST_LOOK_MS, this.#lookMs * 2)
        : this.#lookMs / 2;
      this.#lookMs = Math.min(LONGEST_LOOK_MS, this.#lookMs);
      this.#state = "looking";
    }
    const { reader } = this.#channel;
    if (this.#isWanted) reader.lookOut(LOOKS);
    const found = this.#channel.read();
    if (!this.#isWanted && found !== "more") {
      this.#state = "at rest";
      return;
    }
    const now = performance.now();
    if (found !== "nothing" || this.#heardAt === 0) this.#heardAt = now;
    if (now - this.#heardAt <= this.#lookMs || found === "more") return callSoon(this.#turn);
    const slept = reader.sleep();
    if (slept === undefined) return callSoon(this.#turn);
    this.#state = "sleeping";
    this.#sleptAt = now;
    void slept.then(this.#turn);
  };
}
