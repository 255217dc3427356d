import { LONGEST_TIMER_MS } from "../coroutine/_check_timeout.ts";

let waits = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** Keeps the program alive: a wait for shared memory alone does not. */
export function keepAlive(): void {
  if (waits++ === 0) timer = setInterval(() => {}, LONGEST_TIMER_MS);
}

/** Takes one {@linkcode keepAlive} back. */
export function letEnd(): void {
  if (--waits === 0) clearInterval(timer);
}
