import { allocateIdent, MAIN_IDENT, markEnded, setCurrentIdent } from "../../thread/_ident.ts";

/** What a thread that is killed "throws"; nothing of ours catches it and goes on. */
class Death extends Error {}

const STEPS = [
  "store",
  "compareExchange",
  "exchange",
  "add",
  "sub",
  "or",
  "wait",
  "notify",
] as const;
type Step = (...args: unknown[]) => unknown;
const atomics = Atomics as unknown as Record<string, Step>;

/** How {@linkcode dieAt} lets a thread die. */
export interface DyingOptions {
  /** Before which step it dies, counted from 0. */
  step: number;
  /** What the others do while it is parked; it is woken afterwards, as far as they did. */
  whileParked?: (() => void) | undefined;
}

/** Does something in between, as the living main thread. */
export type Outside = (act: () => void) => void;

/** What came of {@linkcode dieAt}. */
export interface Dead {
  /** Whether it died; else it came to its end. */
  died: boolean;
  /** Makes it known that the thread has ended. */
  bury(): void;
}

/**
 * Runs something as another thread would, and kills that before one of its steps in shared memory: nothing of it
 * takes place after that, no `finally` either. The end of the thread is not known before `bury` is called.
 */
export function dieAt(act: (outside: Outside) => void, options: DyingOptions): Dead {
  const { step, whileParked } = options;
  const ident = allocateIdent();
  const natives = STEPS.map((name) => [name, atomics[name]!] as const);
  const restore = () => {
    for (const [name, native] of natives) atomics[name] = native;
    setCurrentIdent(MAIN_IDENT);
  };
  let left = step;
  let died = false;
  const kill = () => {
    setCurrentIdent(ident);
    for (const [name, native] of natives) {
      atomics[name] = (...args: unknown[]) => {
        if (died || left-- === 0) {
          died = true;
          throw new Death();
        }
        if (name !== "wait") return native(...args);
        outside(() => whileParked?.());
        return "ok";
      };
    }
  };
  const outside: Outside = (other) => {
    restore();
    try {
      other();
    } finally {
      kill();
    }
  };
  kill();
  try {
    act(outside);
  } catch (error) {
    if (!died) throw error;
  } finally {
    restore();
  }
  return { died, bury: () => markEnded(ident) };
}

/** Lets a thread die before each of its steps in turn, in a world that is made anew for each. */
export async function dieAtEachStep<World>(
  scenario: {
    make(): World;
    /** What the thread does that dies. */
    act(world: World, outside: Outside): void;
    whileParked?(world: World): void;
    /** What must hold afterwards; `died` is false when it came to its end. */
    check(world: World, died: boolean): void | Promise<void>;
  },
): Promise<number> {
  for (let step = 0;; step++) {
    const world = scenario.make();
    const { died, bury } = dieAt((outside) => scenario.act(world, outside), {
      step,
      whileParked: () => scenario.whileParked?.(world),
    });
    bury();
    try {
      await scenario.check(world, died);
    } catch (error) {
      throw new Error(`It died before step ${step}`, { cause: error });
    }
    if (!died) return step;
    if (step > 2_000) throw new Error("It never comes to its end");
  }
}
