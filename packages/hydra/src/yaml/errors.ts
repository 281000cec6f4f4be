import { HydraError } from "../errors.ts";

/** A place in a YAML text; line and column count from 0. */
export interface Mark {
  readonly index: number;
  readonly line: number;
  readonly column: number;
}

/** A YAML text that cannot be read, with the file, line and column of the fault. */
export class YamlError extends HydraError {
  readonly file: string | undefined;
  readonly line: number;
  readonly column: number;

  constructor(what: string, mark: Mark, file: string | undefined, fix?: string) {
    super({
      code: "hydra/yaml",
      what,
      where: `${file ?? "<yaml>"}, line ${mark.line + 1}, column ${mark.column + 1}`,
      fix,
    });
    this.file = file;
    this.line = mark.line + 1;
    this.column = mark.column + 1;
  }
}
