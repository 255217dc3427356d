import type { LentMethod, Seat } from "../coroutine/_lending.ts";
import { isLent, Loan } from "../ipc/_loan.ts";
import type { Registration } from "./managed.ts";

/** Lends an object to a native client, and what its methods answer where that is registered. */
class ManagedLoan extends Loan {
  readonly #typeids: Readonly<Record<string, string>>;
  readonly #registry: ReadonlyMap<string, Registration>;

  constructor(
    object: object,
    registration: Registration,
    registry: ReadonlyMap<string, Registration>,
  ) {
    super(object, registration.exposed);
    this.#typeids = registration.methodToTypeid ?? {};
    this.#registry = registry;
  }

  override seat(): Seat {
    const seat = super.seat();
    const methods: Record<string, LentMethod> = { ...seat.methods };
    for (const [name, typeid] of Object.entries(this.#typeids)) {
      const method = methods[name];
      if (method === undefined) throw new TypeError(`Cannot lend "${name}": it is no method`);
      methods[name] = async (call, ...args) => {
        return lendAs(typeid, await method(call, ...args), this.#registry);
      };
    }
    return { methods, leave: () => seat.leave() };
  }
}

/** What lends an object that was registered. */
export function loanOf(
  object: object,
  registration: Registration,
  registry: ReadonlyMap<string, Registration>,
): Loan {
  if (registration.methodToTypeid === undefined) return new Loan(object, registration.exposed);
  return new ManagedLoan(object, registration, registry);
}

async function lendAs(
  typeid: string,
  result: unknown,
  registry: ReadonlyMap<string, Registration>,
): Promise<unknown> {
  const registration = registry.get(typeid);
  if (registration === undefined) {
    const known = [...registry.keys()].join(", ");
    throw new TypeError(`Cannot lend as "${typeid}": the manager has ${known}`);
  }
  const object = registration.callable === undefined ? result : await registration.callable(result);
  return isLent(object) ? loanOf(object, registration, registry) : object;
}
