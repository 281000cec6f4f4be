import { CtError } from "@classifier-training/base";

/** A call as the recordings write it: `StepLR(3, gamma=0.5)`. */
export interface PythonCall {
  readonly name: string;
  readonly args: readonly PythonValue[];
  readonly kwargs: Readonly<Record<string, PythonValue>>;
}
export type PythonValue =
  | number
  | string
  | boolean
  | null
  | PythonCall
  | PythonLambda
  | readonly PythonValue[]
  | { readonly dict: Readonly<Record<string, PythonValue>> };
export type PythonLambda = (argument: number) => number;

type Scope = Readonly<Record<string, number>>;
type Expression = (scope: Scope) => PythonValue;

/**
 * Reads the Python expressions in which the recordings describe schedulers: calls, numbers, arithmetic, strings, lists,
 * dictionaries, conditional expressions and one-argument lambdas. Text after the first expression is returned as `rest`.
 */
export function readPython(text: string, names: Scope = {}): { value: PythonValue; rest: string } {
  const tokens = tokenise(text);
  let next = 0;
  const peek = () => tokens[next]?.text;
  const accept = (...wanted: string[]): string | undefined => {
    const token = tokens[next];
    if (token === undefined || !wanted.includes(token.text)) return undefined;
    next++;
    return token.text;
  };
  const expect = (wanted: string): void => {
    if (accept(wanted) === undefined) throw unreadable(text, `'${wanted}' expected, found '${peek() ?? "the end"}'`);
  };

  const binary = (operand: () => Expression, ...operators: string[]) => {
    let left = operand();
    for (let operator = accept(...operators); operator !== undefined; operator = accept(...operators)) {
      const [a, b, apply] = [left, operand(), arithmetic[operator]];
      left = (scope) => (apply as (x: number, y: number) => PythonValue)(Number(a(scope)), Number(b(scope)));
    }
    return left;
  };
  const expression = (): Expression => {
    if (accept("lambda") !== undefined) return lambda();
    const value = comparison();
    if (accept("if") === undefined) return value;
    const condition = comparison();
    expect("else");
    const otherwise = expression();
    return (scope) => (condition(scope) ? value(scope) : otherwise(scope));
  };
  const lambda = (): Expression => {
    const parameter = tokens[next++]?.text ?? "";
    expect(":");
    const body = expression();
    return (scope) => (argument: number) => Number(body({ ...scope, [parameter]: argument }));
  };
  const comparison = () => binary(sum, "<", "<=", ">", ">=", "==", "!=");
  const sum = (): Expression => binary(product, "+", "-");
  const product = (): Expression => binary(unary, "*", "/", "//", "%");
  const unary = (): Expression => {
    if (accept("-") === undefined) return power();
    const operand = unary();
    return (scope) => -Number(operand(scope));
  };
  const power = (): Expression => {
    const base = atom();
    if (accept("**") === undefined) return base;
    const exponent = unary();
    return (scope) => Number(base(scope)) ** Number(exponent(scope));
  };
  const listUntil = (close: string): Expression[] => {
    const items: Expression[] = [];
    while (accept(close) === undefined) {
      items.push(expression());
      if (accept(",") === undefined) {
        expect(close);
        break;
      }
    }
    return items;
  };
  const atom = (): Expression => {
    const token = tokens[next++];
    if (token === undefined) throw unreadable(text, "it ends too early");
    if (token.kind === "number") return () => Number(token.text);
    if (token.kind === "string") return () => token.text;
    if (token.text === "[") return asList(listUntil("]"));
    if (token.text === "{") return dictionary();
    if (token.text === "(") {
      const items = listUntil(")");
      return items.length === 1 ? (items[0] as Expression) : asList(items);
    }
    if (token.kind === "name") return accept("(") !== undefined ? call(token.text) : name(token.text);
    throw unreadable(text, `unexpected '${token.text}'`);
  };
  const dictionary = (): Expression => {
    const entries: [string, Expression][] = [];
    while (accept("}") === undefined) {
      const key = String(tokens[next++]?.text);
      expect(":");
      entries.push([key, expression()]);
      if (accept(",") === undefined) {
        expect("}");
        break;
      }
    }
    return (scope) => ({ dict: Object.fromEntries(entries.map(([key, value]) => [key, value(scope)])) });
  };
  const call = (name: string): Expression => {
    const args: Expression[] = [];
    const kwargs: [string, Expression][] = [];
    while (accept(")") === undefined) {
      if (tokens[next]?.kind === "name" && tokens[next + 1]?.text === "=") {
        const key = tokens[next]?.text as string;
        next += 2;
        kwargs.push([key, expression()]);
      } else {
        args.push(expression());
      }
      if (accept(",") === undefined) {
        expect(")");
        break;
      }
    }
    return (scope) => {
      const values = args.map((argument) => argument(scope));
      if (name === "max") return Math.max(...values.map(Number));
      if (name === "min") return Math.min(...values.map(Number));
      return { name, args: values, kwargs: Object.fromEntries(kwargs.map(([key, value]) => [key, value(scope)])) };
    };
  };
  const name = (text_: string): Expression => {
    if (text_ in constants) return () => constants[text_] as PythonValue;
    return (scope) => {
      const value = scope[text_.split(".").at(-1) as string];
      if (value === undefined) throw unreadable(text, `'${text_}' is not known`);
      return value;
    };
  };

  const value = expression()(names);
  const rest = tokens[next] === undefined ? "" : text.slice(tokens[next]?.at);
  return { value, rest };
}

