import { Delivery, type Seat, setLender } from "../coroutine/_lending.ts";
import { beginWait } from "../coroutine/_acquire.ts";
import { describe } from "../coroutine/_describe.ts";
import type { WaitOptions } from "../coroutine/wait_options.ts";
import { Borrowing, Lending } from "./_family.ts";
import {
  type Borrowed,
  currentTable,
  deleteOwned,
  type LentReference,
  setOwned,
  type WireReference,
  writeBorrowed,
  writeOwn,
} from "./_reference.ts";
import { ConnectionClosedError } from "./errors.ts";

export { type LentReference, ownObject, readReference } from "./_reference.ts";

/**
 * The locks, events and values of this room. Each has one *home*, in the process that created it, and a
 * *handle* in every process that has it: the home itself where it lives, the way to it elsewhere.
 */

/** What a method of a home is called with. Here there may be no signal: then the current task ends a wait. */
export interface HomeCall {
  readonly signal: AbortSignal | undefined;
}

/** A method of a home. */
// deno-lint-ignore no-explicit-any -- what a borrower sends is checked by the method
export type HomeMethod = (call: HomeCall, ...args: any[]) => unknown;

/** What one who uses a home has of it: whoever leaves it holds nothing any more. */
export interface HomeSeat extends Seat {
  readonly methods: Readonly<Record<string, HomeMethod>>;
}

/** Where a lock, an event or a value lives. */
export abstract class Home {
  static {
    setLender(Home as abstract new () => Home, (home) => home.seat());
  }

  /** What it is, for the texts of errors: `the lock`. */
  readonly what: string;
  #isClosed = false;

  constructor(what: string) {
    this.what = what;
  }

  /** Whether its owner has closed it. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Fails when its owner has closed it. */
  checkOpen(): void {
    if (!this.#isClosed) return;
    throw new ConnectionClosedError(`Cannot use ${this.what}: its owner has closed it`);
  }

  /** Ends it: those who wait learn of it by {@linkcode checkOpen} when they are woken. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.wakeAll();
  }

  /** A place for one more who uses it. */
  abstract seat(): HomeSeat;

  /** Ends every wait. */
  protected abstract wakeAll(): void;
}

/** What a process has of a home. */
export class Handle<H extends Home = Home> {
  /** Where it lives, when that is here. */
  readonly home: H | undefined;
  readonly #what: string;
  readonly #here: HomeSeat | undefined;
  readonly #borrowing: Borrowed | undefined;
  #lending: Lending | undefined;
  #isClosed = false;

  /**
   * @param what What it is, for the texts of errors: `the lock`.
   * @param place The home, or where it is.
   */
  constructor(what: string, place: H | LentReference) {
    this.#what = what;
    if (place instanceof Home) {
      this.home = place;
      this.#here = place.seat();
    } else {
      this.#borrowing = place.by ?? new Borrowing(place);
    }
  }

  /**
   * Calls a method of the home. The call ends with the task that makes it.
   *
   * @param method Its name.
   * @param args Its arguments. A last one with a `signal` is a wait that ends with it.
   */
  async call<R>(method: string, ...args: unknown[]): Promise<R> {
    return await this.#call(method, args, { withTask: true }) as R;
  }

  /** Calls a method whose call must not be cut short by a cancellation of the task: one that gives back. */
  async callToEnd<R>(method: string, ...args: unknown[]): Promise<R> {
    return await this.#call(method, args, { withTask: false }) as R;
  }

  /**
   * Calls a method whose answer is known, without waiting for it where the home is elsewhere: it is done before what
   * this process calls later.
   */
  async tell(method: string, ...args: unknown[]): Promise<void> {
    if (this.#borrowing === undefined) return await this.callToEnd(method, ...args);
    this.checkOpen(`call "${method}"`);
    await this.#borrowing.notify(method, args);
  }

  /** What crosses in place of the object that has this handle. */
  lend(object: object): WireReference {
    this.checkOpen("pass on");
    if (this.home === undefined) return writeBorrowed(this.#borrowing!.reference);
    const table = currentTable();
    if (table !== undefined) return writeOwn(table.nameOf(this.home, object));
    if (this.#lending === undefined) {
      this.#lending = new Lending(this.home);
      setOwned(this.#lending.reference.id, object);
    }
    return this.#lending.reference;
  }

  /** Gives this process's share up; where it lives, ends it for everybody. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.home === undefined) return await this.#borrowing!.close();
    this.home.close();
    const lending = this.#lending;
    this.#lending = undefined;
    if (lending === undefined) return;
    deleteOwned(lending.reference.id);
    await lending.end();
  }

  /** Fails when it was closed here. */
  checkOpen(action: string): void {
    if (this.#isClosed) {
      throw new ConnectionClosedError(`Cannot ${action}: ${this.#what} is closed`);
    }
  }

  async #call(
    method: string,
    args: unknown[],
    options: { withTask: boolean },
  ): Promise<unknown> {
    this.checkOpen(`call "${method}"`);
    if (this.#here === undefined) return await this.#borrowing!.call(method, args, options);
    const { signal } = (args.at(-1) ?? {}) as WaitOptions;
    const result = await this.#here.methods[method]!({ signal }, ...args);
    if (!(result instanceof Delivery)) return result;
    result.confirmed();
    return result.value;
  }

  /** How an object that has this handle is shown: with what is known without asking another process. */
  describe(object: object, facts: (home: H) => (string | undefined)[]): string {
    if (this.#isClosed) return describe(object, "closed");
    if (this.home === undefined) return describe(object, "in another process");
    return describe(object, ...facts(this.home));
  }
}

/**
 * Checks the options of a wait, the aborted signal first.
 *
 * @returns The arguments of a call that waits: none for a wait without limits, which is cheap to send.
 */
export function waitArguments(options: WaitOptions): WaitOptions[] {
  const timeoutMs = beginWait(options);
  const { signal } = options;
  if (timeoutMs === Infinity) return signal === undefined ? [] : [{ signal }];
  return [signal === undefined ? { timeoutMs } : { timeoutMs, signal }];
}
