/** Each who waits gets an error of its own, with the stack of where it was awaited. */
export function copyError(error: Error): Error {
  const copy = Object.setPrototypeOf(new Error(error.message), Object.getPrototypeOf(error));
  copy.name = error.name;
  if (error.cause !== undefined) copy.cause = error.cause;
  return copy;
}
