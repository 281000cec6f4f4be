import type { nn } from "@classifier-training/torch";
import { ModelError } from "./errors.ts";

/** The module at a dotted path such as `layer4.0.conv1`. */
export function moduleAt(model: nn.AnyModule, path: string): nn.AnyModule {
  let module = model;
  for (const part of path === "" ? [] : path.split(".")) {
    const child = new Map(module.namedChildren()).get(part);
    if (child === undefined) throw new ModelError({ code: "models/path", what: `the model has no module '${path}'` });
    module = child;
  }
  return module;
}

/** Puts another module at a dotted path. */
export function replaceModule(model: nn.AnyModule, path: string, replacement: nn.AnyModule): void {
  const dot = path.lastIndexOf(".");
  const parent = moduleAt(model, dot < 0 ? "" : path.slice(0, dot));
  parent.addModule(path.slice(dot + 1), replacement);
}

/** True when a parameter's name lies at or below a path. */
export function isUnder(name: string, path: string): boolean {
  return name === path || name.startsWith(`${path}.`);
}
