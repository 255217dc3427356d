import { assertEquals, assertThrows } from "@std/assert";
import { findRun, ownModule } from "../../ipc/_run_by_name.ts";

Deno.test("what is to be run and is not there: the error says what the module has instead", () => {
  const cases: [module: Record<string, unknown>, has: string][] = [
    [{ one() {}, Two: class {}, three: 3 }, "It exports one, Two"],
    [{ three: 3 }, "It exports no function"],
    [{}, "It exports no function"],
  ];
  for (const [module, has] of cases) {
    const find = () => findRun(module, { target: "three" }, {}, "Process");
    assertThrows(find, TypeError, `does not export a function of that name. ${has}`);
  }
  for (const [module, has] of cases) {
    const find = () => findRun(module, { subclass: "Two" }, {}, "Process");
    const text = `a class of that name that extends Process. ${has.replace("function", "class")}`;
    assertThrows(find, TypeError, text);
  }
});

Deno.test("a module of this package that is loaded by its name has the ending of the others", () => {
  const meta = (url: string) => ({ url, resolve: (path: string) => path }) as ImportMeta;
  assertEquals(ownModule(meta("file:///a/_one.ts"), "./_two.ts"), "./_two.ts");
  assertEquals(ownModule(meta("file:///a/_one.js"), "./_two.ts"), "./_two.js");
});
