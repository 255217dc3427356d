/**
 * How a function reaches another process or thread, as with Python's *spawn*: by module and name. What is looked
 * up there is a function that the module exports, or a class that extends `Process` or `Thread`.
 */

/** Runs what was found, with the arguments and the fields of the object that stands for the run. */
export type Run = (args: readonly unknown[], fields: Readonly<Record<string, unknown>>) => unknown;

/** A function that was found. */
export type Target = (...args: unknown[]) => unknown;

type Module = Readonly<Record<string, unknown>>;

/**
 * What the other side knows of `Process` or `Thread` once something has loaded it: without need it is not
 * loaded there.
 */
export interface Revival {
  /** Whether a class extends it. */
  isSubclass?: (value: unknown) => boolean;
  /** Makes an object of the subclass, without its constructor. */
  revive?: (
    subclass: unknown,
    own: { target: Target | undefined; args: unknown[] },
  ) => { run(): unknown };
}

/**
 * The URL of a module of this package that no import leads to: one that another process or thread is told to
 * import, or that is loaded when it is needed. `deno pack` names the modules `.js` for npm, and says so in import
 * declarations only.
 *
 * @param meta The `import.meta` of the caller.
 * @param path The module, as the caller would import it.
 */
export function ownModule(meta: ImportMeta, path: string): string {
  return meta.resolve(meta.url.endsWith(".js") ? path.replace(/\.ts$/, ".js") : path);
}

/** What is to be run. */
export interface RunNames {
  /** The name of a function. */
  readonly target?: string | undefined;
  /** The name of a class with a `run()` of its own. */
  readonly subclass?: string | undefined;
}

/**
 * Finds what is to be run among the exports of a module.
 *
 * @param module The module.
 * @param names What is to be run.
 * @param revival What is known of the base class.
 * @param base The name of the base class, for the texts of errors.
 */
export function findRun(module: Module, names: RunNames, revival: Revival, base: string): Run {
  const target = names.target === undefined ? undefined : findTarget(module, names.target);
  if (names.subclass !== undefined) {
    return findSubclass(module, names.subclass, target, revival, base);
  }
  return (args) => target!(...args);
}

function findTarget(module: Module, name: string): Target {
  const target = module[name];
  if (typeof target === "function") return target as Target;
  throw new TypeError(
    `Cannot run "${name}": the module does not export a function of that name. It exports ${
      listFunctions(module) || "no function"
    }`,
  );
}

function findSubclass(
  module: Module,
  name: string,
  target: Target | undefined,
  revival: Revival,
  base: string,
): Run {
  const subclass = module[name];
  // Without the base class nothing in the module can extend it.
  if (revival.isSubclass?.(subclass) !== true) {
    throw new TypeError(
      `Cannot run "${name}": the module does not export a class of that name that extends ${base}. ` +
        `It exports ${listFunctions(module) || "no class"}`,
    );
  }
  return async (args, fields) => {
    const self = revival.revive!(subclass, { target, args: [...args] });
    for (const [key, value] of Object.entries(fields)) {
      // Not assigned: a setter of the class would be called.
      Object.defineProperty(self, key, {
        value,
        configurable: true,
        enumerable: true,
        writable: true,
      });
    }
    try {
      return await self.run();
    } catch (error) {
      throw explainPrivate(error, name, base);
    }
  };
}

/** The constructor of the class has not run here, so its private fields are not there. */
function explainPrivate(error: unknown, name: string, base: string): unknown {
  if (
    !(error instanceof TypeError) ||
    !/private (member|field|method)|Receiver must be/.test(error.message)
  ) {
    return error;
  }
  return new TypeError(
    `Cannot use a private field in ${name}.run(): fields with "#" stay in the ${base.toLowerCase()} that ` +
      `made the object; give what run() needs to fields without "#" (${error.message})`,
    { cause: error },
  );
}

function listFunctions(module: Module): string {
  return Object.keys(module).filter((key) => typeof module[key] === "function").join(", ");
}
