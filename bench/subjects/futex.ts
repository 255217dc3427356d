/**
 * Sleeping and waking on a word of shared memory, by the `futex` system call of Linux.
 *
 * @module
 */

const SYSTEM_CALL = Deno.build.arch === "x86_64" ? 202n : 98n;
const [WAIT, WAKE] = [0, 1];
/** So that a process does not wait for ever for one that is dead. */
const LIMIT_SECONDS = 30;

/** The two calls; the library is to be closed. */
export interface Futex extends Disposable {
  /** Sleeps while the word has the value, unless it has another one already; may return without reason. */
  wait(word: Int32Array<ArrayBuffer>, value: number): void;
  /** Wakes whoever sleeps on the word. */
  wake(word: Int32Array<ArrayBuffer>): void;
}

/** Whether there is such a call here. */
export const hasFutex = Deno.build.os === "linux";

/** Opens the C library. */
export function openFutex(): Futex {
  const library = Deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i64", "buffer", "i32", "i32", "buffer"], result: "i64" },
  });
  const { syscall } = library.symbols;
  const limit = new BigInt64Array([BigInt(LIMIT_SECONDS), 0n]);
  return {
    wait(word, value) {
      const begin = performance.now();
      syscall(SYSTEM_CALL, word, WAIT, value, limit);
      if (performance.now() - begin >= 1000 * LIMIT_SECONDS) {
        throw new Error(`The other process did not answer for ${LIMIT_SECONDS} s`);
      }
    },
    wake(word) {
      syscall(SYSTEM_CALL, word, WAKE, 1, limit);
    },
    [Symbol.dispose]: () => library.close(),
  };
}
