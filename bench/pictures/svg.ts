/**
 * Writes SVG: elements, attributes and texts, and nothing else.
 *
 * @module
 */

/** What an element may contain: other elements, or text as a user would read it. */
export type Content = Element | string;

/** One element of a picture. */
export interface Element {
  /** Its name, such as `rect`. */
  readonly name: string;
  /** Its attributes; those that are `undefined` are left out. */
  readonly attributes: Readonly<Record<string, string | number | undefined>>;
  /** What it contains. */
  readonly contents: readonly Content[];
}

/**
 * Makes an element.
 *
 * @param name Its name.
 * @param attributes Its attributes.
 * @param contents What it contains.
 * @returns The element.
 */
export function element(
  name: string,
  attributes: Element["attributes"] = {},
  contents: readonly Content[] = [],
): Element {
  return { name, attributes, contents };
}

/**
 * Makes a picture that tells what it shows to those who cannot see it.
 *
 * @param size How large it is, in pixels.
 * @param texts What it is called, what it shows, and its style sheet.
 * @param contents What is drawn.
 * @returns The text of the file.
 */
export function writePicture(
  size: { readonly width: number; readonly height: number },
  texts: { readonly title: string; readonly description: string; readonly style: string },
  contents: readonly Content[],
): string {
  const { width, height } = size;
  const root = element("svg", {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${number(width)} ${number(height)}`,
    width,
    height,
    role: "img",
    "aria-labelledby": "title description",
  }, [
    element("title", { id: "title" }, [texts.title]),
    element("desc", { id: "description" }, [texts.description]),
    element("style", {}, [texts.style]),
    ...contents,
  ]);
  return `${writeElement(root, "")}\n`;
}

/**
 * Writes an element, one line for each that contains others.
 *
 * @param part The element.
 * @param indent What its line begins with.
 * @returns The text.
 */
export function writeElement(part: Element, indent: string): string {
  const attributes = Object.entries(part.attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escape(show(value!))}"`).join("");
  const { name, contents } = part;
  if (contents.length === 0) return `${indent}<${name}${attributes}/>`;
  // In a text every space would be seen.
  if (name === "text" || contents.every((content) => typeof content === "string")) {
    const inner = contents.map((content) =>
      typeof content === "string" ? escape(content) : writeElement(content, "")
    );
    return `${indent}<${name}${attributes}>${inner.join("")}</${name}>`;
  }
  const lines = contents.map((content) =>
    typeof content === "string" ? escape(content) : writeElement(content, `${indent} `)
  );
  return [`${indent}<${name}${attributes}>`, ...lines, `${indent}</${name}>`].join("\n");
}

/** Hundredths of a pixel are enough; the same number is always the same text. */
function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function show(value: Content | number): string {
  return typeof value === "number" ? number(value) : String(value);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    // What XML does not have.
    // deno-lint-ignore no-control-regex -- these are what is looked for
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");
}
