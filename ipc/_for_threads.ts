/**
 * What a thread is given of this room without loading it: each module that a thread loads before the user's costs
 * it time.
 */

const KEY_BYTES = 32;

let key: Uint8Array<ArrayBuffer> | undefined;

/** The key that all processes of the family have, and all of their threads. */
export function familyKey(): Uint8Array<ArrayBuffer> {
  return key ??= crypto.getRandomValues(new Uint8Array(KEY_BYTES));
}

/** Makes this process, or this thread, a member of the family that has the key. */
export function setFamilyKey(given: Uint8Array<ArrayBuffer>): void {
  key = given;
}

/** What crosses in place of an object that crosses as a reference. */
export interface WireForm {
  /** The name under which `setPortable` knows the class. */
  readonly type: string;
  /** Plain data. */
  readonly data: unknown;
}

/** How objects cross as references: the functions of `_portable.ts`. */
export interface References {
  toWire?: (value: object) => WireForm | undefined;
  canRead?: (form: WireForm) => boolean;
  fromWire?: (form: WireForm) => unknown;
}

/** Filled by `_portable.ts` once something has loaded it. */
export const references: References = {};
