import { build, call, newObject, Refusal } from "./_pickle_build.ts";
import { depthOf, replaceIn } from "./_pickle_children.ts";
import { COST, CUT, exactly, type Reading } from "./_pickle_reading.ts";
import { checkAscii, MalformedText, readLatin1, readUtf8 } from "./_pickle_text.ts";
import { UnpicklingError } from "./python_errors.ts";
import { PyByteArray, PyFrozenSet, PyGlobal, PyTuple } from "./python_types.ts";

/** What a place on the stack, or in the memo, may cost. */
const PLACE_BYTES = 16;

const NEWEST_PROTOCOL = 5;

const EMPTY = "its stack has too little";
const NO_MARK = "its stack has no mark";

const floatBytes = new Uint8Array(8);
const float = new Float64Array(floatBytes.buffer);

/**
 * The machine that a pickle is a program for: a stack, its marks and a memo, which each opcode changes.
 *
 * @throws {UnpicklingError} When the pickle is refused, with the byte at which it is.
 */
export function runPickle(reading: Reading, bytes: Uint8Array): unknown {
  const { maxBytes, maxDepth, maxMemory, plainDicts, exactFloats } = reading.settings;
  const end = bytes.length;
  const most = Math.floor(maxMemory / PLACE_BYTES);
  const stack: unknown[] = [];
  // How deep each of them is nested. What comes from the memo counts as 1, and sets `shared`.
  const depths: number[] = [];
  const marks: number[] = [];
  const memo: unknown[] = [];
  let memoSize = 0;
  let sp = 0;
  // The lowest place above the last mark.
  let floor = 0;
  let pos = 0;
  let protocol = 0;
  let frameEnd = 0;
  let shared = false;
  let containers = 0;
  // Of one opcode.
  let size = 0;
  let value: unknown;
  let depth = 0;
  try {
    if (end > maxBytes) {
      throw new Refusal(`it has ${end} bytes, of which ${maxBytes} are accepted`);
    }
    for (;;) {
      if (pos >= end) throw new Refusal(CUT);
      if (sp > most) throw new Refusal("it needs more memory than is accepted");
      switch (bytes[pos++]) {
        // What has no elements. Most of a message are these.
        case 0x8c: // SHORT_BINUNICODE
          if (pos >= end) throw new Refusal(CUT);
          size = bytes[pos++]!;
          if (size > end - pos) throw new Refusal(CUT);
          reading.spend(COST.text + size);
          depths[sp] = 0;
          stack[sp++] = readUtf8(bytes, pos, pos + size);
          pos += size;
          break;
        case 0x94: // MEMOIZE
          if (sp === floor) throw new Refusal(EMPTY);
          if (memoSize > most) throw new Refusal("it needs more memory than is accepted");
          memo[memoSize++] = stack[sp - 1];
          break;
        case 0x4b: // BININT1
          if (pos >= end) throw new Refusal(CUT);
          depths[sp] = 0;
          stack[sp++] = bytes[pos++];
          break;
        case 0x4d: // BININT2
          if (end - pos < 2) throw new Refusal(CUT);
          depths[sp] = 0;
          stack[sp++] = bytes[pos]! | bytes[pos + 1]! << 8;
          pos += 2;
          break;
        case 0x4a: // BININT
          if (end - pos < 4) throw new Refusal(CUT);
          depths[sp] = 0;
          stack[sp++] = bytes[pos]! | bytes[pos + 1]! << 8 | bytes[pos + 2]! << 16 |
            bytes[pos + 3]! << 24;
          pos += 4;
          break;
        case 0x47: // BINFLOAT
          if (end - pos < 8) throw new Refusal(CUT);
          for (let i = 7; i >= 0; i--) floatBytes[i] = bytes[pos++]!;
          depths[sp] = 0;
          stack[sp++] = exactFloats ? exactly(float[0]!) : float[0];
          break;
        case 0x4e: // NONE
          depths[sp] = 0;
          stack[sp++] = null;
          break;
        case 0x88: // NEWTRUE
          depths[sp] = 0;
          stack[sp++] = true;
          break;
        case 0x89: // NEWFALSE
          depths[sp] = 0;
          stack[sp++] = false;
          break;
        case 0x8a: // LONG1
          if (pos >= end) throw new Refusal(CUT);
          size = bytes[pos++]!;
          if (size > end - pos) throw new Refusal(CUT);
          depths[sp] = 0;
          stack[sp++] = reading.integer(pos, size);
          pos += size;
          break;
        case 0x8b: // LONG4
          size = reading.length(pos, 4);
          // Of the signed lengths, the negative ones are more than there can be.
          pos += 4;
          if (size > end - pos) throw new Refusal(CUT);
          depths[sp] = 0;
          stack[sp++] = reading.integer(pos, size);
          pos += size;
          break;
        case 0x58: // BINUNICODE
        case 0x8d: // BINUNICODE8
          size = bytes[pos - 1] === 0x58 ? 4 : 8;
          value = size;
          size = reading.length(pos, size);
          pos += value as number;
          if (size > end - pos) throw new Refusal(CUT);
          reading.spend(COST.text + 2 * size);
          depths[sp] = 0;
          stack[sp++] = readUtf8(bytes, pos, pos + size);
          pos += size;
          break;
        case 0x43: // SHORT_BINBYTES
        case 0x42: // BINBYTES
        case 0x8e: // BINBYTES8
        case 0x96: // BYTEARRAY8
        {
          const op = bytes[pos - 1]!;
          const width = op === 0x43 ? 1 : op === 0x42 ? 4 : 8;
          size = reading.length(pos, width);
          pos += width;
          if (size > end - pos) throw new Refusal(CUT);
          reading.spend(COST.object + size);
          const piece = bytes.subarray(pos, pos + size);
          depths[sp] = 0;
          stack[sp++] = op === 0x96 ? new PyByteArray(piece) : new Uint8Array(piece);
          pos += size;
          break;
        }

        // The memo.
        case 0x68: // BINGET
        case 0x6a: // LONG_BINGET
        case 0x67: // GET
          if (bytes[pos - 1] === 0x67) {
            const line = reading.line(pos);
            pos += line.length + 1;
            size = readIndex(line);
          } else {
            const width = bytes[pos - 1] === 0x68 ? 1 : 4;
            size = reading.length(pos, width);
            pos += width;
          }
          value = size < memo.length ? memo[size] : undefined;
          if (value === undefined) throw new Refusal(`the memo has nothing at ${size}`);
          depth = 0;
          if (typeof value === "object" && value !== null && canHold(value)) {
            depth = 1;
            shared = true;
            if (reading.replaced !== undefined) value = reading.replaced.get(value) ?? value;
          }
          depths[sp] = depth;
          stack[sp++] = value;
          break;
        case 0x71: // BINPUT
        case 0x72: // LONG_BINPUT
        case 0x70: // PUT
          if (bytes[pos - 1] === 0x70) {
            const line = reading.line(pos);
            pos += line.length + 1;
            size = readIndex(line);
          } else {
            const width = bytes[pos - 1] === 0x71 ? 1 : 4;
            size = reading.length(pos, width);
            pos += width;
          }
          if (sp === floor) throw new Refusal(EMPTY);
          // What is put was read: there are not more of them than bytes.
          if (size > end) throw new Refusal(`${size} is no place in its memo`);
          if (size !== memo.length) reading.spend(64);
          if (memo[size] === undefined) memoSize++;
          memo[size] = stack[sp - 1];
          break;

        // Tuples.
        case 0x29: // EMPTY_TUPLE
          reading.spend(COST.tuple);
          containers++;
          depths[sp] = 1;
          stack[sp++] = new PyTuple();
          break;
        case 0x85: // TUPLE1
          if (sp - floor < 1) throw new Refusal(EMPTY);
          reading.spend(COST.tuple);
          containers++;
          depth = depths[sp - 1]! + 1;
          if (depth > maxDepth) throw tooDeep(maxDepth);
          depths[sp - 1] = depth;
          stack[sp - 1] = new PyTuple(stack[sp - 1]);
          break;
        case 0x86: // TUPLE2
          if (sp - floor < 2) throw new Refusal(EMPTY);
          reading.spend(COST.tuple);
          containers++;
          sp--;
          depth = Math.max(depths[sp - 1]!, depths[sp]!) + 1;
          if (depth > maxDepth) throw tooDeep(maxDepth);
          depths[sp - 1] = depth;
          stack[sp - 1] = new PyTuple(stack[sp - 1], stack[sp]);
          break;
        case 0x87: // TUPLE3
          if (sp - floor < 3) throw new Refusal(EMPTY);
          reading.spend(COST.tuple);
          containers++;
          sp -= 2;
          depth = Math.max(depths[sp - 1]!, depths[sp]!, depths[sp + 1]!) + 1;
          if (depth > maxDepth) throw tooDeep(maxDepth);
          depths[sp - 1] = depth;
          stack[sp - 1] = new PyTuple(stack[sp - 1], stack[sp], stack[sp + 1]);
          break;
        case 0x74: // TUPLE
        case 0x6c: // LIST
        {
          if (marks.length === 0) throw new Refusal(NO_MARK);
          reading.spend(COST.tuple + (sp - floor) * COST.element);
          containers++;
          const items: unknown[] = bytes[pos - 1] === 0x74 ? new PyTuple() : [];
          depth = 0;
          for (let i = floor; i < sp; i++) {
            if (depths[i]! > depth) depth = depths[i]!;
            items[i - floor] = stack[i];
          }
          if (++depth > maxDepth) throw tooDeep(maxDepth);
          sp = marks.pop()!;
          floor = marks.length === 0 ? 0 : marks[marks.length - 1]!;
          depths[sp] = depth;
          stack[sp++] = items;
          break;
        }

        // Lists, dictionaries and sets.
        case 0x28: // MARK
          if (marks.length > most) throw new Refusal("it needs more memory than is accepted");
          marks.push(sp);
          floor = sp;
          break;
        case 0x5d: // EMPTY_LIST
          reading.spend(COST.list);
          containers++;
          depths[sp] = 1;
          stack[sp++] = [];
          break;
        case 0x61: // APPEND
          if (sp - floor < 2) throw new Refusal(EMPTY);
          sp--;
          reading.append(stack[sp - 1], stack, sp, sp + 1);
          depth = depths[sp]! + 1;
          if (depth > maxDepth) throw tooDeep(maxDepth);
          if (depth > depths[sp - 1]!) depths[sp - 1] = depth;
          break;
        case 0x65: // APPENDS
        case 0x90: // ADDITEMS
        case 0x75: // SETITEMS
        case 0x64: // DICT
        case 0x91: // FROZENSET
        {
          if (marks.length === 0) throw new Refusal(NO_MARK);
          const op = bytes[pos - 1]!;
          const mark = marks.pop()!;
          floor = marks.length === 0 ? 0 : marks[marks.length - 1]!;
          depth = 0;
          for (let i = mark; i < sp; i++) if (depths[i]! > depth) depth = depths[i]!;
          if (++depth > maxDepth) throw tooDeep(maxDepth);
          if (op === 0x64 || op === 0x91) {
            containers++;
            reading.spend(COST.map);
            // What was above the mark moves up by one place, for the new container.
            value = op === 0x91 ? new PyFrozenSet() : plainDicts ? {} : new Map();
            if (op === 0x91) reading.add(value, stack, mark, sp);
            else value = reading.setItems(value, stack, mark, sp);
            depths[mark] = depth;
            stack[mark] = value;
            sp = mark + 1;
            break;
          }
          if (mark === floor) throw new Refusal(EMPTY);
          value = stack[mark - 1];
          if (op === 0x65) reading.append(value, stack, mark, sp);
          else if (op === 0x90) reading.add(value, stack, mark, sp);
          else stack[mark - 1] = reading.setItems(value, stack, mark, sp);
          if (depth > depths[mark - 1]!) depths[mark - 1] = depth;
          sp = mark;
          break;
        }
        case 0x7d: // EMPTY_DICT
          reading.spend(COST.map);
          containers++;
          depths[sp] = 1;
          stack[sp++] = plainDicts ? {} : new Map();
          break;
        case 0x73: // SETITEM
          if (sp - floor < 3) throw new Refusal(EMPTY);
          sp -= 2;
          stack[sp - 1] = reading.setItems(stack[sp - 1], stack, sp, sp + 2);
          depth = Math.max(depths[sp]!, depths[sp + 1]!) + 1;
          if (depth > maxDepth) throw tooDeep(maxDepth);
          if (depth > depths[sp - 1]!) depths[sp - 1] = depth;
          break;
        case 0x8f: // EMPTY_SET
          reading.spend(COST.set);
          containers++;
          depths[sp] = 1;
          stack[sp++] = new Set();
          break;

        // Names, and what is described by them.
        case 0x93: // STACK_GLOBAL
          if (sp - floor < 2) throw new Refusal(EMPTY);
          sp--;
          stack[sp - 1] = reading.global(stack[sp - 1], stack[sp], protocol);
          depths[sp - 1] = 0;
          break;
        case 0x63: // GLOBAL
        {
          const module = reading.line(pos);
          const name = reading.line(pos + module.length + 1);
          pos += module.length + name.length + 2;
          depths[sp] = 0;
          stack[sp++] = reading.global(utf8Line(module), utf8Line(name), protocol);
          break;
        }
        case 0x52: // REDUCE
        case 0x81: // NEWOBJ
          if (sp - floor < 2) throw new Refusal(EMPTY);
          reading.spend(COST.object);
          containers++;
          sp--;
          depth = Math.max(depths[sp - 1]!, depths[sp]!) + 1;
          if (depth > maxDepth) throw tooDeep(maxDepth);
          depths[sp - 1] = depth;
          stack[sp - 1] = bytes[pos - 1] === 0x52
            ? call(stack[sp - 1], stack[sp], reading)
            : newObject(stack[sp - 1], stack[sp], undefined, reading);
          break;
        case 0x92: // NEWOBJ_EX
          if (sp - floor < 3) throw new Refusal(EMPTY);
          reading.spend(COST.object);
          containers++;
          sp -= 2;
          depth = Math.max(depths[sp - 1]!, depths[sp]!, depths[sp + 1]!) + 1;
          if (depth > maxDepth) throw tooDeep(maxDepth);
          depths[sp - 1] = depth;
          stack[sp - 1] = newObject(stack[sp - 1], stack[sp], stack[sp + 1] ?? null, reading);
          break;
        case 0x62: // BUILD
          if (sp - floor < 2) throw new Refusal(EMPTY);
          sp--;
          depth = depths[sp]! + 1;
          if (depth > maxDepth) throw tooDeep(maxDepth);
          if (depth > depths[sp - 1]!) depths[sp - 1] = depth;
          stack[sp - 1] = build(stack[sp - 1], stack[sp], reading);
          break;
        case 0x69: // INST
        case 0x6f: // OBJ
        {
          if (marks.length === 0) throw new Refusal(NO_MARK);
          let first = floor;
          if (bytes[pos - 1] === 0x69) {
            const module = reading.line(pos);
            const name = reading.line(pos + module.length + 1);
            pos += module.length + name.length + 2;
            value = reading.global(utf8Line(module), utf8Line(name), protocol);
          } else {
            if (sp === floor) throw new Refusal(EMPTY);
            value = stack[first++];
          }
          reading.spend(COST.object + (sp - first) * COST.element);
          containers++;
          const args = new PyTuple();
          depth = 0;
          for (let i = first; i < sp; i++) {
            if (depths[i]! > depth) depth = depths[i]!;
            args[i - first] = stack[i];
          }
          depth += 2;
          if (depth > maxDepth) throw tooDeep(maxDepth);
          sp = marks.pop()!;
          floor = marks.length === 0 ? 0 : marks[marks.length - 1]!;
          depths[sp] = depth;
          stack[sp++] = call(value, args, reading);
          break;
        }

        // The stack itself.
        case 0x30: // POP
          // A mark counts as one thing.
          if (sp > floor) {
            sp--;
          } else {
            if (marks.length === 0) throw new Refusal(EMPTY);
            sp = marks.pop()!;
            floor = marks.length === 0 ? 0 : marks[marks.length - 1]!;
          }
          break;
        case 0x31: // POP_MARK
          if (marks.length === 0) throw new Refusal(NO_MARK);
          sp = marks.pop()!;
          floor = marks.length === 0 ? 0 : marks[marks.length - 1]!;
          break;
        case 0x32: // DUP
          if (sp === floor) throw new Refusal(EMPTY);
          shared = true;
          depths[sp] = depths[sp - 1]!;
          stack[sp] = stack[sp - 1];
          sp++;
          break;

        // The frame of it all.
        case 0x80: // PROTO
          if (pos >= end) throw new Refusal(CUT);
          protocol = bytes[pos++]!;
          if (protocol > NEWEST_PROTOCOL) {
            throw new Refusal(`it has protocol ${protocol}, of which 0 to 5 are read`);
          }
          break;
        case 0x95: // FRAME
          size = reading.length(pos, 8);
          if (pos - 1 < frameEnd) throw new Refusal("a frame begins within another one");
          pos += 8;
          if (size > end - pos) throw new Refusal(CUT);
          frameEnd = pos + size;
          break;
        case 0x2e: // STOP
          if (pos < end) throw new Refusal(`${end - pos} bytes follow its end`);
          if (sp !== 1 || marks.length > 0) throw new Refusal("it does not end in one value");
          value = stack[0];
          if (reading.replaced !== undefined && shared) value = replaceIn(value, reading.replaced);
          // What is shared was not counted where it came from the memo.
          if (shared && containers > maxDepth && depthOf(value) > maxDepth) {
            throw tooDeep(maxDepth);
          }
          return value;

        // Texts of protocol 0.
        case 0x49: // INT
        case 0x4c: // LONG
        case 0x46: // FLOAT
        case 0x56: // UNICODE
        case 0x53: // STRING
        {
          const op = bytes[pos - 1]!;
          const line = reading.line(pos);
          pos += line.length + 1;
          reading.spend(COST.text + 2 * line.length);
          depths[sp] = 0;
          stack[sp++] = reading.text(op, line);
          break;
        }
        case 0x54: // BINSTRING
        case 0x55: // SHORT_BINSTRING
        {
          const width = bytes[pos - 1] === 0x55 ? 1 : 4;
          size = reading.length(pos, width);
          pos += width;
          if (size > end - pos) throw new Refusal(CUT);
          reading.spend(COST.text + size);
          depths[sp] = 0;
          stack[sp++] = checkAscii(readLatin1(bytes, pos, pos + size));
          pos += size;
          break;
        }

        case 0x50: // PERSID
        case 0x51: // BINPERSID
          throw new Refusal("it has a persistent id, which only its writer knows");
        case 0x82: // EXT1
        case 0x83: // EXT2
        case 0x84: // EXT4
          throw new Refusal(
            "it has a code of an extension registry, which only its writer knows",
          );
        case 0x97: // NEXT_BUFFER
        case 0x98: // READONLY_BUFFER
          throw new Refusal("it has a buffer outside of itself");
        default:
          throw new Refusal(`0x${bytes[pos - 1]!.toString(16).padStart(2, "0")} is no opcode`);
      }
    }
  } catch (error) {
    throw explain(error, pos);
  }
}

/** Whether it may hold others, and so be deeper than it looks. */
function canHold(value: object): boolean {
  return !(value instanceof PyGlobal) && !ArrayBuffer.isView(value);
}

function utf8Line(line: Uint8Array): string {
  return readUtf8(line, 0, line.length);
}

function readIndex(line: Uint8Array): number {
  const text = readLatin1(line, 0, Math.min(line.length, 20));
  if (!/^\d{1,15}$/.test(text)) throw new Refusal("a place in its memo is no number");
  return Number(text);
}

function tooDeep(maxDepth: number): Refusal {
  return new Refusal(`it is nested deeper than ${maxDepth}`);
}

/** What is thrown in place of what was thrown on the way. */
function explain(error: unknown, at: number): unknown {
  const known = error instanceof Refusal || error instanceof MalformedText;
  // A map, a text or an integer that is too large for the engine.
  if (!known && !(error instanceof RangeError)) return error;
  const options = known ? undefined : { cause: error };
  return new UnpicklingError(`Cannot read pickle: ${error.message} (at byte ${at})`, options);
}
