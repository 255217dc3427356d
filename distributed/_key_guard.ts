import { AuthenticationError } from "../ipc/errors.ts";
import type { Address } from "../ipc/address.ts";

/** So many wrong keys of one host are answered at once: somebody who has mistyped it does not wait. */
const FREE_TRIES = 4;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;

/** After this time without a wrong key a host is as good as any other. */
const FORGET_MS = 60_000;

/** So many hosts are remembered; of more, the one that was wrong least recently is forgotten. */
const MOST_HOSTS = 10_000;

/** Has those wait who try one key after the other. */
export class KeyGuard {
  /** In the order in which they were wrong last. */
  readonly #hosts = new Map<string, { failures: number; last: number }>();
  /** Those who wait. */
  readonly #waiting = new Map<ReturnType<typeof setTimeout>, () => void>();

  /** Notes why a connection was refused. */
  refused(error: unknown, { hostname }: Address): void {
    if (!(error instanceof AuthenticationError)) return;
    const failures = this.#failures(hostname) + 1;
    this.#hosts.delete(hostname);
    this.#hosts.set(hostname, { failures, last: performance.now() });
    if (this.#hosts.size <= MOST_HOSTS) return;
    for (const oldest of this.#hosts.keys()) {
      this.#hosts.delete(oldest);
      return;
    }
  }

  /** Waits as long as a newcomer from that address has to. */
  delay({ hostname }: Address): Promise<void> | undefined {
    const over = this.#failures(hostname) - FREE_TRIES;
    if (over < 0) return undefined;
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** over, LONGEST_DELAY_MS);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(timer);
        resolve();
      }, delayMs);
      this.#waiting.set(timer, resolve);
    });
  }

  /** Lets all go who wait, since the server ends. */
  close(): void {
    for (const [timer, resolve] of this.#waiting) {
      clearTimeout(timer);
      resolve();
    }
    this.#waiting.clear();
  }

  #failures(hostname: string): number {
    const host = this.#hosts.get(hostname);
    return host === undefined || performance.now() - host.last > FORGET_MS ? 0 : host.failures;
  }
}
