/** An object whose properties may be objects of the same kind. */
export interface Nested {
  [key: string]: unknown;
}

/** Whether an object has an own property at a path of dotted names. */
export function hasPath(root: Nested, path: string): boolean {
  let level = root;
  for (const key of path.split(".")) {
    if (!Object.hasOwn(level, key)) return false;
    level = level[key] as Nested;
  }
  return true;
}

/** Sets the property at a path of dotted names, making the objects on the way to it. */
export function setPath(root: Nested, path: string, value: unknown): void {
  const place = findPlace(root, path);
  if (place) place.owner[place.key] = value;
}

/** Adds to the array at a path of dotted names, which starts with what is there already. */
export function collectAtPath(root: Nested, path: string, value: unknown): void {
  const place = findPlace(root, path);
  if (!place) return;
  const { owner, key } = place;
  const present = owner[key];
  if (Array.isArray(present)) present.push(value);
  else owner[key] = present ? [present, value] : [value];
}

function findPlace(root: Nested, path: string): { owner: Nested; key: string } | undefined {
  let owner = root;
  const keys = path.split(".");
  const key = keys.pop()!;
  for (const step of keys) {
    if (leadsToPrototype(owner, step)) return undefined;
    owner = (owner[step] ??= {}) as Nested;
  }
  return leadsToPrototype(owner, key) ? undefined : { owner, key };
}

/** Whether a name would reach what all objects share. */
function leadsToPrototype(owner: Nested, key: string): boolean {
  return key === "__proto__" || (key === "constructor" && typeof owner[key] === "function");
}
