import { emitYaml } from "../yaml/emit.ts";
import { isConfig } from "./containers.ts";
import { create } from "./create.ts";
import { untracked } from "./reads.ts";
import { maskSecrets } from "./secrets.ts";
import { toRaw } from "./to-container.ts";

export interface ToYamlOptions {
  /** Resolve interpolations; otherwise they stay as text. */
  readonly resolve?: boolean;
  readonly sortKeys?: boolean;
  /** Write `***` for secrets: values of keys such as `api_key`, `token` and `password`, passwords in URLs. */
  readonly maskSecrets?: boolean;
}

/** The YAML text of a configuration, exactly as OmegaConf writes it. @throws InterpolationResolutionError */
export function toYaml(config: unknown, options: ToYamlOptions = {}): string {
  const node = isConfig(config) ? config : create(config);
  const raw = untracked(() => toRaw(node, { resolve: options.resolve ?? false }));
  const value = options.maskSecrets ? maskSecrets(raw) : raw;
  return emitYaml(value, { sortKeys: options.sortKeys ?? false });
}
