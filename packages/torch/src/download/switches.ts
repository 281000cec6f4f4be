import type { Environment } from "@classifier-training/base";

/** The first of these variables that an environment switches on (`1`, `true`, `yes`, `on`). */
export function switchedOn(names: readonly string[], env: Environment = process.env): string | undefined {
  return names.find((name) => ["1", "true", "yes", "on"].includes(env[name]?.trim().toLowerCase() ?? ""));
}
