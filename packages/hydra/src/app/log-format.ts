// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are templates of Python
import { didYouMean, type LogRecord, nearestName } from "@classifier-training/base";
import { strftime } from "../compose/strftime.ts";

/** A formatter as `logging.config.dictConfig` takes it, with what colorlog's adds. */
export interface FormatterConfig {
  readonly "()"?: string;
  readonly class?: string;
  readonly format?: string;
  readonly fmt?: string;
  readonly datefmt?: string | null;
  readonly style?: string;
  readonly defaults?: Readonly<Record<string, unknown>>;
  readonly log_colors?: Readonly<Record<string, string>>;
  readonly secondary_log_colors?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly reset?: boolean;
  readonly no_color?: boolean;
  readonly force_color?: boolean;
}

/** Python's numeric levels. */
export const ranks: Readonly<Record<string, number>> = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  WARNING: 30,
  ERROR: 40,
  FATAL: 50,
  CRITICAL: 50,
};

const started = Date.now();

/** `logging.LogRecord`'s attributes. Where in the code a message was written is not recorded here. */
const fields: Readonly<Record<string, (record: LogRecord) => string | number>> = {
  name: ({ name }) => name,
  levelno: ({ level }) => ranks[level] ?? 0,
  levelname: ({ level }) => level,
  message: ({ message }) => message,
  created: ({ time }) => time.getTime() / 1000,
  msecs: ({ time }) => time.getMilliseconds(),
  relativeCreated: ({ time }) => time.getTime() - started,
  module: ({ name }) => name.slice(name.lastIndexOf(".") + 1),
  filename: ({ name }) => name.slice(name.lastIndexOf(".") + 1),
  pathname: ({ name }) => name.replaceAll(".", "/"),
  lineno: () => 0,
  funcName: () => "",
  process: () => process.pid,
  processName: () => "MainProcess",
  thread: () => 0,
  threadName: () => "MainThread",
  taskName: () => "None",
};

/** colorlog's colors where a formatter does not say. */
const defaultColors = { DEBUG: "white", INFO: "green", WARNING: "yellow", ERROR: "red", CRITICAL: "bold_red" };

