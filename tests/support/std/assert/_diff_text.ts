import { type Change, diff } from "./_diff.ts";

/** The diff of two texts by lines, the changed lines also by words. */
export function diffText(actual: string, expected: string): Change[] {
  const changes = diff(linesOf(actual), linesOf(expected));
  compareWords(
    changes.filter(({ type }) => type === "removed"),
    changes.filter(({ type }) => type === "added"),
  );
  return changes;
}

const VISIBLE: Record<string, string> = {
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\t": "\\t",
  "\v": "\\v",
  "\r": "\\r",
  "\n": "\\n\n",
  "\r\n": "\\r\\n\r\n",
};

/** The lines of a text with their ends, control characters shown as escapes. */
function linesOf(text: string): string[] {
  const visible = text.replace(/\r\n|[\\\b\f\t\v\r\n]/g, (found) => VISIBLE[found]!);
  return `${visible}\n`.match(/[^\n]*\n/g) ?? [];
}

const WORD = new RegExp(
  [
    "(?:\\\\[bftv]|[^\\S\\r\\n])+", // space, as itself or as an escape
    "\\\\[rn\\\\]", // another escape
    "[()[\\]{}'\"\\r\\n]", // a bracket, a quote or a line end
    "\\w+",
    "[^\\w\\s()[\\]{}'\"\\\\]+",
  ].join("|"),
  "g",
);

function wordsOf(line: string): string[] {
  return line.match(WORD) ?? [];
}

/**
 * Pairs each line of the side with fewer changed lines with the next line of the other side that
 * shares a word with it, and notes in both which of their words differ.
 */
function compareWords(removed: Change[], added: Change[]): void {
  const fewer = added.length < removed.length ? added : removed;
  const candidates = (fewer === added ? removed : added).values();
  for (const line of fewer) {
    let partner: Change | undefined;
    let words: Change[] = [];
    for (let next = candidates.next(); !next.done; next = candidates.next()) {
      partner = next.value;
      const [before, after] = fewer === added ? [partner, line] : [line, partner];
      words = diff(wordsOf(before.value), wordsOf(after.value));
      if (words.some(isSharedWord)) break;
    }
    line.details = wordsOfSide(words, line.type);
    if (partner) partner.details = wordsOfSide(words, partner.type);
  }
}

function isSharedWord({ type, value }: Change): boolean {
  return type === "common" && /\S/.test(value);
}

/** The words one side has; a space both have counts as changed between two changed words. */
function wordsOfSide(words: Change[], side: Change["type"]): Change[] {
  const own = words.filter(({ type }) => type === side || type === "common");
  return own.map((word, index) => {
    const previous = own[index - 1]?.type;
    const between = previous === side && own[index + 1]?.type === side;
    return between && word.type === "common" && /\s/.test(word.value)
      ? { ...word, type: side }
      : word;
  });
}
