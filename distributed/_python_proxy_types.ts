/** What is known of the proxies that Python's `SyncManager` has. */

/** Methods of Python's own types whose results are lent. */
const LENDING = "__iter__ apply_async map_async starmap_async imap imap_unordered".split(" ");

/** What the proxies have whose methods are not told. */
const METHODS: Readonly<Record<string, string>> = {
  ListProxy:
    `__add__ __contains__ __delitem__ __getitem__ __imul__ __len__ __mul__ __reversed__ __rmul__
    __setitem__ append count extend index insert pop remove reverse sort`,
  DictProxy:
    `__contains__ __delitem__ __getitem__ __iter__ __len__ __setitem__ clear copy get items keys pop
    popitem setdefault update values`,
  SetProxy: "__contains__ __iter__ __len__ add clear copy discard pop remove update",
  NamespaceProxy: "__getattribute__ __setattr__ __delattr__",
  ValueProxy: "get set",
  ArrayProxy: "__len__ __getitem__ __setitem__",
  AcquirerProxy: "acquire release",
  ConditionProxy: "acquire release wait notify notify_all",
  EventProxy: "is_set set clear wait",
  BarrierProxy: "__getattribute__ wait abort reset",
  IteratorProxy: "__next__ send throw close",
  PoolProxy: `apply apply_async close imap imap_unordered join map map_async starmap starmap_async
    terminate`,
};

/** The classes of the proxies that Python's `SyncManager` has, by the names of what they stand for. */
export const PROXY_TYPES: Readonly<Record<string, string>> = {
  list: "ListProxy",
  dict: "DictProxy",
  Namespace: "NamespaceProxy",
  Value: "ValueProxy",
  Array: "ArrayProxy",
  Lock: "AcquirerProxy",
  RLock: "AcquirerProxy",
  Semaphore: "AcquirerProxy",
  BoundedSemaphore: "AcquirerProxy",
  Condition: "ConditionProxy",
  Event: "EventProxy",
  Barrier: "BarrierProxy",
  Pool: "PoolProxy",
};

/** The methods of a class of proxies, when they are not told. */
export function methodsOf(proxyType: string): string[] {
  return METHODS[proxyType]?.split(/\s+/) ?? [];
}

/** The methods whose results are lent: a server tells them once more behind the others. */
export function lendingOf(names: readonly string[]): ReadonlySet<string> {
  const lending = names.filter((name, place) => names.indexOf(name) < place);
  return new Set([...lending, ...LENDING.filter((name) => names.includes(name))]);
}
