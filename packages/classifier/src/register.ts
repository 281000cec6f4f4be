import { CtError, optionsTarget, snakeCase, snakeCaseKeys } from "@classifier-training/base";
import { ConfigStore, registerTargets } from "@classifier-training/hydra";
import type { z } from "zod";

/** A class that says which options it takes. */
export interface WithOptions {
  new (options: never): unknown;
  readonly options: z.ZodObject;
}

/**
 * Makes a class an option of a configuration group: `@register("model", "tiny_net")` above a class with a static `options`
 * schema, and `model=tiny_net` works, with the schema's defaults.
 *
 * @throws CtError for a class without `static options`
 */
export function register(group: string, name: string) {
  return <Class extends WithOptions>(target: Class, _context?: ClassDecoratorContext): Class => {
    if (target.options === undefined) {
      throw new CtError({
        code: "register/options",
        what: `${target.name} has no \`static options\``,
        fix: "add `static options = z.strictObject({ ... })` to the class",
      });
    }
    const targetName = `registered.${group.replaceAll("/", ".")}.${name}`;
    registerTargets({ [targetName]: optionsTarget(target.options, (options) => new target(options as never)) });
    ConfigStore.instance().store({
      group,
      name,
      node: { _target_: targetName, ...defaultsOf(target.options) },
      provider: target.name,
    });
    return target;
  };
}

/** The defaults of a schema under YAML's names; an option without one is missing (`???`). */
function defaultsOf(schema: z.ZodObject): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(schema.shape).map(([key, type]) => {
      const byDefault = (type as z.ZodType).safeParse(undefined);
      return [snakeCase(key), byDefault.success ? snakeCaseKeys(type, byDefault.data ?? null) : "???"];
    }),
  );
}
