/** The key of options that are not public. */
export const INTERNALS: unique symbol = Symbol("thread internals");

/** What threads of this room are given beside the public options. */
export interface ThreadInternals {
  readonly [INTERNALS]?: {
    /** Whether an error that the thread throws is told to whoever waits for the result, and not to the hook. */
    readonly isQuiet?: boolean;
    /** Whether nobody has the thread's object, so that the hook is told also when it could not begin. */
    readonly isForgotten?: boolean;
    /** Called when it has ended: to wait for that keeps the program alive. */
    readonly onEnded?: () => void;
    /** Whether the object was made in the thread that it stands for. */
    readonly isSelf?: boolean;
    /** Whether a killable thread is to be one that the runtime cannot stop, as a later runtime may have it. */
    readonly isUnstoppable?: boolean;
  };
}

/** What the class `Thread` gives to its room only: a start that does not wait. */
export const access: { begin?: (thread: object) => void } = {};
