import { pythonRepr } from "./_pickle_repr.ts";
import { bind, type PythonArguments } from "./_python_arguments.ts";
import { type AnyNumbersHome, codeOf, fromPython, toPython } from "./_python_number.ts";
import type { PythonSeat, PythonView } from "./_python_view.ts";
import { PyGlobal, PyObject } from "./python_types.ts";

const GET = { name: "Value.get", parameters: [], required: 0 };
const SET = { name: "Value.set", parameters: ["value"], required: 1 };

/** A shared number as the `Value` of Python's managers. */
export class ValueView implements PythonView {
  readonly methods = ["get", "set"];
  readonly proxyType = "ValueProxy";
  readonly #home: AnyNumbersHome;

  constructor(home: AnyNumbersHome) {
    this.#home = home;
  }

  seat(): PythonSeat {
    return { call: (name, _call, args) => this.#call(name, args), leave() {} };
  }

  repr(): string {
    const { kind, numbers } = this.#home;
    return `Value('${codeOf(kind)}', ${pythonRepr(toPython(kind, numbers[0]!))})`;
  }

  value(): unknown {
    const { kind } = this.#home;
    const type = new PyGlobal("multiprocessing.managers", "Value");
    return new PyObject(type, [codeOf(kind), toPython(kind, this.#home.get(0))]);
  }

  #call(name: string, args: PythonArguments): unknown {
    const home = this.#home;
    if (name === "get") {
      bind(GET, args);
      return toPython(home.kind, home.get(0));
    }
    const [value] = bind(SET, args);
    home.set(0, fromPython(home.kind, value));
    return undefined;
  }
}
