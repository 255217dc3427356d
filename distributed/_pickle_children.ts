import { PythonError } from "./python_errors.ts";
import { PyMap, PyObject } from "./python_types.ts";

/** Walks through what was read, however deep it is: by stacks of its own, never by recursion. */

/** What an object that was read holds. */
function* childrenOf(value: object): Generator<unknown> {
  if (Array.isArray(value) || value instanceof Set) {
    yield* value;
  } else if (value instanceof Map) {
    yield* value.keys();
    yield* value.values();
    if (value instanceof PyMap) yield value.python;
  } else if (value instanceof PyObject) {
    const { args, kwargs, state, listItems, dictItems } = value;
    yield* [args, kwargs, state, listItems, dictItems];
  } else if (value instanceof Error) {
    if (value instanceof PythonError) yield value.args;
    yield* Object.values(value);
  } else if (isPlain(value)) {
    yield* Object.values(value);
  }
}

/** Whether it is a dictionary that became a plain object. */
export function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value);
}

/** One object on the way to the one that is looked at. */
interface Step {
  readonly object: object;
  readonly children: Iterator<unknown>;
  deepest: number;
}

/**
 * How deep a value is nested: the longest way from it to one without elements. What holds itself counts
 * once on each way.
 */
export function depthOf(value: unknown): number {
  if (!isContainer(value)) return 0;
  // 0 for those on the way.
  const known = new Map<object, number>([[value, 0]]);
  const way: Step[] = [{ object: value, children: childrenOf(value), deepest: 0 }];
  for (;;) {
    const step = way.at(-1)!;
    const { done, value: child } = step.children.next();
    if (!done) {
      if (!isContainer(child)) continue;
      const depth = known.get(child);
      if (depth !== undefined) {
        step.deepest = Math.max(step.deepest, depth);
      } else {
        known.set(child, 0);
        way.push({ object: child, children: childrenOf(child), deepest: 0 });
      }
      continue;
    }
    const depth = step.deepest + 1;
    known.set(step.object, depth);
    way.pop();
    const above = way.at(-1);
    if (above === undefined) return depth;
    above.deepest = Math.max(above.deepest, depth);
  }
}

/** Puts other objects in the place of some, wherever they are in a value. */
export function replaceIn(value: unknown, replaced: ReadonlyMap<object, object>): unknown {
  const other = (child: unknown): unknown => isContainer(child) && replaced.get(child) || child;
  const root = other(value);
  const seen = new Set<unknown>([root]);
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const object = waiting.pop();
    if (!isContainer(object)) continue;
    if (object instanceof Map) {
      for (const [key, child] of object) {
        if (other(child) !== child) object.set(key, other(child));
      }
    } else if (Array.isArray(object) || object instanceof PyObject || isPlain(object)) {
      const fields = object as Record<string, unknown>;
      for (const key of Object.keys(object)) {
        if (other(fields[key]) !== fields[key]) fields[key] = other(fields[key]);
      }
    }
    for (const child of childrenOf(object)) {
      if (!isContainer(child) || seen.has(child)) continue;
      seen.add(child);
      waiting.push(child);
    }
  }
  return root;
}
