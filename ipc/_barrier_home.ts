import { Barrier, type BarrierOptions } from "../coroutine/barrier.ts";
import { BrokenBarrierError } from "../coroutine/errors.ts";
import { Home, type HomeCall, type HomeSeat } from "./_home.ts";
import { PatientWaits, readTimeout } from "./_patient_call.ts";

/** How a party was answered that had left before all had come. */
export const LEFT = -1;

/** The home of a barrier. */
export class BarrierHome extends Home {
  readonly barrier: Barrier;
  /** Whether it is broken because a process has ended that waited at it. */
  #isBrokenByDeath = false;

  constructor(parties: number, options: BarrierOptions) {
    super("the barrier");
    this.barrier = new Barrier(parties, options);
  }

  override seat(): HomeSeat {
    const { barrier } = this;
    const waits = new PatientWaits();
    return {
      methods: {
        wait: (call, id: number, wait?: { timeoutMs?: number | null }) =>
          this.#wait(call, id, wait, waits),
        cancelWait: (_call, id: number) => waits.cancel(id),
        reset: () => {
          this.checkOpen();
          this.#isBrokenByDeath = false;
          barrier.reset();
        },
        abort: () => {
          this.checkOpen();
          barrier.abort();
        },
        statistics: () => barrier.statistics(),
      },
      leave() {},
    };
  }

  protected override wakeAll(): void {
    this.barrier.abort();
  }

  async #wait(
    call: HomeCall,
    id: number,
    wait: { timeoutMs?: number | null } | undefined,
    waits: PatientWaits,
  ): Promise<number> {
    this.checkOpen();
    return await waits.run(call, id, async (signal) => {
      try {
        return await this.barrier.wait({ ...readTimeout(wait), signal });
      } catch (error) {
        this.checkOpen();
        if (id !== 0 && error === signal?.reason) {
          // Cancelled by one who lives, it has left; else its process is gone, and will not come again.
          if (!isCancellation(error)) this.#breakByDeath();
          return LEFT;
        }
        if (!this.#isBrokenByDeath || !(error instanceof BrokenBarrierError)) throw error;
        throw new BrokenBarrierError(
          "Cannot pass the barrier: a process ended while it waited there, reset the barrier first",
        );
      }
    });
  }

  #breakByDeath(): void {
    if (this.barrier.broken) return;
    this.#isBrokenByDeath = true;
    this.barrier.abort();
  }
}

function isCancellation(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "AbortError";
}
