const THROWING = "throws";

/**
 * Finds the functions that have a `throw` of their own, not caught there: `run`, `Pool.close`,
 * `Pool.constructor`. A throw in a function inside of another counts for the inner one, which has
 * no name to be told by.
 *
 * Works under `deno test` only, whose lint plugins lend us the runtime's own parser.
 */
export function findThrowingFunctions(fileName: string, source: string): Set<string> {
  const rule: Deno.lint.Rule = {
    create(ctx) {
      return {
        ThrowStatement(node): void {
          const name = nameOfThrower(ctx.sourceCode.getAncestors(node));
          if (name !== undefined) ctx.report({ node, message: name });
        },
      };
    },
  };
  const plugin = { name: "meta", rules: { [THROWING]: rule } };
  return new Set(Deno.lint.runPlugin(plugin, fileName, source).map(({ message }) => message));
}

/** The function that throws, by its ancestors from the outermost to the innermost. */
function nameOfThrower(ancestors: readonly Deno.lint.Node[]): string | undefined {
  const inward = [...ancestors].sort((a, b) => a.range[0] - b.range[0] || b.range[1] - a.range[1]);
  for (let at = inward.length - 1; at >= 0; at--) {
    const node = inward[at];
    const inner = inward[at + 1];
    if (node?.type === "TryStatement" && node.handler !== null && inner === node.block) {
      return undefined;
    }
    if (node?.type === "FunctionDeclaration") {
      return isTopLevel(inward.slice(0, at)) ? node.id?.name : undefined;
    }
    if (node?.type === "ArrowFunctionExpression" || node?.type === "FunctionExpression") {
      return nameOfOwner(inward.slice(0, at));
    }
  }
  return undefined;
}

/** The name of the method or constant that an unnamed function belongs to. */
function nameOfOwner(outer: readonly Deno.lint.Node[]): string | undefined {
  const owner = outer.at(-1);
  if (owner?.type === "MethodDefinition" && owner.key.type === "Identifier" && !owner.computed) {
    const holder = outer.at(-3);
    if (holder?.type !== "ClassDeclaration" || !isTopLevel(outer.slice(0, -3))) return undefined;
    return `${holder.id?.name}.${owner.key.name}`;
  }
  if (owner?.type === "VariableDeclarator" && owner.id.type === "Identifier") {
    return isTopLevel(outer.slice(0, -2)) ? owner.id.name : undefined;
  }
  return undefined;
}

function isTopLevel(outer: readonly Deno.lint.Node[]): boolean {
  return outer.every(({ type }) => type === "Program" || type.startsWith("Export"));
}
