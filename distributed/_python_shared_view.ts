import { Queue } from "../coroutine/queue.ts";
import { Loan } from "../ipc/_loan.ts";
import { DictHome } from "../ipc/_dict_home.ts";
import type { Home } from "../ipc/_home.ts";
import { ListHome } from "../ipc/_list_home.ts";
import { NumbersHome } from "../ipc/_numbers_home.ts";
import { hasHome, homeOf } from "../ipc/_own_homes.ts";
import { BoundedSemaphore } from "../ipc/bounded_semaphore.ts";
import { Namespace } from "../ipc/namespace.ts";
import { SharedArray } from "../ipc/shared_array.ts";
import { SharedDict } from "../ipc/shared_dict.ts";
import { SharedList } from "../ipc/shared_list.ts";
import { Value } from "../ipc/value.ts";
import { ArrayView } from "./_python_array_view.ts";
import { DictView } from "./_python_dict_view.ts";
import { homeView } from "./_python_home_views.ts";
import { ListView } from "./_python_list_view.ts";
import { NamespaceView } from "./_python_namespace_view.ts";
import { QueueView } from "./_python_queue_view.ts";
import { ValueView } from "./_python_value_view.ts";
import type { PythonSeat, PythonView } from "./_python_view.ts";

/**
 * The view of what processes share and what lives here: Python clients see what Python's own manager gives them.
 * `undefined` for any other object.
 */
export function sharedView(object: object): PythonView | undefined {
  const home = homeOf(object);
  if (home === undefined) return undefined;
  if (home instanceof Queue) return new QueueView(home);
  if (home instanceof NumbersHome) {
    return object instanceof Value ? new ValueView(home) : new ArrayView(home);
  }
  if (home instanceof ListHome) return new OpenView(home, "ListProxy", new ListView(home.list));
  if (!(home instanceof DictHome)) {
    return homeView(home, { isBounded: object instanceof BoundedSemaphore });
  }
  if (object instanceof Namespace) return new NamespaceView(home);
  return new OpenView(home, "DictProxy", new DictView(home.map));
}

/** Whether an object is one that processes share: it goes out as a proxy, also where nobody has registered it. */
export function isShared(object: object): boolean {
  return hasHome(object);
}

/** The name under which Python's manager has such objects. */
export function typeidOf(object: object): string {
  if (object instanceof SharedDict) return "dict";
  if (object instanceof SharedList) return "list";
  if (object instanceof SharedArray) return "Array";
  return object.constructor.name;
}

/** The methods of an object that lives elsewhere, but for the one that gives up the way to it. */
export function methodsOf(object: object): string[] {
  return Object.keys(new Loan(object).seat().methods).filter((name) => name !== "close");
}

/** A view of data that its owner may close. */
class OpenView implements PythonView {
  readonly methods: readonly string[];
  readonly typeids: ReadonlyMap<string, string> | undefined;
  readonly proxyType: string;
  readonly #home: Home;
  readonly #view: PythonView;

  constructor(home: Home, proxyType: string, view: PythonView) {
    this.#home = home;
    this.proxyType = proxyType;
    this.#view = view;
    this.methods = view.methods;
    this.typeids = view.typeids;
  }

  seat(guest: object): PythonSeat {
    const seat = this.#view.seat(guest);
    return {
      call: (name, call, args) => {
        this.#home.checkOpen();
        return seat.call(name, call, args);
      },
      leave: () => seat.leave(),
    };
  }

  repr(id: string): string {
    return this.#view.repr(id);
  }

  value(): unknown {
    this.#home.checkOpen();
    return this.#view.value();
  }
}
