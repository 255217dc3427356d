/** The part of Web Locks that is used here; the runtime has it, its types do not. */
interface WebLocks {
  request(name: string, callback: () => unknown): Promise<unknown>;
}

/** The Web Locks of this program, for all of its threads. */
export const webLocks: WebLocks = (navigator as unknown as { locks: WebLocks }).locks;
