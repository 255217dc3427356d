import { assertEquals } from "@std/assert";
import type { Problem } from "./_problem.ts";
import { assertNoProblems } from "./_problem.ts";
import { PROJECT_ROOT } from "./_project.ts";

// What documents lead to is there: files beside them, headings in them, and files that they name.

/** Finds what a document names: links to files and headings, and paths of this project in backticks. */
export function findLinks(text: string): string[] {
  const plain = text.replaceAll(/^```.*?^```/gms, "");
  const links = [...plain.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  const paths = [...plain.matchAll(/`((?:tests|bench|examples|docs|[a-z]+)\/[\w/.-]+\.\w+)`/g)];
  return [
    ...links.filter((link) => !/^[a-z]+:/.test(link)),
    ...paths.map(([, path]) => `/${path}`),
  ];
}

/** How GitHub calls the place of a heading. */
export function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\d\s_-]/gu, "").trim().replaceAll(" ", "-");
}

async function exists(url: URL): Promise<boolean> {
  try {
    await Deno.stat(url);
    return true;
  } catch {
    return false;
  }
}

async function findBroken(file: string): Promise<Problem[]> {
  const at = new URL(file, PROJECT_ROOT);
  const problems: Problem[] = [];
  for (const link of findLinks(await Deno.readTextFile(at))) {
    const [path = "", anchor] = link.split("#");
    const target = path.startsWith("/")
      ? new URL(`.${path}`, PROJECT_ROOT)
      : path === ""
      ? at
      : new URL(path, at);
    if (!await exists(target)) problems.push({ where: file, message: `${link} is not there` });
    else if (anchor !== undefined) {
      const headings = (await Deno.readTextFile(target)).matchAll(/^#+ (.+)$/gm);
      const anchors = [...headings].map(([, heading]) => anchorOf(heading!));
      if (!anchors.includes(anchor)) {
        problems.push({ where: file, message: `${link} is no heading` });
      }
    }
  }
  return problems;
}

Deno.test("findLinks() finds links and paths, and nothing in code or elsewhere", () => {
  const text = "See [a](./a.md#b), [c](https://example.org) and `tests/d_test.ts`.\n" +
    "```sh\n[e](f.md)\n```\n`g.ts` `new URL(h)`\n";
  assertEquals(findLinks(text), ["./a.md#b", "/tests/d_test.ts"]);
});

Deno.test("anchorOf() is the place of a heading", () => {
  assertEquals(anchorOf("A queue of `coroutine`"), "a-queue-of-coroutine");
});

Deno.test("what the documents name is there", async () => {
  const files = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];
  for await (const { name } of Deno.readDir(new URL("docs", PROJECT_ROOT))) {
    if (name.endsWith(".md")) files.push(`docs/${name}`);
  }
  assertNoProblems((await Promise.all(files.map(findBroken))).flat());
});
