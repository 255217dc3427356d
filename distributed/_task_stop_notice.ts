/**
 * Tells who works on a task to stop. What is told before anybody listens is kept: a task may be cancelled while the
 * lease is on its way.
 */
export class StopNotice {
  #listener: ((reason: unknown) => void) | undefined;
  #kept: unknown[] | undefined;

  get listener(): ((reason: unknown) => void) | undefined {
    return this.#listener;
  }

  set listener(listener: ((reason: unknown) => void) | undefined) {
    this.#listener = listener;
    if (listener === undefined) return;
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const reason of kept) listener(reason);
  }

  tell(reason: unknown): void {
    if (this.#listener === undefined) (this.#kept ??= []).push(reason);
    else this.#listener(reason);
  }
}
