/**
 * What the system says when it cannot give shared memory.
 *
 * @module
 */

/**
 * The system cannot give or map shared memory: there is no room left, there are too many open files, and the
 * like (Python's `OSError`). That a segment is missing, exists already or belongs to somebody else are
 * `Deno.errors.NotFound`, `Deno.errors.AlreadyExists` and `Deno.errors.PermissionDenied`.
 *
 * @example No room for a segment
 * ```ts
 * import { SharedMemory, SharedMemoryError } from "@manyhands/concurrency/ipc";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * if (Deno.build.os === "linux") {
 *   const error = assertThrows(() => SharedMemory.create(2 ** 50), SharedMemoryError);
 *   assertEquals(error.code, "ENOSPC");
 * }
 * ```
 */
export class SharedMemoryError extends Error {
  /** The system's name of what was wrong: `"ENOSPC"`, `"ENOMEM"`, `"EMFILE"`, … */
  readonly code: string;

  /**
   * Creates the error.
   *
   * @param message What was tried, and what was wrong.
   * @param options The system's name of it, and the cause, if there is one.
   */
  constructor(message: string, options: ErrorOptions & { readonly code: string }) {
    super(message, options);
    this.name = "SharedMemoryError";
    this.code = options.code;
  }
}
