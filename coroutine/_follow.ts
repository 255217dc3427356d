/** One who is told how a promise ends; what `Promise.withResolvers()` makes is one. */
export interface Follower<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

const Given = class {
  constructor(object: object) {
    return object;
  }
} as new (object: object) => object;

/**
 * A promise that somebody follows: the constructor gives a private field to the promise that it gets. A `WeakMap` would
 * do, but with 100,000 promises in it a wait takes twice as long.
 */
class Followed extends Given {
  #followers: Set<Follower<unknown>> | undefined;

  /** Those who follow a promise, when there is a list of them. */
  static followersOf(promise: object): Set<Follower<unknown>> | undefined {
    return #followers in promise ? promise.#followers : undefined;
  }

  /** Begins the list of those who follow a promise. */
  static begin(promise: Promise<unknown>): Set<Follower<unknown>> {
    const followed = #followers in promise ? promise : new Followed(promise) as Followed;
    const followers = followed.#followers = new Set();
    // Who comes later finds a promise that has settled, and begins a new list.
    promise.then((value) => {
      followed.#followers = undefined;
      for (const follower of followers) follower.resolve(value);
    }, (error) => {
      followed.#followers = undefined;
      for (const follower of followers) follower.reject(error);
    });
    return followers;
  }
}

/**
 * Tells somebody how a promise ends, unless he leaves before. Those who follow the same one are told in the order in
 * which they came.
 *
 * A promise keeps every function that was given to its `then` until it settles, and so does one of each
 * `Promise.race`: who polls a promise that lives for days would fill the memory. Here it keeps one, whoever comes and
 * leaves.
 *
 * @param promise What to follow. Its failure is not reported as unhandled any more.
 * @param follower Is told.
 * @returns Leaves.
 */
export function follow<T>(promise: Promise<T>, follower: Follower<T>): () => void {
  const followers = (Followed.followersOf(promise) ?? Followed.begin(promise)) as Set<Follower<T>>;
  followers.add(follower);
  return () => void followers.delete(follower);
}

/** How many follow a promise that has not settled. */
export function countFollowers(promise: Promise<unknown>): number {
  return Followed.followersOf(promise)?.size ?? 0;
}