const styles: Readonly<Record<string, { readonly plain: string; readonly field: RegExp }>> = {
  "%": { plain: "%(message)s", field: /%(?:%|\((\w+)\)([#0\- +]*\d*(?:\.\d+)?[a-zA-Z]))/g },
  "{": { plain: "{message}", field: /\{\{|\}\}|\{(\w+)(?:![rsa])?(?::([^{}]*))?\}/g },
  $: { plain: "${message}", field: /\$\$|\$\{(\w+)\}|\$(\w+)/g },
};

export interface Formatter {
  /** What is wrong with it: fields that nothing fills in. */
  readonly problems: readonly string[];
  /** @param colored whether the text goes where colors show */
  format(record: LogRecord, colored: boolean): string;
}

export function createFormatter(config: FormatterConfig = {}): Formatter {
  const style = styles[config.style ?? "%"] ?? styles["%"]!;
  const template = config.format ?? config.fmt ?? style.plain;
  const isColorlog = /colorlog|ColoredFormatter/.test(config["()"] ?? config.class ?? "");
  const secondary = Object.keys(config.secondary_log_colors ?? {}).map((name) => `${name}_log_color`);
  const known = [
    ...Object.keys(fields),
    "asctime",
    ...Object.keys(config.defaults ?? {}),
    ...(isColorlog ? ["log_color", "reset", ...secondary] : []),
  ];
  const problems = [...template.matchAll(style.field)]
    .map((match) => match[1] ?? (style === styles["$"] ? match[2] : undefined))
    .filter((name): name is string => name !== undefined && !known.includes(name) && !(isColorlog && isColorName(name)))
    .map((name) => {
      const advice = didYouMean(nearestName(name, known));
      return `unknown field '${name}'${advice === undefined ? "" : ` (${advice})`}`;
    });
  return {
    problems,
    format(record, canColor) {
      const colored = config.no_color !== true && (canColor || config.force_color === true);
      const text = template.replace(style.field, (whole: string, first?: string, second?: string) => {
        if (first === undefined && (style !== styles["$"] || second === undefined)) return whole[0] as string;
        const name = (first ?? second) as string;
        const value = fieldValue(name, record, config, isColorlog, colored);
        if (value === undefined) return whole;
        if (style === styles["$"]) return String(value);
        return style === styles["{"] ? pythonFormat(value, second ?? "") : printf(value, second ?? "s");
      });
      const ends = isColorlog && config.reset !== false && colored && !text.endsWith(ansiColor("reset"));
      return ends ? text + ansiColor("reset") : text;
    },
  };
}

function fieldValue(
  name: string,
  record: LogRecord,
  config: FormatterConfig,
  isColorlog: boolean,
  colored: boolean,
): string | number | undefined {
  if (name === "asctime") return timeText(record.time, config.datefmt);
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (field !== undefined) return field(record);
  if (isColorlog) {
    const color = colorOf(name, record, config);
    if (color !== undefined) return colored ? ansiColor(color) : "";
  }
  const given = config.defaults?.[name];
  return typeof given === "number" ? given : given === undefined ? undefined : String(given);
}

function timeText(time: Date, format: string | null | undefined): string {
  if (format) return strftime(format, time);
  return `${strftime("%Y-%m-%d %H:%M:%S", time)},${String(time.getMilliseconds()).padStart(3, "0")}`;
}

/** The color that a field of colorlog's stands for; `""` for none. */
function colorOf(name: string, { level }: LogRecord, config: FormatterConfig): string | undefined {
  if (name === "log_color") return (config.log_colors ?? (defaultColors as Record<string, string>))[level] ?? "";
  if (name.endsWith("_log_color"))
    return config.secondary_log_colors?.[name.slice(0, -"_log_color".length)]?.[level] ?? "";
  return isColorName(name) ? name : undefined;
}

/** Python's `%` conversions: flags, width, precision and type. */
function printf(value: string | number, conversion: string): string {
  const [, flags = "", width = "", precision, type = "s"] =
    /^([#0\- +]*)(\d*)(?:\.(\d+))?([a-zA-Z])$/.exec(conversion) ?? [];
  const align = flags.includes("-") ? "<" : flags.includes("0") && type !== "s" ? "0" : ">";
  return padded(
    converted(value, type, precision),
    align === "0" ? ">" : align,
    Number(width || 0),
    align === "0" ? "0" : " ",
  );
}

/** Python's format specifications: fill, alignment, zero, width, precision and type. */
function pythonFormat(value: string | number, specification: string): string {
  const [, fill = " ", align, zero = "", width = "", precision, type] =
    /^(?:(.)?([<>^=]))?[+ -]?#?(0?)(\d*)[,_]?(?:\.(\d+))?([a-zA-Z%]?)$/.exec(specification) ?? [];
  const text = converted(value, type || (typeof value === "number" ? "d" : "s"), precision);
  const side = align ?? (typeof value === "number" ? ">" : "<");
  return padded(text, side, Number(width || 0), zero === "0" && align === undefined ? "0" : fill);
}

function converted(value: string | number, type: string, precision: string | undefined): string {
  if (typeof value === "string" || type === "s" || type === "r") {
    return precision === undefined ? String(value) : String(value).slice(0, Number(precision));
  }
  if (/^[fF]$/.test(type)) return value.toFixed(Number(precision ?? 6));
  if (/^[eE]$/.test(type)) return value.toExponential(Number(precision ?? 6));
  if (type === "x") return Math.trunc(value).toString(16);
  return type === "d" ? String(Math.trunc(value)) : String(value);
}

function padded(text: string, align: string, width: number, fill: string): string {
  if (align === "<") return text.padEnd(width, fill);
  if (align === "^") return text.padStart(Math.floor((width + text.length) / 2), fill).padEnd(width, fill);
  return text.padStart(width, fill);
}

// --- colorlog's names ---

const colorNames = ["black", "red", "green", "yellow", "blue", "purple", "cyan", "white"];
const attributes: Readonly<Record<string, number>> = { reset: 0, bold: 1, thin: 2, italic: 3, underline: 4, blink: 5 };

/** The numbers of colorlog's names: `red`, `light_red`, `bg_red`, `bold_red`, `bold`, `reset`. */
function codes(name: string): number[] | undefined {
  if (Object.hasOwn(attributes, name)) return [attributes[name] as number];
  const match = /^(?:(bold|thin|italic|underline|blink)_)?(?:(fg|bg)_)?(light_)?(\w+)$/.exec(name);
  const color = colorNames.indexOf(match?.[4] === "magenta" ? "purple" : (match?.[4] ?? ""));
  if (match === null || color === -1) return undefined;
  const [, attribute, ground, light] = match;
  const base = (ground === "bg" ? 40 : 30) + (light === undefined ? 0 : 60) + color;
  return attribute === undefined ? [base] : [attributes[attribute] as number, base];
}

function isColorName(name: string): boolean {
  return codes(name) !== undefined;
}

/** The escape sequence of one or several names, with commas between them; empty for other names. */
function ansiColor(text: string): string {
  return text
    .split(",")
    .map((name) => codes(name.trim()))
    .filter((found) => found !== undefined)
    .map((found) => `\u001b[${found.join(";")}m`)
    .join("");
}
