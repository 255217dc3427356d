// deno-lint-ignore no-explicit-any
const colorless = (globalThis as any).Deno?.noColor === true;

type Style = (text: string) => string;

/** A style that starts with one terminal code and ends with another. */
function style(start: number, end: number): Style {
  const on = `\u001b[${start}m`;
  const off = `\u001b[${end}m`;
  if (colorless) return (text) => text;
  // A style that ended inside the text would end this one too, so it is started anew there.
  return (text) => on + text.replaceAll(off, on) + off;
}

/** Bold text. */
export const bold: Style = style(1, 22);
/** Red text. */
export const red: Style = style(31, 39);
/** Green text. */
export const green: Style = style(32, 39);
/** White text. */
export const white: Style = style(37, 39);
/** Gray text. */
export const gray: Style = style(90, 39);
/** Text on red ground. */
export const bgRed: Style = style(41, 49);
/** Text on green ground. */
export const bgGreen: Style = style(42, 49);

const INTRODUCER = "[\\u001b\\u009b][[\\]()#;?]*";
const PARAMETER = "[-a-zA-Z\\d/#&.:=?%@~_]";
/** A command whose text runs to a bell, such as a window title or a link. */
const UNTIL_BELL = `(?:(?:;${PARAMETER}+)*|[a-zA-Z\\d]+(?:;${PARAMETER}*)*)?\\u0007`;
/** Numbers and a final letter, such as a color or a cursor movement. */
const NUMBERED = "(?:\\d{1,4}(?:;\\d{0,4})*)?[\\dA-PR-TXZcf-nq-uy=><~]";
const CONTROL_SEQUENCE = new RegExp(`${INTRODUCER}(?:${UNTIL_BELL}|${NUMBERED})`, "g");

/** The text without terminal control sequences. */
export function stripAnsiCode(text: string): string {
  return text.replace(CONTROL_SEQUENCE, "");
}
