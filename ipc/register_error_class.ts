/**
 * Errors that keep their class when they cross to another process or machine.
 *
 * @module
 */

import { type ErrorClass, errorClassOf, setErrorClass } from "./_error_classes.ts";

export type { ErrorClass };

/**
 * Lets errors of a class keep it when they cross to another process or machine, so that `instanceof`
 * holds there. Both sides register the class, under one name. The errors of JavaScript and of this
 * package need no registration; of other classes a {@linkcode RemoteError} arrives that has the
 * original's name.
 *
 * What crosses: `name`, `message`, `stack` as text, `cause`, and the own enumerable fields that can be
 * carried. The constructor is not called on arrival, so private fields (`#field`) are not there.
 *
 * @example A class of one's own
 * ```ts
 * import { registerErrorClass } from "@manyhands/concurrency/ipc";
 *
 * export class PaymentError extends Error {
 *   constructor(message: string, readonly account: string) {
 *     super(message);
 *     this.name = "PaymentError";
 *   }
 * }
 * registerErrorClass(PaymentError);
 * ```
 *
 * @param errorClass The class.
 * @param name The name under which it crosses; the name of the class when it is left out.
 * @throws {TypeError} When the class does not extend `Error`, or another one has the name.
 */
export function registerErrorClass(errorClass: ErrorClass, name: string = errorClass.name): void {
  if (typeof errorClass !== "function" || !(errorClass.prototype instanceof Error)) {
    throw new TypeError(`Cannot register an error class: ${String(name)} does not extend Error`);
  }
  const known = errorClassOf(name);
  if (known !== undefined && known !== errorClass) {
    throw new TypeError(`Cannot register an error class: another class has the name "${name}"`);
  }
  setErrorClass(name, errorClass);
}
