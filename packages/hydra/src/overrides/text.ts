/** Puts a backslash before each character that an unquoted value must escape. */
export function escapeSpecialCharacters(text: string): string {
  return text.replace(/[\\()[\]{}:=, \t]/g, "\\$&");
}

/** Takes the backslashes out of an escape token, each of whose characters is preceded by one. */
export function unescapePairs(token: string): string {
  let text = "";
  for (let i = 1; i < token.length; i += 2) text += token[i];
  return text;
}

/**
 * The text of a quoted token. Only backslashes directly before a quote are escapes there: `"a\b"` keeps its backslash,
 * `"a\"b"` and the last one of `"a\\"` do not.
 */
export function unquote(token: string): string {
  const quote = token[0] as string;
  const body = token.slice(1);
  if (!body.includes("\\")) return body.slice(0, -1);
  const pattern = quote === "'" ? /\\+'/g : /\\+"/g;
  let text = "";
  let done = 0;
  for (const match of body.matchAll(pattern)) {
    text += body.slice(done, match.index);
    const run = match[0];
    for (let i = 1; i < run.length; i += 2) text += run[i];
    done = match.index + run.length;
  }
  return done < body.length ? text + body.slice(done, -1) : text;
}
