import { type Lock, type Queue, registerSerializer } from "../../ipc/mod.ts";

/** Classes that cross by serializers of their own, and what the tests do with them elsewhere. */

export class Money {
  readonly #cents: bigint;

  constructor(cents: bigint) {
    this.#cents = cents;
  }

  get cents(): bigint {
    return this.#cents;
  }

  plus(other: Money): Money {
    return new Money(this.#cents + other.cents);
  }
}
registerSerializer(Money, {
  name: "tests.Money",
  toWire: (money) => money.cents,
  fromWire: (cents: bigint) => new Money(cents),
});

/** What it has of other objects that cross: one with a serializer, and two that are lent. */
export class Account {
  constructor(readonly balance: Money, readonly lock: Lock, readonly log: Queue<string>) {}
}
registerSerializer(Account, {
  name: "tests.Account",
  toWire: ({ balance, lock, log }) => ({ balance, things: [lock, log] as const }),
  fromWire: ({ balance, things: [lock, log] }) => new Account(balance, lock, log),
});

/** Whose reading goes wrong where the tests say so. */
export class Trap {
  constructor(readonly kind: "throw" | "kill" | "harmless") {}
}
registerSerializer(Trap, {
  name: "tests.Trap",
  toWire: (trap) => trap.kind,
  fromWire: (kind) => {
    if (kind === "throw") throw new RangeError("not to be read here");
    if (kind === "kill") {
      Deno.kill(Deno.pid, "SIGKILL");
      // The signal arrives when it does.
      for (;;);
    }
    return new Trap(kind);
  },
});

export function double(money: Money): Money {
  return money.plus(money);
}

/** An answer that cannot be read where it arrives. */
export function setTrap(): Trap {
  return new Trap("throw");
}

/** An error of which a field cannot be read where it arrives. */
export function failWithTrap(): never {
  throw Object.assign(new TypeError("trapped"), { trap: new Trap("throw") });
}

export function kindOf(trap: Trap): string {
  return trap.kind;
}

export async function deposit(account: Account, amount: Money): Promise<Money> {
  await using _ = await account.lock.hold();
  await account.log.put(`deposited ${amount.cents}`);
  return account.balance.plus(amount);
}

export async function putDoubled(queue: Queue<Money[]>, money: Money): Promise<void> {
  await queue.put([double(money), money]);
}
