/** A queue may be called so: the name is a part of subjects and of names of streams. */
const QUEUE_NAME = /^[A-Za-z0-9_-]{1,64}$/;

const SAFE = /^[A-Za-z0-9_-]+$/;

/** Subjects must fit into a line of the protocol. */
const LONGEST_ID = 512;

/** Who has put a task that says nothing about it. */
export const NOBODY = "_";

/** What a queue is called on the engine. All its subjects begin with `mh.QUEUE.`. */
export class QueueNames {
  readonly queue: string;
  /** The streams: tasks that have not ended, how others ended, those that failed for good, and the rest. */
  readonly tasks: string;
  readonly results: string;
  readonly dead: string;
  readonly state: string;
  /** Where everybody who uses the queue listens. */
  readonly everybody: string;
  /** Settings of the queue, whether it is shut down, and what has been counted. */
  readonly settings: string;
  readonly closed: string;
  readonly counts: string;
  readonly #base: string;

  /** @throws {TypeError} When the name cannot be one. */
  constructor(queue: string) {
    if (typeof queue !== "string" || !QUEUE_NAME.test(queue)) {
      throw new TypeError(
        `Cannot create a task engine: "queue" must be 1 to 64 letters, digits, "-" or "_", got ${
          JSON.stringify(queue)
        }`,
      );
    }
    this.queue = queue;
    this.#base = `mh.${queue}`;
    this.tasks = `MH_${queue}_tasks`;
    this.results = `MH_${queue}_results`;
    this.dead = `MH_${queue}_dead`;
    this.state = `MH_${queue}_state`;
    this.everybody = `${this.#base}.b`;
    this.settings = `${this.#base}.s.settings`;
    this.closed = `${this.#base}.s.closed`;
    this.counts = `${this.#base}.s.counts`;
  }

  /** A task: one that can be taken, or a delayed one. Level 0 has the highest priority. */
  task(kind: "t" | "z", level: number, id: string): string {
    return `${this.#base}.${kind}.${level}.${toToken(id)}`;
  }

  /** The task of a name, whatever it is. */
  anyTask(id: string): string {
    return `${this.#base}.*.*.${toToken(id)}`;
  }

  /** The tasks of a level. */
  level(level: number): string {
    return `${this.#base}.t.${level}.>`;
  }

  /** All tasks. */
  get allTasks(): string {
    return `${this.#base}.>`;
  }

  /** All subjects of one kind. */
  all(kind: "t" | "z" | "r" | "x" | "s"): string {
    return `${this.#base}.${kind}.>`;
  }

  /** How a task has ended. */
  outcome(producer: string, id: string): string {
    return `${this.#base}.r.${producer}.${toToken(id)}`;
  }

  /** How a task has ended, whoever put it. */
  anyOutcome(id: string): string {
    return `${this.#base}.r.*.${toToken(id)}`;
  }

  /** How the tasks of a producer have ended. */
  outcomesOf(producer: string): string {
    return `${this.#base}.r.${producer}.>`;
  }

  /** A task that has failed for good. */
  deadLetter(id: string): string {
    return `${this.#base}.x.${toToken(id)}`;
  }

  /** How often a task was handed out at no cost. */
  free(id: string): string {
    return `${this.#base}.s.free.${toToken(id)}`;
  }

  /** That a task is to end. */
  cancelled(id: string): string {
    return `${this.#base}.s.cancelled.${toToken(id)}`;
  }

  /** Where a producer hears of its tasks. */
  events(producer: string): string {
    return `${this.#base}.e.${producer}`;
  }

  /** The durable consumer of a kind of tasks. */
  consumer(kind: "t" | "z", level: number): string {
    return kind === "z" ? "z" : `t${level}`;
  }
}

/** Reads the subject of a task. */
export function readTaskSubject(
  subject: string,
): { kind: "t" | "z"; level: number; id: string } | undefined {
  const [, , kind, level, ...rest] = subject.split(".");
  if ((kind !== "t" && kind !== "z") || rest.length === 0) return undefined;
  // One that another program has put under a name of several tokens is a task as well, and ends.
  return { kind, level: Number(level), id: fromToken(rest.join(".")) };
}

/** The name in the last token of a subject. */
export function idOfSubject(subject: string): string {
  return fromToken(subject.slice(subject.lastIndexOf(".") + 1));
}

/**
 * A name as a token of a subject: what is no letter, digit, `-` or `_` is `=` and two hexadecimal digits for each byte.
 *
 * @throws {TypeError} When it has a half of a character: it would come back as another one.
 * @throws {RangeError} When it is too long.
 */
export function toToken(id: string): string {
  if (!id.isWellFormed()) {
    throw new TypeError('Cannot name a task: its "id" has a half of a character');
  }
  let token = id;
  if (!SAFE.test(id)) {
    token = "";
    for (const byte of new TextEncoder().encode(id)) {
      const char = String.fromCharCode(byte);
      token += SAFE.test(char) ? char : `=${byte.toString(16).padStart(2, "0")}`;
    }
  }
  if (token.length <= LONGEST_ID) return token;
  throw new RangeError(
    `Cannot name a task: its "id" takes ${token.length} bytes on the engine, ${LONGEST_ID} at most are possible`,
  );
}

function fromToken(token: string): string {
  if (!token.includes("=")) return token;
  try {
    return decodeURIComponent(token.replaceAll("%", "%25").replace(/=([0-9a-f]{2})/g, "%$1"));
  } catch {
    // Another program has written it in another way: it is a name all the same.
    return token;
  }
}
