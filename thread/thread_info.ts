/**
 * What a thread is known by.
 *
 * @module
 */

/** What is known of a thread that runs. */
export interface ThreadInfo {
  /** Its name: `"MainThread"`, or what its `Thread` was given. */
  readonly name: string;
  /** Its number, which no other thread of this program has had. */
  readonly ident: number;
  /** Whether the program does not wait for it. */
  readonly daemon: boolean;
}
