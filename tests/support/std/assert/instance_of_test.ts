import { messageOf, same } from "./_caught.ts";
import { assertInstanceOf } from "./instance_of.ts";

Deno.test("assertInstanceOf() accepts an instance, also of a derived class", () => {
  assertInstanceOf(new TypeError(), Error);
});

const Namesake = Object.defineProperty(class {}, "name", { value: "Date" });

Deno.test("assertInstanceOf() says what it got instead", () => {
  const start = 'Expected object to be an instance of "Date"';
  same(messageOf(() => assertInstanceOf(new Map(), Date)), `${start} but was "Map".`);
  same(messageOf(() => assertInstanceOf(null, Date)), `${start} but was "null".`);
  same(messageOf(() => assertInstanceOf(1, Date, "why")), `${start} but was "number": why`);
  same(
    messageOf(() => assertInstanceOf(Date, Date)),
    `${start} but was not an instanced object.`,
  );
  same(messageOf(() => assertInstanceOf(new Namesake(), Date)), `${start}.`);
});
