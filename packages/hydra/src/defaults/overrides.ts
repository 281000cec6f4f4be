import { ConfigCompositionError, throwCollected } from "../errors.ts";
import type { Override } from "../overrides/index.ts";
import { elementText, plainValue } from "../overrides/override.ts";
import { ConfigDefault, GroupDefault, type InputDefault } from "./elements.ts";
import type { DefaultsRepository } from "./repository.ts";

type Choice = string | null | readonly string[];

interface ChoiceOverride {
  readonly value: Choice;
  readonly isExternal: boolean;
  /** The config whose defaults list holds this override. */
  readonly containingConfig?: string;
  readonly relativeKey?: string;
  used: boolean;
}

/**
 * The overrides that the tree of defaults has to obey: of the command line (`db=mysql`, `~db`, `+db=mysql`) and of the
 * defaults lists met on the way (`override db: mysql`). The others are kept for the config itself.
 */
export class DefaultsOverrides {
  readonly appended: GroupDefault[] = [];
  readonly configOverrides: Override[] = [];
  readonly knownChoices = new Map<string, string | null>();
  readonly #choices = new Map<string, ChoiceOverride>();
  readonly #deletions = new Map<string, { readonly name: string | undefined; used: boolean }>();
  readonly #keysOfGroup = new Map<string, Set<string>>();

  constructor(repository: DefaultsRepository, overrides: readonly Override[]) {
    for (const override of overrides) if (!override.isSweep) this.#sort(repository, override);
  }

  #sort(repository: DefaultsRepository, override: Override) {
    const { keyOrGroup } = override;
    const isGroup = repository.groupExists(keyOrGroup);
    const value = plainValue(override.rawValue ?? null);
    if (override.isDelete && (isGroup || repository.configExists(keyOrGroup))) {
      if (value !== null && !(isGroup && typeof value === "string")) {
        throw new ConfigCompositionError(
          isGroup
            ? `Config group override deletion value must be a string : ${override.inputLine}`
            : `Config path deletion does not support a value : ${override.inputLine}`,
        );
      }
      this.#deletions.set(override.keyElement.slice(1), { name: value ?? undefined, used: false });
    } else if (value instanceof Map || !isGroup) {
      this.configOverrides.push(override);
    } else if (override.type === "FORCE_ADD") {
      throw new ConfigCompositionError(`force-add of config groups is not supported: '${override.inputLine}'`);
    } else {
      this.#choose(override, choiceOf(override));
    }
  }

  #choose(override: Override, value: Choice) {
    if (override.type === "ADD") {
      const options = { package: override.package, externalAppend: true };
      this.appended.push(new GroupDefault(override.keyOrGroup, value, options));
    } else {
      this.#choices.set(override.keyElement, { value, isExternal: true, used: false });
    }
  }

  /** Notes an `override` entry of a defaults list; the first one that is met wins, the command line above all. */
  addOverride(containingConfig: string, entry: GroupDefault): void {
    const key = entry.overrideKey();
    if (this.#choices.has(key)) return;
    const relativeKey = entry.relativeOverrideKey();
    this.#choices.set(key, { value: entry.value, isExternal: false, containingConfig, relativeKey, used: false });
  }

  overrideKeys(): Set<string> {
    return new Set(this.#choices.keys());
  }

  /** Puts the overriding choice into an entry, if there is one (and it is among the eligible keys). */
  apply(entry: InputDefault, eligible: ReadonlySet<string> | undefined): void {
    if (!(entry instanceof GroupDefault)) return;
    const key = entry.overrideKey();
    const choice = this.#choices.get(key);
    if (choice === undefined || (eligible !== undefined && !eligible.has(key))) return;
    entry.value = choice.value;
    choice.used = true;
  }

  setKnownChoice(entry: InputDefault): void {
    if (!(entry instanceof GroupDefault)) return;
    const key = entry.overrideKey();
    const name = entry.name();
    const previous = this.knownChoices.get(key);
    if (previous === undefined) this.knownChoices.set(key, name);
    else if (previous !== name) {
      throw new ConfigCompositionError(
        `Multiple values for ${key}. To override a value use 'override ${key}: ${previous ?? "None"}'`,
      );
    }
    const group = entry.groupPath();
    const keys = this.#keysOfGroup.get(group) ?? new Set();
    this.#keysOfGroup.set(group, keys.add(key));
  }

  /** Whether the command line deletes this entry; it is then marked as deleted. */
  takeDeletion(entry: InputDefault): boolean {
    const isGroup = entry instanceof GroupDefault;
    if (!isGroup && !(entry instanceof ConfigDefault)) return false;
    const deletion = this.#deletions.get(isGroup ? entry.overrideKey() : entry.configPath());
    if (deletion === undefined) return false;
    if (deletion.name !== undefined && !(isGroup && deletion.name === entry.name())) return false;
    entry.deleted = true;
    deletion.used = true;
    return true;
  }

  /** Throws when an override or a deletion found nothing that it applies to. */
  ensureAllUsed(): void {
    const problems: ConfigCompositionError[] = [];
    for (const [key, choice] of this.#choices) if (!choice.used) problems.push(this.#unused(key, choice));
    for (const [key, { name, used }] of this.#deletions) {
      const what = name === undefined ? key : `${key}=${name}`;
      if (!used) problems.push(new ConfigCompositionError(`Could not delete '${what}'. No match in the defaults list`));
    }
    throwCollected(problems);
  }

  #unused(key: string, choice: ChoiceOverride): ConfigCompositionError {
    const value = choiceText(choice.value);
    if (!choice.isExternal) {
      return new ConfigCompositionError(
        `In '${choice.containingConfig}': Invalid Defaults List override '${choice.relativeKey}: ${value}'.` +
          `\nNo earlier Group Default for '${key}' exists to override.`,
      );
    }
    const [group = ""] = key.split("@");
    const candidates = [...(this.#keysOfGroup.get(group) ?? [])].sort();
    const hint =
      candidates.length === 0
        ? " No match in the defaults list."
        : `\nDid you mean to override ${candidates.length > 1 ? "one of " : ""}${candidates.join(", ")}?`;
    return new ConfigCompositionError(
      `Could not override '${key}'.${hint}\nTo append to your default list use +${key}=${value}`,
    );
  }
}

function choiceOf(override: Override): string | readonly string[] {
  const value = plainValue(override.rawValue ?? null);
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((option) => typeof option === "string")) return value as string[];
  throw new ConfigCompositionError(
    `Config group override must be a string or a list. Got ${elementText(override.rawValue ?? null)}`,
  );
}

function choiceText(choice: Choice): string {
  if (choice === null || typeof choice === "string") return choice ?? "None";
  return `[${choice.map((option) => `'${option}'`).join(", ")}]`;
}
