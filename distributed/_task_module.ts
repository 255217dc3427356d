type Exports = Readonly<Record<string, unknown>>;

/**
 * Imports the module whose functions a worker calls.
 *
 * The main module may be waiting for its own worker, with `await serveTasks(…)` at its top level: until that is over
 * it cannot be imported. Then it is loaded once more, under another name, as it is in a process of its own.
 *
 * @param url Where the module is.
 * @returns What it exports.
 */
export async function importTaskModule(url: string): Promise<Exports> {
  if (url !== Deno.mainModule) return await import(url);
  const own: Promise<Exports> = import(url);
  if (await isReadySoon(own)) return await own;
  try {
    return await import(`${url}#tasks`);
  } catch (error) {
    if (!/^Requires read access/.test((error as Error).message)) throw error;
    throw new Deno.errors.NotCapable(
      "Cannot serve tasks: the main module waits for its own worker at its top level, so it has to be read once " +
        "more: run again with --allow-read, or have another module export the functions",
      { cause: error },
    );
  }
}

/** Whether a promise is settled after two turns of the event loop: what is loaded already takes none. */
async function isReadySoon(promise: Promise<unknown>): Promise<boolean> {
  const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  const isReady = promise.then(() => true, () => true);
  return await Promise.race([isReady, turn().then(turn).then(() => false)]);
}
