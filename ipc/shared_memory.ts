/**
 * Memory that processes share.
 *
 * @module
 */

import { setPortable } from "./_portable.ts";
import {
  attachSegment,
  checkName,
  createSegment,
  type Segment,
  unlinkSegment,
} from "./_shm_segment.ts";

const WIRE_TYPE = "ipc.SharedMemory";

/** Options for {@linkcode SharedMemory.create}. */
export interface SharedMemoryOptions {
  /**
   * The segment's name, without the slash that the system puts in front. Without one a new name is made.
   *
   * @default {undefined}
   */
  name?: string | undefined;
}

/** What the constructor is to stand for: set by the static methods alone. */
let opened: Segment | undefined;

/**
 * A named segment of memory that processes map at once: what one writes is there for the others, without
 * any copy.
 *
 * - {@linkcode SharedMemory.create} makes a segment, {@linkcode SharedMemory.attach} opens one by its name,
 *   and so does a child to which it is passed as an argument.
 * - {@linkcode SharedMemory.close} ends the use of it here: `buf` and every view of its buffer are empty
 *   from then on. `using` does that.
 * - {@linkcode SharedMemory.unlink} removes the name, once for all processes: nobody can attach any more,
 *   those who have go on, and the memory is free when the last one has closed it or is dead.
 *   Call it as soon as everybody has attached: then a crash leaves nothing behind. (A child that was only
 *   started may not have: let it say so.)
 * - Nothing orders what two processes write at once: hold a `Lock`, or take turns over a queue. `Atomics`
 *   work on typed arrays over `buf.buffer`, but for `Atomics.wait`. That they are atomic between processes
 *   is what the runtime does (tested on x86-64), not what the language promises for memory that is no
 *   `SharedArrayBuffer`.
 * - The memory is set aside at creation, on Linux: a full `/dev/shm` is an error there, and does not kill the
 *   process that touches a page later. A segment that another program *cuts* while it is mapped still
 *   does (`SIGBUS`): no program can guard against that.
 * - A buffer that was transferred (`postMessage(buf.buffer, [buf.buffer])`) stays mapped until the process
 *   ends, since {@linkcode SharedMemory.close} cannot know who uses it. So does a segment that is never closed.
 *
 * On Linux, a segment with a made name whose creator died, and that no process has open through this class,
 * is removed by the next process that makes a name. A name of one's own is never removed but by
 * {@linkcode SharedMemory.unlink}. On macOS nothing is: what a crash left stays until the system starts anew.
 *
 * Needs `--allow-ffi` in every process that uses it (`permissions: { ffi: true }` for a child), **which lets
 * a program do anything**, and Linux or macOS. It is Python's
 * {@link https://docs.python.org/3/library/multiprocessing.shared_memory.html | shared_memory.SharedMemory},
 * and both attach to what the other created. Before Python 3.13 (`track=False`) a Python program that has
 * attached removes the name when it ends, unless it calls
 * `multiprocessing.resource_tracker.unregister(memory._name, "shared_memory")`.
 *
 * @example Two views of one segment
 * ```ts
 * import { SharedMemory } from "@manyhands/concurrency/ipc";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * if (Deno.build.os !== "windows") {
 *   using memory = SharedMemory.create(1024);
 *   using other = SharedMemory.attach(memory.name); // in another process, as a rule
 *   memory.unlink();
 *   memory.buf.set([1, 2, 3]);
 *   assertEquals([...other.buf.subarray(0, 3)], [1, 2, 3]);
 *   assertThrows(() => SharedMemory.attach(memory.name), Deno.errors.NotFound);
 * }
 * ```
 */
