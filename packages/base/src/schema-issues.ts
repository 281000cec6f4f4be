/** What zod finds wrong with a value; base need not depend on zod. */
export interface SchemaIssue {
  readonly path?: readonly PropertyKey[];
  readonly message?: string;
  readonly expected?: unknown;
  /** The issues of each member of a union. */
  readonly errors?: readonly (readonly SchemaIssue[])[];
}

/** An issue as expected and received: of a union, what its members expect. @param root the value that was checked */
export function issueMessage(issue: SchemaIssue, root: unknown): string {
  const received = receivedText(valueAt(root, issue.path ?? []));
  if (issue.errors === undefined) return withReceived(plainMessage(issue), received);
  const messages = issue.errors.map((errors) => errors.map(expectation).join(" and "));
  const distinct = [...new Set(messages.filter(Boolean))];
  const last = distinct.pop() ?? "another value";
  const expected = distinct.length === 0 ? last : `${distinct.join(", ")} or ${last}`;
  return `expected ${expected}, received ${received}`;
}

function plainMessage({ message = "is not valid" }: SchemaIssue): string {
  return message.replace(/^(Invalid (input|option)|Too (small|big)): /, "").replaceAll('"|"', '", "');
}

function withReceived(message: string, received: string): string {
  const withoutType = message.replace(/, received \w+$/, "");
  return /^expected /.test(message) ? `${withoutType}, received ${received}` : message;
}

/** What one member of a union expects. */
function expectation(issue: SchemaIssue): string {
  if (issue.errors !== undefined)
    return issue.errors.map((errors) => errors.map(expectation).join(" and ")).join(" or ");
  const text = plainMessage(issue)
    .replace(/^expected /, "")
    .replace(/, received \w+$/, "");
  const [place] = (issue.path ?? []).map(String);
  return place === undefined ? text : `${text} at '${place}'`;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], root);
}

function receivedText(value: unknown): string {
  if (typeof value === "function") return `the function ${value.name}`;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const name = Object.getPrototypeOf(value)?.constructor?.name ?? "Object";
    if (name !== "Object") return `an instance of ${name}`;
  }
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
