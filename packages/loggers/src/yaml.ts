import { stringify } from "yaml";

/** YAML 1.1, which Python's tools read: strings such as `on` or `10:11:12` are quoted. */
export function toYaml(value: unknown): string {
  return stringify(value, { version: "1.1" });
}