export class SharedMemory implements Disposable {
  static {
    setPortable(
      SharedMemory,
      WIRE_TYPE,
      (memory) => ({ name: memory.#openFor("pass on").name }),
      (data) => SharedMemory.attach(checkName((data as { name?: unknown })?.name, "receive")),
    );
  }

  readonly #segment: Segment;
  readonly #buf: Uint8Array<ArrayBuffer>;

  /**
   * Not for use: a segment is created or attached to.
   *
   * @throws {TypeError} When it is called.
   */
  constructor() {
    if (opened === undefined) {
      throw new TypeError(
        "Cannot construct shared memory: use SharedMemory.create() or SharedMemory.attach()",
      );
    }
    this.#segment = opened;
    this.#buf = new Uint8Array(opened.buffer as ArrayBuffer);
    opened = undefined;
  }

  /**
   * Creates a segment whose bytes are all `0`.
   *
   * @param size How many bytes, at least 1. macOS rounds up to whole pages.
   * @param options Its name.
   * @returns The segment, mapped.
   * @throws {TypeError} When the size is no number, or the name no text.
   * @throws {RangeError} When the size is no whole number of 1 or more, or no segment can have the name.
   * @throws {Deno.errors.AlreadyExists} When there is a segment of this name.
   * @throws {SharedMemoryError} When there is no room for it.
   * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
   * @throws {Deno.errors.NotSupported} On Windows.
   */
  static create(size: number, options: SharedMemoryOptions = {}): SharedMemory {
    const { name } = options;
    if (typeof size !== "number") {
      throw new TypeError(
        `Cannot create shared memory: "size" must be a number, got ${typeof size}`,
      );
    }
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new RangeError(
        `Cannot create shared memory: "size" must be a whole number of 1 or more, got ${size}`,
      );
    }
    if (name !== undefined) checkName(name, "create shared memory");
    return wrap(createSegment(size, name));
  }

  /**
   * Opens a segment that exists.
   *
   * @param name Its name.
   * @returns The segment, mapped in its full size.
   * @throws {TypeError} When the name is no text.
   * @throws {RangeError} When no segment can have the name.
   * @throws {Deno.errors.NotFound} When there is no segment of this name.
   * @throws {Deno.errors.PermissionDenied} When it belongs to another user.
   * @throws {SharedMemoryError} When it has no size yet, or cannot be mapped.
   * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
   * @throws {Deno.errors.NotSupported} On Windows.
   */
  static attach(name: string): SharedMemory {
    return wrap(attachSegment(checkName(name, "attach to shared memory")));
  }

  /** Its name, by which others attach. */
  get name(): string {
    return this.#segment.name;
  }

  /** How many bytes it has. */
  get size(): number {
    return this.#segment.size;
  }

  /**
   * The memory itself: the same array each time.
   *
   * @throws {Deno.errors.BadResource} When it was closed here.
   */
  get buf(): Uint8Array<ArrayBuffer> {
    this.#openFor("use");
    return this.#buf;
  }

  /**
   * Ends the use of it here. The memory, and its name, stay for the others. All views of the buffer are empty
   * from now on; an operation that is under way with one does no harm, unless it still is after a thousand
   * other segments were closed. A second call does nothing.
   */
  close(): void {
    this.#segment.close();
  }

  /**
   * Removes the name, for all processes. It may be called before {@linkcode SharedMemory.close}, and after.
   *
   * @throws {Deno.errors.NotFound} When it was removed before, here or elsewhere.
   */
  unlink(): void {
    unlinkSegment(this.#segment.name);
  }

  /** Closes it, as {@linkcode SharedMemory.close} does. The name stays. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Its name and size, as text.
   *
   * @returns Such as `SharedMemory("psm_0a1b", size=1024)`.
   */
  toString(): string {
    return `SharedMemory(${JSON.stringify(this.name)}, size=${this.size})`;
  }

  #openFor(action: string): Segment {
    if (!this.#segment.isClosed) return this.#segment;
    throw new Deno.errors.BadResource(
      `Cannot ${action} shared memory "${this.name}": it was closed here`,
    );
  }
}

function wrap(segment: Segment): SharedMemory {
  opened = segment;
  return new SharedMemory();
}
