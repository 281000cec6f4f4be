import { TensorflowError } from "../errors.ts";

/** One object of a `model.json`, read field by field: what has another type is an error that names it. */
export class JsonObject {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #file: string;

  private constructor(fields: Readonly<Record<string, unknown>>, path: string, file: string) {
    this.#fields = fields;
    this.#path = path;
    this.#file = file;
  }

  /** @throws TensorflowError for text that is not a JSON object */
  static parse(text: string, file: string): JsonObject {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      const what = `expected JSON: ${(cause as Error).message}`;
      throw new TensorflowError({ code: "tensorflow/format", what, where: file, cause });
    }
    return new JsonObject(
      recordOf(value, () => wrong("an object", value, "", file)),
      "",
      file,
    );
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#fields, key) && this.#fields[key] !== null;
  }

  keys(): string[] {
    return Object.keys(this.#fields);
  }

  object(key: string): JsonObject {
    const value = this.#fields[key];
    return new JsonObject(
      recordOf(value, () => this.#wrong("an object", key)),
      this.#at(key),
      this.#file,
    );
  }

  /** An object where there is one. */
  optional(key: string): JsonObject | undefined {
    return this.has(key) ? this.object(key) : undefined;
  }

  objects(key: string): JsonObject[] {
    return this.array(key).map((value, i) => {
      const path = `${key}[${i}]`;
      return new JsonObject(
        recordOf(value, () => wrong("an object", value, this.#at(path), this.#file)),
        this.#at(path),
        this.#file,
      );
    });
  }

  array(key: string): readonly unknown[] {
    const value = this.#get(key) ?? [];
    if (Array.isArray(value)) return value;
    throw this.#wrong("an array", key);
  }

  text(key: string, missing?: string): string {
    const value = this.#get(key) ?? missing;
    if (typeof value === "string") return value;
    throw this.#wrong("a string", key);
  }

  /** Numbers may be written as text: protocol buffers do so with 64-bit integers. */
  number(key: string, missing?: number): number {
    const value = this.#get(key) ?? missing;
    const number = typeof value === "string" && value !== "" ? Number(value) : value;
    if (typeof number === "number" && !Number.isNaN(number)) return number;
    throw this.#wrong("a number", key);
  }

  numbers(key: string): number[] {
    return this.array(key).map((value) => {
      const number = typeof value === "string" && value !== "" ? Number(value) : value;
      if (typeof number === "number" && !Number.isNaN(number)) return number;
      throw this.#wrong("numbers", key);
    });
  }

  texts(key: string): string[] {
    return this.array(key).map((value) => {
      if (typeof value === "string") return value;
      throw this.#wrong("strings", key);
    });
  }

  boolean(key: string, missing = false): boolean {
    const value = this.#get(key) ?? missing;
    if (typeof value === "boolean") return value;
    throw this.#wrong("true or false", key);
  }

  /** The value as it is. */
  raw(key: string): unknown {
    return this.#get(key);
  }

  #get(key: string): unknown {
    return Object.hasOwn(this.#fields, key) ? this.#fields[key] : undefined;
  }

  #at(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }

  #wrong(expected: string, key: string): TensorflowError {
    return wrong(expected, this.#get(key), this.#at(key), this.#file);
  }
}

function recordOf(value: unknown, error: () => TensorflowError): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw error();
}

function wrong(expected: string, received: unknown, path: string, file: string): TensorflowError {
  const text = received === undefined ? "nothing" : (JSON.stringify(received)?.slice(0, 80) ?? typeof received);
  const where = path === "" ? file : `${file}, ${path}`;
  return new TensorflowError({ code: "tensorflow/format", what: `expected ${expected}, received ${text}`, where });
}