/** The keyword arguments in loose text such as `start_factor=1/3,total_iters=5` (names without values are ignored). */
export function readKeywords(text: string): Record<string, PythonValue> {
  const found: Record<string, PythonValue> = {};
  for (const { 1: key, index, 0: match } of text.matchAll(/([A-Za-z_]\w*)=/g)) {
    found[key as string] = readPython(text.slice(index + match.length)).value;
  }
  return found;
}

export function isCall(value: PythonValue): value is PythonCall {
  return typeof value === "object" && value !== null && "name" in value;
}

const constants: Readonly<Record<string, PythonValue>> = { True: true, False: false, None: null };

const arithmetic: Readonly<Record<string, (x: number, y: number) => PythonValue>> = {
  "+": (x, y) => x + y,
  "-": (x, y) => x - y,
  "*": (x, y) => x * y,
  "/": (x, y) => x / y,
  "//": (x, y) => Math.floor(x / y),
  "%": (x, y) => x - y * Math.floor(x / y),
  "<": (x, y) => x < y,
  "<=": (x, y) => x <= y,
  ">": (x, y) => x > y,
  ">=": (x, y) => x >= y,
  "==": (x, y) => x === y,
  "!=": (x, y) => x !== y,
};

const asList =
  (items: readonly Expression[]): Expression =>
  (scope) =>
    items.map((item) => item(scope));

interface Token {
  readonly kind: "number" | "string" | "name" | "sign";
  readonly text: string;
  readonly at: number;
}

function tokenise(text: string): Token[] {
  const pattern =
    /\s*(?:(?<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|'(?<single>[^']*)'|"(?<double>[^"]*)"|(?<name>[A-Za-z_][\w.]*)|(?<sign>\*\*|\/\/|[<>=!]=|\S))/giy;
  const tokens: Token[] = [];
  for (const match of text.trimEnd().matchAll(pattern)) {
    const { number, single, double, name, sign } = match.groups ?? {};
    const at = match.index;
    if (number !== undefined) tokens.push({ kind: "number", text: number, at });
    else if (name !== undefined) tokens.push({ kind: "name", text: name, at });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign, at });
    else tokens.push({ kind: "string", text: single ?? double ?? "", at });
  }
  return tokens;
}

function unreadable(text: string, why: string): CtError {
  return new CtError({ code: "conformance/args", what: `cannot read '${text}': ${why}` });
}
