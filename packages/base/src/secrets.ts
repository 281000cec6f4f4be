export const secretMask = "***";

/** Words that make a name that of a secret, wherever they stand in it. */
const secretWords = new Set(
  "token tokens secret secrets password passwd passphrase passcode pwd credential credentials apikey authorization bearer".split(
    " ",
  ),
);
/** What must stand before `key` to make a secret of it: a key of a mapping or of a sort is not. */
const keyKinds = new Set(
  "api access private secret auth encryption signing service account ssh session shared master".split(" "),
);
/** What a name ends with that tells of a secret, or of text: `token_file`, `password_length`, `pad_token`. */
const aboutSecrets = new Set("file path dir folder name env type length size count limit url id ids index".split(" "));
const textTokens = new Set("pad bos eos unk cls mask sep start end special class next".split(" "));

function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
}

/** Whether a name is that of a secret: `api_key`, `hubToken`, `client_secret`, `WANDB_API_KEY`; not `sort_key`, `tokenizer`. */
export function isSecretKey(key: unknown): boolean {
  if (typeof key !== "string") return false;
  const words = wordsOf(key);
  if (words.length > 1 && aboutSecrets.has(words.at(-1) ?? "")) return false;
  return words.some((word, i) => {
    const before = words[i - 1] ?? "";
    if (word === "key" || word === "keys") return keyKinds.has(before);
    return secretWords.has(word) && !(/^tokens?$/.test(word) && textTokens.has(before));
  });
}

/**
 * Secrets that a text shows by itself: the password of `scheme://user:password@host`, the values of secret names in a
 * query, and in a mapping as Python, JSON and YAML write it.
 */
export function maskText(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s/:@'"]*):([^\s/'"]+)@/gi, `$1:${secretMask}@`)
    .replace(/([?&;])([\w.-]+)=([^\s&;#'"]+)/g, (whole, start: string, name: string) =>
      isSecretKey(name) ? `${start}${name}=${secretMask}` : whole,
    )
    .replace(
      /(['"]?)([A-Za-z_][\w-]*)\1(\s*:\s*)('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,{}[\]'"]+)/g,
      (whole, quote: string, name: string, colon: string, value: string) =>
        isSecretKey(name) && !isPublicValue(value) ? `${quote}${name}${quote}${colon}${maskedLike(value)}` : whole,
    );
}

/** A number, a switch, nothing, or a place where the secret is to be found. */
function isPublicValue(value: string): boolean {
  return /^['"]?(\$\{[^},]*\}|\?\?\?|)['"]?$|^(true|false|null|none|-?[\d.]+)$/i.test(value);
}

function maskedLike(value: string): string {
  const quote = /^['"]/.exec(value)?.[0] ?? "";
  return `${quote}${secretMask}${quote}`;
}

/** An argument of a command line without its secrets: `key=value` of a secret name, `--flag=value`, and what a text shows. */
export function maskArgument(argument: string): string {
  const equals = argument.indexOf("=");
  if (equals === -1) return maskText(argument);
  const value = argument.slice(equals + 1);
  const isSecret = argument
    .slice(0, equals)
    .split(/[.@/+~]/)
    .some(isSecretKey);
  if (!isSecret || isPublicValue(value)) return argument.slice(0, equals + 1) + maskText(value);
  return `${argument.slice(0, equals + 1)}'${secretMask}'`;
}

/** A value under a secret name. An interpolation stays: it only says where the secret is; its default does not. */
export function maskValue(value: string): string {
  if (value === "" || value === "???") return value;
  const interpolation = /^\$\{([^,{}]*)(,[^{}]*)?\}$/.exec(value);
  if (interpolation === null) return secretMask;
  return interpolation[2] === undefined ? value : `\${${interpolation[1]},${secretMask}}`;
}

/** A scalar of YAML under a secret name. */
function maskedScalar(text: string): string {
  if (isPublicValue(text)) return text;
  const [, quote = "", inner = text] = /^(['"])(.*)\1$/.exec(text) ?? [];
  const hidden = maskValue(inner);
  return hidden === secretMask ? `'${secretMask}'` : `${quote}${hidden}${quote}`;
}

/** A YAML document as people see it, line by line: what is below a secret name is masked with it. */
export function maskDocument(text: string): string {
  /** Where the name of a secret that is a mapping, a list or a block starts. */
  let secretAt: number | undefined;
  return text
    .split("\n")
    .map((line) => {
      if (line.trim() === "") return line;
      const [, indent = "", name, value = ""] = /^(\s*(?:- )*)(?:['"]?([\w.-]+)['"]?:(?: |$))?(.*)$/.exec(line) ?? [];
      const head = line.slice(0, line.length - value.length);
      const start = line.search(/\S/);
      const isItem = indent.trim() !== "";
      if (secretAt !== undefined && (start > secretAt || (isItem && start === secretAt))) {
        return value === "" ? line : `${head}${maskedScalar(value)}`;
      }
      secretAt = undefined;
      if (name === undefined || !isSecretKey(name)) {
        return `${head}${/^[\w.@/+~-]+=/.test(value) ? maskArgument(value) : maskText(value)}`;
      }
      if (value !== "" && !/^[|>][-+\d]*$/.test(value)) return `${head}${maskedScalar(value)}`;
      secretAt = indent.length;
      return line;
    })
    .join("\n");
}
