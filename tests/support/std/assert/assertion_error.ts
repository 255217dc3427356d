/** The error every failed assertion throws. */
export class AssertionError extends Error {
  /** Makes the error from its message and, if wanted, a cause. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}
