/** Names in Python's case and in ours: `put_nowait` and `putNowait`. */

/** What AutoProxy cannot make a method of: it compiles the names. */
const KEYWORDS = new Set(
  `False None True and as assert async await break class continue def del elif else except finally for from
  global if import in is lambda nonlocal not or pass raise return try while with yield`.split(
    /\s+/,
  ),
);

/** The name in Python's case. Those with underscores in front are Python's own: `__getitem__`. */
export function toPythonName(name: string): string {
  if (name.startsWith("_")) return name;
  return name.replace(/(?<=[a-z0-9])[A-Z]|(?<=[A-Z])[A-Z](?=[a-z])/g, "_$&").toLowerCase();
}

/** The name in our case. */
export function toNativeName(name: string): string {
  if (name.startsWith("_")) return name;
  return name.replace(/(?<=[A-Za-z0-9])_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Whether Python can have a method of that name. */
export function isPythonName(name: string): boolean {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) && !KEYWORDS.has(name);
}
