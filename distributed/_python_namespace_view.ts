import type { DictHome } from "../ipc/_dict_home.ts";
import { bind } from "./_python_arguments.ts";
import { pythonRepr } from "./_pickle_repr.ts";
import type { PythonSeat, PythonView } from "./_python_view.ts";
import { PythonError } from "./python_errors.ts";
import { PyGlobal, PyObject } from "./python_types.ts";

/** As much of a value is shown. */
const LONGEST_TEXT = 1_000_000;

/** A shared namespace as Python's `Namespace`. */
export class NamespaceView implements PythonView {
  readonly methods = [...METHODS.keys()];
  readonly proxyType = "NamespaceProxy";
  readonly #home: DictHome;

  constructor(home: DictHome) {
    this.#home = home;
  }

  seat(): PythonSeat {
    return {
      call: (method, _call, args) => {
        this.#home.checkOpen();
        const { parameters, run } = METHODS.get(method)!;
        const required = parameters.length;
        const [name, value] = bind({ name: method, parameters, required }, args);
        if (typeof name !== "string") {
          throw new PythonError("TypeError", ["attribute name must be string"]);
        }
        return run(this.#home.map, name, value);
      },
      leave() {},
    };
  }

  repr(): string {
    const shown = [...this.#home.map].filter(([name]) => !String(name).startsWith("_"));
    const items = shown.map(([name, value]) => `${name}=${pythonRepr(value, LONGEST_TEXT)}`);
    return `Namespace(${items.sort().join(", ")})`;
  }

  value(): unknown {
    this.#home.checkOpen();
    const type = new PyGlobal("multiprocessing.managers", "Namespace");
    return new PyObject(type, [], { state: new Map(this.#home.map) });
  }
}

interface Method {
  readonly parameters: readonly string[];
  run(map: Map<unknown, unknown>, name: string, value: unknown): unknown;
}

const METHODS: ReadonlyMap<string, Method> = new Map([
  ["__getattribute__", {
    parameters: ["name"],
    run: (map, name) => {
      if (!map.has(name)) throw noAttribute(name);
      return map.get(name);
    },
  }],
  ["__setattr__", {
    parameters: ["name", "value"],
    run: (map, name, value) => void map.set(name, value),
  }],
  ["__delattr__", {
    parameters: ["name"],
    run: (map, name) => {
      if (!map.delete(name)) throw noAttribute(name);
    },
  }],
]);

function noAttribute(name: string): PythonError {
  return new PythonError("AttributeError", [`'Namespace' object has no attribute '${name}'`]);
}
