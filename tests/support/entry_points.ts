/** Prints the entry points of the package, one a line: what `deno doc --lint` has to look at. */

const { exports } = JSON.parse(Deno.readTextFileSync("deno.json")) as {
  exports: Record<string, string>;
};

if (import.meta.main) console.log(Object.values(exports).join("\n"));
