import type { Queue } from "../../ipc/mod.ts";
import { Process } from "../../process/mod.ts";

/** Classes whose `run()` goes on in a process of its own. */

const SELF = import.meta.url;
const options = { module: SELF, stdout: "null", stderr: "null" } as const;

/** How often a constructor of this module has run in this process. */
let constructed = 0;

export interface WorkerReport {
  n: number;
  made: Map<string, number>;
  later: string | undefined;
  constructed: number;
  pid: number | undefined;
  ownPid: number;
  name: string;
  daemon: boolean;
  isAlive: boolean;
  exitCode: number | undefined;
  isWorker: boolean;
}

/** Has fields of several kinds. */
export class Worker extends Process<() => Promise<WorkerReport>> {
  readonly made = new Map([["key", 1]]);
  later: string | undefined;

  constructor(readonly n: number, name?: string) {
    super({ ...options, name });
    constructed++;
  }

  override async run(): Promise<WorkerReport> {
    await Promise.resolve();
    return { ...this.#report(), ...this.describe() };
  }

  describe(): { isWorker: boolean; n: number } {
    return { isWorker: this instanceof Worker && this instanceof Process, n: this.n };
  }

  // Not called in the child: the object there has no private methods.
  #report(): WorkerReport {
    throw new Error("never");
  }
}

/** As {@linkcode Worker}, without anything private. */
export class PlainWorker extends Worker {
  override run(): Promise<WorkerReport> {
    const { made, later, pid, name, daemon, exitCode } = this;
    const isAlive = this.isAlive();
    const report = { made, later, pid, name, daemon, exitCode, isAlive, constructed };
    return Promise.resolve({ ...report, ownPid: Deno.pid, ...this.describe() });
  }
}

/** Python's: a process that answers what it is asked, over queues. */
export class Upcaser extends Process {
  constructor(readonly questions: Queue<string | null>, readonly answers: Queue<string>) {
    super(options);
  }

  override async run(): Promise<void> {
    for (;;) {
      const question = await this.questions.get();
      if (question === null) return;
      await this.answers.put(question.toUpperCase());
    }
  }

  async submit(text: string): Promise<string> {
    await this.questions.put(text);
    return await this.answers.get();
  }

  async stop(): Promise<void> {
    await this.questions.put(null);
    await this.join();
  }
}

export function add(a: number, b: number): number {
  return a + b;
}

/** Does more around its target. */
export class Around extends Process<typeof add> {
  constructor(a: number, b: number) {
    super({ ...options, target: add, args: [a, b] });
  }

  override run(): number {
    return 100 + super.run();
  }
}

/** Only has more methods: its target is run as ever. */
export class MoreMethods extends Process<typeof add> {
  readonly notCarried = () => 1;

  constructor(a: number, b: number) {
    super({ ...options, target: add, args: [a, b] });
  }

  async sum(): Promise<number> {
    await this.start();
    return await this.result();
  }
}

/** Has a private field with something that cannot be carried, which it does not use in the child. */
export class Private extends Process<() => number> {
  readonly #listener = () => this.n;

  constructor(readonly n: number) {
    super(options);
  }

  override run(): number {
    return this.n;
  }

  listen(): number {
    return this.#listener();
  }
}

/** Uses a private field in the child. */
export class UsesPrivate extends Process<() => number> {
  readonly #n = 5;

  constructor() {
    super(options);
  }

  override run(): number {
    return this.#n;
  }
}

/** Has a field that cannot be carried. */
export class Uncarriable extends Process<() => number> {
  readonly inner = { callback: () => 1 };

  constructor() {
    super(options);
  }

  override run(): number {
    return 1;
  }
}

export class Failing extends Process<() => never> {
  constructor() {
    super({ ...options, stderr: "piped" });
  }

  override run(): never {
    throw new RangeError("in run()");
  }
}

/** What a process says that is asked to deal with itself. */
export class AsksItself extends Process<() => Promise<string[]>> {
  constructor() {
    super(options);
  }

  override async run(): Promise<string[]> {
    const calls = [
      () => this.start(),
      () => this.join(),
      () => this.result(),
      () => this.terminate(),
      () => this.kill(),
      () => this.close(),
      () => this.stdout,
      () => super.run(),
    ];
    return await Promise.all(calls.map(async (call) => {
      try {
        await call();
        return "no error";
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message}`;
      }
    }));
  }
}

class NotExported extends Process<() => number> {
  constructor() {
    super(options);
  }

  override run(): number {
    return 1;
  }
}

export function makeNotExported(): Process<() => number> {
  return new NotExported();
}

/** Of the same name as an export that is no process. */
export function makeMisnamed(): Process<() => number> {
  const classes = {
    add: class extends Process<() => number> {
      override run(): number {
        return 1;
      }
    },
  };
  return new classes.add(options);
}

export function makeAnonymous(): Process<() => number> {
  return new (class extends Process<() => number> {
    override run(): number {
      return 1;
    }
  })(options);
}

/** Its run() is no method of the class. */
export class ArrowRun extends Process<() => number> {
  override readonly run = (): number => 1;

  constructor() {
    super(options);
  }
}
