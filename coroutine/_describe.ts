/**
 * The text form of an object with few facts: `Lock { locked, waiting: 2 }`.
 *
 * @param object Whose class gives the name.
 * @param facts What is to be said, in order; `undefined` is left out.
 */
export function describe(object: object, ...facts: (string | undefined)[]): string {
  return `${object.constructor.name} { ${facts.filter((fact) => fact !== undefined).join(", ")} }`;
}

/** How many wait, for {@linkcode describe}; nothing when nobody does. */
export function describeWaiting(count: number): string | undefined {
  return count === 0 ? undefined : `waiting: ${count}`;
}
