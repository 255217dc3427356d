import {
  PyByteArray,
  PyDateTime,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyMap,
  PyObject,
  PyTuple,
} from "./python_types.ts";

/** A text that is cut here is long enough to be read by anybody. */
const LONGEST_TEXT = 2_000;

/** A larger integer is not written with its digits. */
const LARGE = 1n << 4096n;

/** Deeper data is written as `...`. */
const DEEPEST = 8;

/** What Python's `str()` of an exception gives. */
export function exceptionText(name: string, args: readonly unknown[]): string {
  if (args.length === 0) return "";
  const [first, second, third] = args;
  if (args.length === 1) {
    if (typeof first === "string" && name !== "KeyError") return first;
    return pythonRepr(first);
  }
  if (typeof first === "number" && typeof second === "string" && /Error$/.test(name)) {
    const file = third === undefined || third === null ? "" : `: ${pythonRepr(third)}`;
    if (args.length <= 5) return `[Errno ${first}] ${second}${file}`;
  }
  return pythonRepr(new PyTuple(...args.slice(0, 100)));
}

/** What Python's `repr()` of a value gives, cut when it is long. */
export function pythonRepr(value: unknown, longest: number = LONGEST_TEXT): string {
  const out = { text: "", longest };
  write(out, value, 0);
  return out.text.length > longest ? `${out.text.slice(0, longest)}...` : out.text;
}

interface Out {
  text: string;
  longest: number;
}

function write(out: Out, value: unknown, depth: number): void {
  if (out.text.length > out.longest) return;
  switch (typeof value) {
    case "string":
      out.text += quote(value.slice(0, out.longest + 1));
      return;
    case "number":
      out.text += Number.isSafeInteger(value) && !Object.is(value, -0)
        ? String(value)
        : floatText(value);
      return;
    case "boolean":
      out.text += value ? "True" : "False";
      return;
    case "bigint":
      // Decimal digits cost more than linear time.
      out.text += value < LARGE && value > -LARGE ? String(value) : "<a large int>";
      return;
    case "object":
      break;
    default:
      out.text += value === undefined ? "None" : `<${typeof value}>`;
      return;
  }
  if (value === null) out.text += "None";
  else if (depth >= DEEPEST) out.text += "...";
  else writeObject(out, value, depth + 1);
}

function writeObject(out: Out, value: object, depth: number): void {
  if (value instanceof PyFloat) {
    out.text += floatText(value.value);
  } else if (value instanceof PyTuple) {
    writeAll(out, "(", value, value.length === 1 ? ",)" : ")", depth);
  } else if (value instanceof PyList) {
    writeAll(out, `${value.python.callable}([`, value, "])", depth);
  } else if (Array.isArray(value)) {
    writeAll(out, "[", value, "]", depth);
  } else if (value instanceof Map) {
    const [open, close] = value instanceof PyMap
      ? [`${value.python.callable}({`, "})"]
      : ["{", "}"];
    writeEntries(out, open, value, close, depth);
  } else if (value instanceof Set) {
    const frozen = value instanceof PyFrozenSet;
    if (value.size === 0) out.text += frozen ? "frozenset()" : "set()";
    else writeAll(out, frozen ? "frozenset({" : "{", value, frozen ? "})" : "}", depth);
  } else if (value instanceof Uint8Array) {
    const shown = value.subarray(0, out.longest);
    if (value instanceof PyByteArray) out.text += `bytearray(${quoteBytes(shown, "'")})`;
    else out.text += quoteBytes(shown);
  } else if (value instanceof PyGlobal) {
    out.text += String(value);
  } else if (value instanceof PyObject) {
    writeAll(out, `${nameOf(value)}(`, value.args, ")", depth);
  } else if (value instanceof PyDateTime) {
    out.text += value.toISOString();
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    writeEntries(out, "{", Object.entries(value), "}", depth);
  } else {
    out.text += "<object>";
  }
}

function nameOf(object: PyObject): string {
  return object.callable instanceof PyGlobal ? String(object.callable) : "<object>";
}

function writeAll(
  out: Out,
  open: string,
  items: Iterable<unknown>,
  close: string,
  depth: number,
): void {
  out.text += open;
  let first = true;
  for (const item of items) {
    if (out.text.length > out.longest) return;
    if (!first) out.text += ", ";
    first = false;
    write(out, item, depth);
  }
  out.text += close;
}

function writeEntries(
  out: Out,
  open: string,
  entries: Iterable<[unknown, unknown]>,
  close: string,
  depth: number,
): void {
  out.text += open;
  let first = true;
  for (const [key, value] of entries) {
    if (out.text.length > out.longest) return;
    if (!first) out.text += ", ";
    first = false;
    write(out, key, depth);
    out.text += ": ";
    write(out, value, depth);
  }
  out.text += close;
}

/** `repr()` of a float: the shortest digits that give it back, as JavaScript has them too. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [digits = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? "-" : "+";
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  // Whole numbers from 1e16 on are written with an exponent above.
  const text = exponent < 0
    ? value.toFixed(digits.replace(/[-.]/g, "").length - 1 - exponent)
    : String(value);
  return text.includes(".") ? text : `${text}.0`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  let quoted = mark;
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (char === mark || char === "\\") quoted += `\\${char}`;
    else if (code >= 0x20 && code < 0x7f) quoted += char;
    else quoted += ESCAPES[char] ?? (isPrintable(char) ? char : escape(code));
  }
  return quoted + mark;
}

/** What Python prints as it is: everything but controls, surrogates, unassigned and odd spaces. */
function isPrintable(char: string): boolean {
  return !/[\p{C}\p{Z}]/u.test(char);
}

function escape(code: number): string {
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}

/**
 * Python's `repr()` of a bytearray escapes single quotes also between double ones.
 *
 * @param escaped The quotes that are escaped, if they are not those around it.
 */
function quoteBytes(bytes: Uint8Array, escaped?: string): string {
  const mark = bytes.includes(0x27) && !bytes.includes(0x22) ? '"' : "'";
  let quoted = `b${mark}`;
  for (const byte of bytes) {
    const char = String.fromCharCode(byte);
    if (char === (escaped ?? mark) || char === "\\") quoted += `\\${char}`;
    else if (byte >= 0x20 && byte < 0x7f) quoted += char;
    else quoted += ESCAPES[char] ?? escape(byte);
  }
  return quoted + mark;
}
