import { type Change, diff } from "./_diff.ts";
import { diffText } from "./_diff_text.ts";
import { format } from "./_format.ts";
import { bgGreen, bgRed, bold, gray, green, red, white } from "./_styles.ts";

const LOOKS = {
  common: { sign: "    ", line: white, word: (text: string) => text },
  removed: {
    sign: "-   ",
    line: (text: string) => red(bold(text)),
    word: (text: string) => bgRed(white(text)),
  },
  added: {
    sign: "+   ",
    line: (text: string) => green(bold(text)),
    word: (text: string) => bgGreen(white(text)),
  },
};

/** A headed, colored diff of two values: of two strings as texts, else of how they are shown. */
export function describeDiff(actual: unknown, expected: unknown): string {
  const title = gray(bold("[Diff]"));
  const legend = `${red(bold("Actual"))} / ${green(bold("Expected"))}`;
  return `\n\n    ${title} ${legend}\n\n\n${describeChanges(actual, expected)}\n`;
}

function describeChanges(actual: unknown, expected: unknown): string {
  if (typeof actual === "string" && typeof expected === "string") {
    return diffText(actual, expected).map(describeLine).join("");
  }
  return diff(format(actual).split("\n"), format(expected).split("\n"))
    .map(describeLine).join("\n");
}

function describeLine({ type, value, details }: Change): string {
  const text = details ? details.map((word) => LOOKS[word.type].word(word.value)).join("") : value;
  return LOOKS[type].line(LOOKS[type].sign + text);
}
