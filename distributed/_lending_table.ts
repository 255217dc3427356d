import { Loan } from "../ipc/_loan.ts";
import type { LendingTable, ReferenceScope } from "../ipc/_reference.ts";

interface Entry {
  readonly id: string;
  readonly loan: Loan;
  /** What stands for it in this process. */
  readonly object: object;
}

/** A connection of a client, for the references that cross on it. */
export interface ServerScope extends ReferenceScope {
  /** Objects that live because the client has just been told of them. */
  readonly unclaimed: Set<object>;
}

/**
 * The objects of a manager that native clients can refer to, by names that every client understands. A name
 * keeps nothing alive: an object lives while a client uses it, or something here holds it.
 */
export class ManagerTable implements LendingTable {
  readonly #entries = new WeakMap<object, Entry>();
  readonly #living = new Map<string, WeakRef<object>>();
  readonly #gone = new FinalizationRegistry<string>((id) => this.#living.delete(id));
  readonly #isFamily: boolean;

  /** @param options Whether the clients are of the family. */
  constructor(options: { isFamily: boolean }) {
    this.#isFamily = options.isFamily;
  }

  /** What a new connection is. */
  scope(): ServerScope {
    return { table: this, isFamily: this.#isFamily, unclaimed: new Set() };
  }

  nameOf(target: object, object: object, loan?: Loan): string {
    let entry = this.#entries.get(target);
    if (entry === undefined) {
      const id = crypto.randomUUID();
      entry = { id, loan: loan ?? new Loan(target), object };
      this.#entries.set(target, entry);
      this.#living.set(id, new WeakRef(target));
      this.#gone.register(target, id);
    }
    return entry.id;
  }

  loanOf(object: object): Loan | undefined {
    return this.#entries.get(object)?.loan;
  }

  find(id: string): object | undefined {
    return this.#find(id)?.object;
  }

  /** Keeps an object until the client that has asked for it uses it, or is gone. */
  keep(object: object, scope: ServerScope): void {
    scope.unclaimed.add(object);
  }

  /**
   * Lends the object that has a name.
   *
   * @throws {ReferenceError} When it does not live any more.
   */
  borrow(id: string, scope: ServerScope): Loan {
    const entry = this.#find(id);
    if (entry === undefined) {
      throw new ReferenceError("Cannot borrow the object: nobody has kept it, it is gone");
    }
    scope.unclaimed.delete(entry.object);
    return entry.loan;
  }

  #find(id: string): Entry | undefined {
    const target = this.#living.get(id)?.deref();
    return target === undefined ? undefined : this.#entries.get(target);
  }
}
