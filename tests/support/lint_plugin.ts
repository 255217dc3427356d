/**
 * The house rules that `deno lint` does not have.
 *
 * @module
 */

type Accessible =
  | Deno.lint.PropertyDefinition
  | Deno.lint.MethodDefinition
  | Deno.lint.TSAbstractPropertyDefinition
  | Deno.lint.TSAbstractMethodDefinition
  | Deno.lint.TSParameterProperty;

type Parameter = Deno.lint.Parameter;

const LONGEST_SLEEP_IN_TEST_MS = 100;

/** Says whether the annotation is `boolean`, alone or beside `undefined`, `null`, `true`, `false`. */
function isBooleanType(type: Deno.lint.TypeNode | undefined): boolean {
  if (type === undefined) return false;
  if (type.type === "TSBooleanKeyword") return true;
  if (type.type === "TSLiteralType") {
    return type.literal.type === "Literal" && typeof type.literal.value === "boolean";
  }
  if (type.type !== "TSUnionType") return false;
  const rest = type.types.filter((member) =>
    member.type !== "TSUndefinedKeyword" && member.type !== "TSNullKeyword"
  );
  return rest.length > 0 && rest.every(isBooleanType);
}

/** The parameter, if it is a flag that a caller would write as a bare `true` or `false`. */
function findFlag(parameter: Parameter): { name: string; node: Deno.lint.Node } | undefined {
  if (parameter.type === "TSParameterProperty") return findFlag(parameter.parameter);
  if (parameter.type === "AssignmentPattern") {
    const { left, right } = parameter;
    if (left.type !== "Identifier") return undefined;
    const isFlag = right.type === "Literal" && typeof right.value === "boolean";
    return isFlag ? { name: left.name, node: parameter } : findFlag(left);
  }
  if (parameter.type !== "Identifier") return undefined;
  if (!isBooleanType(parameter.typeAnnotation?.typeAnnotation)) return undefined;
  return { name: parameter.name, node: parameter };
}

/** Every list of parameters that a user of the exported declaration has to fill in. */
function* callableParameters(
  declaration: Deno.lint.Node | null,
): Generator<readonly Parameter[]> {
  if (declaration === null) return;
  switch (declaration.type) {
    case "FunctionDeclaration":
    case "TSDeclareFunction":
      yield declaration.params;
      return;
    case "VariableDeclaration":
      for (const { init } of declaration.declarations) {
        if (init?.type === "ArrowFunctionExpression" || init?.type === "FunctionExpression") {
          yield init.params;
        }
      }
      return;
    case "ClassDeclaration":
      for (const member of declaration.body.body) {
        if (member.type !== "MethodDefinition" && member.type !== "TSAbstractMethodDefinition") {
          continue;
        }
        if (member.accessibility === "private" || member.accessibility === "protected") continue;
        if (member.key.type === "PrivateIdentifier") continue;
        // A setter is written as an assignment, which names the flag.
        if (member.type === "MethodDefinition" && member.kind === "set") continue;
        yield member.value.params;
      }
      return;
    case "TSInterfaceDeclaration":
      for (const member of declaration.body.body) {
        if (member.type === "TSMethodSignature" && member.kind === "method") yield member.params;
      }
  }
}

/** Says whether the file belongs to the tests. */
function isTestFile(filename: string): boolean {
  const path = filename.replaceAll("\\", "/");
  return /(^|\/)tests\//.test(path) || /_test\.tsx?$/.test(path);
}

const noPrivateKeyword: Deno.lint.Rule = {
  create(ctx) {
    const check = (node: Accessible): void => {
      // The runtime leaves `accessibility` out of a parameter property: its text still has it.
      const isPrivate = node.type === "TSParameterProperty"
        ? /^private\b/.test(ctx.sourceCode.text.slice(...node.range))
        : node.accessibility === "private";
      if (!isPrivate) return;
      ctx.report({
        range: node.range,
        message: "The `private` modifier is gone at run time",
        hint: "Name the member `#name`",
      });
    };
    return {
      PropertyDefinition: check,
      MethodDefinition: check,
      TSAbstractPropertyDefinition: check,
      TSAbstractMethodDefinition: check,
      TSParameterProperty: check,
    };
  },
};

const noEnum: Deno.lint.Rule = {
  create(ctx) {
    return {
      TSEnumDeclaration(node): void {
        ctx.report({
          node,
          message: "An enum is a second way to write a string union",
          hint: 'Write `type Kind = "one" | "two"`',
        });
      },
    };
  },
};

const noPositionalBoolean: Deno.lint.Rule = {
  create(ctx) {
    const check = (declaration: Deno.lint.Node | null): void => {
      for (const parameters of callableParameters(declaration)) {
        for (const parameter of parameters) {
          const flag = findFlag(parameter);
          if (flag === undefined) continue;
          ctx.report({
            node: flag.node,
            message: `A bare true or false for "${flag.name}" says nothing where it is called`,
            hint: `Take an options object: \`{ ${flag.name}: true }\``,
          });
        }
      }
    };
    return {
      ExportNamedDeclaration: (node): void => check(node.declaration),
      ExportDefaultDeclaration: (node): void => check(node.declaration),
    };
  },
};

const noTimeoutSignal: Deno.lint.Rule = {
  create(ctx) {
    if (isTestFile(ctx.filename)) return {};
    return {
      MemberExpression(node): void {
        const { object, property } = node;
        if (object.type !== "Identifier" || object.name !== "AbortSignal") return;
        const isTimeout = (property.type === "Identifier" && property.name === "timeout") ||
          (property.type === "Literal" && property.value === "timeout");
        if (!isTimeout) return;
        ctx.report({
          node,
          message: "`AbortSignal.timeout()` can keep the event loop alive and cannot be cleared",
          hint: "Use a timer that is cleared on every path",
        });
      },
    };
  },
};

const noSleepInTest: Deno.lint.Rule = {
  create(ctx) {
    if (!/_test\.tsx?$/.test(ctx.filename)) return {};
    return {
      CallExpression(node): void {
        const { callee } = node;
        const name = callee.type === "Identifier"
          ? callee.name
          : callee.type === "MemberExpression" && callee.property.type === "Identifier"
          ? callee.property.name
          : undefined;
        if (name !== "setTimeout" && name !== "delay") return;
        const duration = node.arguments[name === "delay" ? 0 : 1];
        if (duration?.type !== "Literal" || typeof duration.value !== "number") return;
        if (duration.value < LONGEST_SLEEP_IN_TEST_MS) return;
        ctx.report({
          node,
          message: `A test sleeps for ${duration.value} ms`,
          hint: "Wait for what must happen: a gate, `settle()`, a READY line, `deadline()`",
        });
      },
    };
  },
};

/** The plugin; `deno.json` names this file under `lint.plugins`. */
const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "no-private-keyword": noPrivateKeyword,
    "no-enum": noEnum,
    "no-positional-boolean": noPositionalBoolean,
    "no-timeout-signal": noTimeoutSignal,
    "no-sleep-in-test": noSleepInTest,
  },
};

export default plugin;
