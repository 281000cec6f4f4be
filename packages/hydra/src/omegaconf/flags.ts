import type { Container } from "./containers.ts";
import type { FlagName } from "./node.ts";

/** Makes a configuration refuse (true) or accept every change; undefined: as its parent. */
export function setReadonly(config: Container, value: boolean | undefined): void {
  config.setFlag("readonly", value);
}

/** Makes mappings refuse keys that they do not have; undefined: as the parent. */
export function setStruct(config: Container, value: boolean | undefined): void {
  config.setFlag("struct", value);
}

export function isReadonly(config: Container): boolean {
  return config.flag("readonly") ?? false;
}

export function isStruct(config: Container): boolean {
  return config.flag("struct") ?? false;
}

/** Runs `action` with a flag set to another value. */
export function withFlag<T>(config: Container, name: FlagName, value: boolean, action: () => T): T {
  const before = config.nodeFlag(name);
  config.setFlag(name, value);
  try {
    return action();
  } finally {
    config.setFlag(name, before);
  }
}

/** Runs `action` while new keys are accepted. */
export function openDict<T>(config: Container, action: () => T): T {
  return withFlag(config, "struct", false, action);
}

/** Runs `action` while changes are accepted. */
export function readWrite<T>(config: Container, action: () => T): T {
  return withFlag(config, "readonly", false, action);
}
