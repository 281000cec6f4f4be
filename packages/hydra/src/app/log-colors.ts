const names = ["black", "red", "green", "yellow", "blue", "purple", "cyan", "white"];
const attributes: Readonly<Record<string, number>> = { reset: 0, bold: 1, thin: 2, italic: 3, underline: 4, blink: 5 };

/** The numbers of colorlog's names: `red`, `light_red`, `bg_red`, `bold_red`, `bold`, `reset`. */
function codes(name: string): number[] | undefined {
  if (Object.hasOwn(attributes, name)) return [attributes[name] as number];
  const match = /^(?:(bold|thin|italic|underline|blink)_)?(?:(fg|bg)_)?(light_)?(\w+)$/.exec(name);
  const color = names.indexOf(match?.[4] === "magenta" ? "purple" : (match?.[4] ?? ""));
  if (match === null || color === -1) return undefined;
  const [, attribute, ground, light] = match;
  const base = (ground === "bg" ? 40 : 30) + (light === undefined ? 0 : 60) + color;
  return attribute === undefined ? [base] : [attributes[attribute] as number, base];
}

export function isColorName(name: string): boolean {
  return codes(name) !== undefined;
}

/** The escape sequence of one or several names, with commas between them; nothing for what is no color. */
export function ansiColor(text: string): string {
  return text
    .split(",")
    .map((name) => codes(name.trim()))
    .filter((found) => found !== undefined)
    .map((found) => `\u001b[${found.join(";")}m`)
    .join("");
}
