/**
 * A JSR registry on the loopback interface, for programs that import packages which are not
 * published yet. A program uses it with the variable `JSR_URL` set to {@linkcode JsrRegistry.url}.
 *
 * @module
 */

const PROJECT_ROOT = new URL("../../", import.meta.url);
// What is packed when `deno.json` has no `publish.include`.
const DEFAULT_INCLUDE = [
  "mod.ts",
  "coroutine/",
  "ipc/",
  "thread/",
  "process/",
  "distributed/",
  "README.md",
  "LICENSE",
  "deno.json",
];
// The coverage of all tests is hundreds of thousands of files.
const NEVER_PACKED = ["coverage", "node_modules"];
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  json: "application/json; charset=utf-8",
  ts: "text/typescript; charset=utf-8",
};

/** The fields of a package's `deno.json` that matter here. */
export interface PackageConfig {
  /** Its name, with the scope. */
  name: string;
  /** Its version. */
  version: string;
  /** Its entry points, or its only one. */
  exports: string | Record<string, string>;
  /** Bare specifiers and what they stand for. */
  imports?: Record<string, string>;
  /** Folders of other packages that stand in for published ones. */
  workspace?: string[];
  /** What `deno publish` packs. */
  publish?: false | { include?: string[]; exclude?: string[] };
}

/** A package as a registry has it. */
export interface JsrPackage {
  /** Its name, with the scope. */
  name: string;
  /** Its version. */
  version: string;
  /** Entry points: name to file. */
  exports: Record<string, string>;
  /** Its files: path, with a slash at its beginning, to content. */
  files: Map<string, Uint8Array<ArrayBuffer>>;
}

/** A registry that is being served. */
export interface JsrRegistry extends AsyncDisposable {
  /** Its address, for `JSR_URL`. */
  readonly url: string;
  /** The host and port, for `--allow-import`. */
  readonly host: string;
  /** The paths that were asked for. */
  readonly requests: readonly string[];
  /** Serves a text besides the packages, and answers its URL. */
  addText(path: string, text: string): string;
}

/**
 * Writes in place of the bare specifiers of imports what they stand for, as `deno publish` does.
 *
 * @param imports bare specifier to target, as in `deno.json`
 */
export function rewriteSpecifiers(
  text: string,
  imports: Readonly<Record<string, string>>,
): string {
  const statement = /((?:\bfrom|\bimport)\s*\(?\s*)(["'])([^"'\n]+)\2/g;
  return text.replaceAll(
    statement,
    (whole: string, before: string, quote: string, name: string) => {
      const target = resolveBare(name, imports);
      return target === undefined ? whole : `${before}${quote}${target}${quote}`;
    },
  );
}

/** What a bare specifier stands for: `@std/async/delay` takes what `@std/async` says. */
function resolveBare(
  specifier: string,
  imports: Readonly<Record<string, string>>,
): string | undefined {
  if (/^(\.|\/|[a-z]+:)/.test(specifier)) return undefined;
  const key = Object.keys(imports).sort((a, b) => b.length - a.length)
    .find((key) => specifier === key || specifier.startsWith(key.replace(/\/?$/, "/")));
  return key === undefined ? undefined : `${imports[key]}${specifier.slice(key.length)}`;
}

/** Reads a package from a folder, as `deno publish` would pack it. */
export async function packFolder(
  root: URL,
  inherited: Readonly<Record<string, string>> = {},
): Promise<JsrPackage> {
  const config: PackageConfig = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const { include, exclude = [] } = config.publish || {};
  const fallback = root.href === PROJECT_ROOT.href ? DEFAULT_INCLUDE : ["**"];
  const wanted = (include ?? fallback).map(toPattern);
  const unwanted = exclude.map(toPattern);
  const imports = { ...inherited, ...config.imports };
  const files: JsrPackage["files"] = new Map();
  for (const path of await listFiles(root)) {
    if (!wanted.some((pattern) => pattern.test(path))) continue;
    if (unwanted.some((pattern) => pattern.test(path))) continue;
    const content = await Deno.readFile(new URL(path, root));
    const text = (): string => rewriteSpecifiers(new TextDecoder().decode(content), imports);
    files.set(`/${path}`, path.endsWith(".ts") ? new TextEncoder().encode(text()) : content);
  }
  const { name, version } = config;
  const exports = typeof config.exports === "string" ? { ".": config.exports } : config.exports;
  return { name, version, exports, files };
}

/** Packs the project and its stand-ins for `@std` packages. */
export async function packProject(): Promise<JsrPackage[]> {
  const config: PackageConfig = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", PROJECT_ROOT)),
  );
  const folders = (config.workspace ?? [])
    .map((folder) => new URL(folder.replace(/\/?$/, "/"), PROJECT_ROOT));
  const standIns = await Promise.all(folders.map((folder) => packFolder(folder, config.imports)));
  return [await packFolder(PROJECT_ROOT), ...standIns];
}

/** Serves packages on 127.0.0.1, on a free port. */
export async function startRegistry(packages: readonly JsrPackage[]): Promise<JsrRegistry> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const jsrPackage of packages) await addPackage(files, jsrPackage);
  const requests: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const path = decodeURIComponent(new URL(url).pathname);
    requests.push(path);
    const content = files.get(path);
    if (content === undefined) return new Response("not found", { status: 404 });
    const type = MEDIA_TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "text/plain; charset=utf-8";
    return new Response(content, { headers: { "content-type": type } });
  });
  const host = `127.0.0.1:${server.addr.port}`;
  const url = `http://${host}/`;
  return {
    url,
    host,
    requests,
    addText(path, text) {
      files.set(`/${path}`, new TextEncoder().encode(text));
      return `${url}${path}`;
    },
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}

/** Adds the files of a package, and the two descriptions that a registry has of it. */
async function addPackage(
  served: Map<string, Uint8Array<ArrayBuffer>>,
  { name, version, exports, files }: JsrPackage,
): Promise<void> {
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const [path, content] of files) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toHex();
    manifest[path] = { size: content.byteLength, checksum: `sha256-${digest}` };
    served.set(`/${name}/${version}${path}`, content);
  }
  const [scope, shortName] = name.slice("@".length).split("/");
  const toJson = (value: unknown): Uint8Array<ArrayBuffer> =>
    new TextEncoder().encode(JSON.stringify(value));
  const meta = { scope, name: shortName, latest: version, versions: { [version]: {} } };
  served.set(`/${name}/meta.json`, toJson(meta));
  served.set(`/${name}/${version}_meta.json`, toJson({ exports, manifest }));
}

/** The files below a folder, by their paths from it; hidden ones are left out. */
async function listFiles(root: URL, folder = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(new URL(`./${folder}`, root))) {
    if (name.startsWith(".") || NEVER_PACKED.includes(name)) continue;
    if (isDirectory) paths.push(...await listFiles(root, `${folder}${name}/`));
    else if (isFile) paths.push(`${folder}${name}`);
  }
  return paths.sort();
}

/** Understands files, folders, `*` and `**`, as far as `publish.include` of this project goes. */
function toPattern(glob: string): RegExp {
  const source = glob.replace(/^\.\//, "").replace(/\/$/, "")
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll(/\*\*\/?|\*|\?/g, (wild) => wild === "*" ? "[^/]*" : wild === "?" ? "[^/]" : ".*");
  return new RegExp(`^${source}(/.*)?$`);
}
