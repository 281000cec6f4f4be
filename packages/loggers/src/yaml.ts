import { stringify } from "yaml";

/** YAML that Python's tools read as it is meant: by version 1.1, text such as `on` or `10:11:12` needs quotes. */
export function toYaml(value: unknown): string {
  return stringify(value, { version: "1.1" });
}
