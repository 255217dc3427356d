/** An error with a field of its own. */
export class TallyError extends Error {
  constructor(message: string, readonly tally: number) {
    super(message);
    this.name = "TallyError";
  }
}
