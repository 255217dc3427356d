/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** A signal that ends the delay early: it then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Whether the delay keeps the process alive; it does unless this is `false`. */
  persistent?: boolean;
}

/** The longest time a timer of the runtime takes; a longer one would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A promise that resolves after `ms` milliseconds. */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      timer.stop();
      reject(signal!.reason);
    };
    const timer = new Timer(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
    if (persistent === false) timer.letProcessEnd();
  });
}

/** A timer for any time, however long. */
class Timer {
  readonly #end: number;
  readonly #onEnd: () => void;
  #id = 0;

  constructor(ms: number, onEnd: () => void) {
    const duration = Math.trunc(Math.max(ms, 0) || 0);
    this.#end = Date.now() + duration;
    this.#onEnd = onEnd;
    this.#start(duration);
  }

  #start(duration: number): void {
    this.#id = duration > LONGEST_TIMER_MS
      ? Number(setTimeout(() => this.#start(this.#end - Date.now()), LONGEST_TIMER_MS))
      : Number(setTimeout(this.#onEnd, duration));
  }

  stop(): void {
    clearTimeout(this.#id);
  }

  letProcessEnd(): void {
    try {
      Deno.unrefTimer(this.#id);
    } catch (error) {
      if (error instanceof ReferenceError) {
        console.error("`persistent` option is only available in Deno");
        return;
      }
      this.stop();
      throw error;
    }
  }
}
