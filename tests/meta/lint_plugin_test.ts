import { assertEquals, assertStringIncludes } from "@std/assert";
import plugin from "../support/lint_plugin.ts";

/** Names of the rules that the source breaks, in the order of the source. */
function broken(source: string, fileName = "room/thing.ts"): string[] {
  return Deno.lint.runPlugin(plugin, fileName, source)
    .map(({ id }) => id.replace(/^house\//, ""));
}

Deno.test("house/no-private-keyword refuses the modifier on every kind of member", () => {
  const rule = "no-private-keyword";
  assertEquals(broken("class A { private a = 1; }"), [rule]);
  assertEquals(broken("class A { private a(): void {} }"), [rule]);
  assertEquals(broken("class A { private get a(): number { return 1; } }"), [rule]);
  assertEquals(broken("class A { constructor(private a: number) {} }"), [rule]);
  assertEquals(broken("abstract class A { private static a = 1; }"), [rule]);
  assertEquals(broken(`const s = "é 🤝"; class A { constructor(private a: number) {} }`), [rule]);
});

Deno.test("house/no-private-keyword accepts #names, protected and a property called private", () => {
  assertEquals(broken("class A { #a = 1; protected b = 2; private = 3; }"), []);
});

Deno.test("house/no-enum refuses enums and accepts string unions", () => {
  assertEquals(broken("export enum A { B }"), ["no-enum"]);
  assertEquals(broken("const enum A { B }"), ["no-enum"]);
  assertEquals(broken('export type A = "b" | "c";'), []);
});

Deno.test("house/no-positional-boolean refuses flags of exported functions", () => {
  const rule = "no-positional-boolean";
  assertEquals(broken("export function a(b: boolean): void {}"), [rule]);
  assertEquals(broken("export function a(b?: boolean | undefined): void {}"), [rule]);
  assertEquals(broken("export function a(b: true | false): void {}"), [rule]);
  assertEquals(broken("export function a(b = false): void {}"), [rule]);
  assertEquals(broken("export default function a(b: boolean): void {}"), [rule]);
  assertEquals(broken("export const a = (b: boolean): void => {};"), [rule]);
  assertEquals(broken("export function a(b: number, c: boolean, d: boolean): void {}"), [
    rule,
    rule,
  ]);
  assertEquals(broken("export declare function a(b: boolean): void;"), [rule]);
});

Deno.test("house/no-positional-boolean refuses flags of exported classes and interfaces", () => {
  const rule = "no-positional-boolean";
  assertEquals(broken("export class A { b(c: boolean): void {} }"), [rule]);
  assertEquals(broken("export class A { constructor(b: boolean) {} }"), [rule]);
  assertEquals(broken("export class A { constructor(readonly b: boolean) {} }"), [rule]);
  assertEquals(broken("export abstract class A { abstract b(c: boolean): void; }"), [rule]);
  assertEquals(broken("export interface A { b(c: boolean): void; }"), [rule]);
});

Deno.test("house/no-positional-boolean accepts options, setters, values and what is not public", () => {
  assertEquals(broken("export function a(b: { c: boolean } = { c: true }): void {}"), []);
  assertEquals(broken("export function a({ c }: { c: boolean }): void {}"), []);
  assertEquals(broken("export function a(b: boolean | string): void {}"), []);
  assertEquals(broken("export function a(b: (c: boolean) => void): boolean { return true; }"), []);
  assertEquals(broken("export class A { set b(c: boolean) {} #d(e: boolean): void {} }"), []);
  assertEquals(broken("export class A { protected b(c: boolean): void {} }"), []);
  assertEquals(broken("function a(b: boolean): void {}"), []);
});

Deno.test("house/no-timeout-signal refuses AbortSignal.timeout outside of tests", () => {
  const rule = "no-timeout-signal";
  assertEquals(broken("const a = AbortSignal.timeout(1);"), [rule]);
  assertEquals(broken('const a = AbortSignal["timeout"];'), [rule]);
  assertEquals(broken("const a = AbortSignal.any([]);"), []);
  assertEquals(broken("const a = AbortSignal.timeout(1);", "/p/tests/room/thing_test.ts"), []);
  assertEquals(broken("const a = AbortSignal.timeout(1);", "C:\\p\\tests\\support\\a.ts"), []);
});

Deno.test("house/no-sleep-in-test refuses long literal waits in test files", () => {
  const rule = "no-sleep-in-test";
  const test = "tests/room/thing_test.ts";
  assertEquals(broken("setTimeout(() => {}, 100);", test), [rule]);
  assertEquals(broken("globalThis.setTimeout(() => {}, 5_000);", test), [rule]);
  assertEquals(broken("await delay(250);", test), [rule]);
  assertEquals(broken("setTimeout(() => {}, 99);", test), []);
  assertEquals(broken("await delay(0);", test), []);
  assertEquals(broken("setTimeout(() => {}, timeoutMs);", test), []);
  assertEquals(broken("setTimeout(() => {}, 100);", "room/thing.ts"), []);
});

Deno.test("the house rules tell what to write instead", () => {
  const [diagnostic] = Deno.lint.runPlugin(plugin, "a.ts", "export function a(b: boolean) {}");
  assertStringIncludes(diagnostic?.hint ?? "", "{ b: true }");
});
