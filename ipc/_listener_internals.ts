/** What this room does with listeners and users cannot. */
export interface ListenerInternals {
  /** Whether it is a listener. */
  is(object: object): boolean;
  /** Whether `accept()` would not wait. */
  isReady(listener: object): boolean;
  /** Accepts, and calls a function when that may have changed, until the answer is called. */
  watch(listener: object, onChange: () => void): () => void;
}

/** Set by `listener.ts`: a program that waits and does not listen does not load that. */
export const listenerInternals: ListenerInternals = {
  is: () => false,
  isReady: () => false,
  watch: () => () => {},
};
