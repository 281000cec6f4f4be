import { ConfigCompositionError, ConfigLoadError } from "../errors.ts";
import { InputDefault, joinGroup, resolveText } from "./input-default.ts";

export { InputDefault, VirtualRoot } from "./input-default.ts";

const legacyInterpolation = /\$\{defaults\.\d+\./;

/** An entry that names a config: `- db/mysql`, `- /db/mysql@backup`, `- _self_`. */
export class ConfigDefault extends InputDefault {
  path: string;
  readonly optional: boolean;

  constructor(path: string, packageName?: string, optional = false) {
    super(packageName);
    this.path = path;
    this.optional = optional;
    if (this.isSelf && packageName !== undefined) throw new ConfigLoadError("_self_@PACKAGE is not supported");
  }

  get isSelf(): boolean {
    return this.path === "_self_";
  }
  get isOptional(): boolean {
    return this.optional;
  }
  get isOverride(): boolean {
    return false;
  }
  get isExternalAppend(): boolean {
    return false;
  }
  get isInterpolation(): boolean {
    return this.configPath().includes("${");
  }
  get isMissing(): boolean {
    return this.name() === "???";
  }

  groupPath(): string {
    const group = this.relativeGroupPath();
    return this.path.startsWith("/") ? group : joinGroup(this.baseDir(), group);
  }

  name(): string {
    return this.path.slice(this.path.lastIndexOf("/") + 1);
  }

  configPath(): string {
    return this.path.startsWith("/") ? this.path.slice(1) : joinGroup(this.baseDir(), this.path);
  }

  resolveInterpolation(choices: ReadonlyMap<string, string | null>): void {
    const isAbsolute = this.path.startsWith("/");
    const resolved = resolveText(isAbsolute ? this.path.slice(1) : this.path, choices);
    this.path = isAbsolute ? `/${resolved.replace(/^\/+/, "")}` : resolved;
  }

  clone(): ConfigDefault {
    return this.copyPlaceTo(new ConfigDefault(this.path, this.package, this.optional));
  }

  protected relativeGroupPath(): string {
    const path = this.path.startsWith("/") ? this.path.slice(1) : this.path;
    const slash = path.lastIndexOf("/");
    return slash === -1 ? "" : path.slice(0, slash);
  }
}

export interface GroupDefaultOptions {
  readonly package?: string | undefined;
  readonly optional?: boolean;
  readonly override?: boolean;
  /** Added by `+group=option` on the command line. */
  readonly externalAppend?: boolean;
}

/** An entry that chooses from a config group: `- db: mysql`, `- override /db@backup: [a, b]`. */
export class GroupDefault extends InputDefault {
  group: string;
  value: string | null | readonly string[];
  readonly optional: boolean;
  readonly override: boolean;
  readonly externalAppend: boolean;
  /** The group as written, when `group: sub/option` was moved to `group/sub: option`. */
  originalGroup: string | undefined;

  constructor(group: string, value: string | null | readonly string[], options: GroupDefaultOptions = {}) {
    super(options.package);
    if (group === "") throw new ConfigLoadError("an entry of a defaults list has an empty config group");
    this.group = group;
    this.value = value;
    this.optional = options.optional ?? false;
    this.override = options.override ?? false;
    this.externalAppend = options.externalAppend ?? false;
  }

  get isSelf(): boolean {
    return this.value === "_self_";
  }
  get isOptional(): boolean {
    return this.optional;
  }
  get isOverride(): boolean {
    return this.override;
  }
  get isExternalAppend(): boolean {
    return this.externalAppend;
  }
  get isInterpolation(): boolean {
    return typeof this.value === "string" && this.value.includes("${");
  }
  get isMissing(): boolean {
    return this.value === "???";
  }

  /** The options when the choice is a list of them. */
  options(): readonly string[] | undefined {
    return this.value === null || typeof this.value === "string" ? undefined : this.value;
  }

  groupPath(): string {
    if (this.group.startsWith("/")) return this.group.slice(1);
    return this.externalAppend ? this.group : joinGroup(this.baseDir(), this.group);
  }

  name(): string | null {
    if (this.value === null || typeof this.value === "string") return this.value;
    throw new ConfigCompositionError(`A list of options is not supported for '${this.group}' here`);
  }

  configPath(): string {
    return `${this.groupPath()}/${this.name() ?? "None"}`;
  }

  override finalPackage(withHeader = true): string {
    return this.joinPackage(this.externalAppend ? "" : this.parentPackage, this.ownPackage(withHeader));
  }

  /** The override key as the config that contains this entry would write it. */
  relativeOverrideKey(): string {
    const defaultPackage = this.groupPath().replaceAll("/", ".");
    if (this.package === undefined || defaultPackage === this.ownPackage()) return this.group;
    return `${this.group}@${this.package}`;
  }

  resolveInterpolation(choices: ReadonlyMap<string, string | null>): void {
    const name = this.name();
    if (name === null) return;
    if (legacyInterpolation.test(name)) {
      throw new ConfigCompositionError(
        `Defaults list element '${this.overrideKey()}=${name}' is using a deprecated interpolation form.`,
        { fix: `write \${group} instead of \${defaults.N.group}` },
      );
    }
    this.value = resolveText(name, choices);
    this.normalize();
  }

  /** Reads `group: sub/option` as `group/sub: option`. */
  normalize(): void {
    if (typeof this.value !== "string") return;
    const segments = this.value.split("/");
    if (segments.length < 2 || segments.includes("..") || this.value.includes("${")) return;
    this.originalGroup = this.group;
    this.value = segments.pop() as string;
    this.group = `${this.group}/${segments.join("/")}`;
  }

  clone(): GroupDefault {
    const copy = new GroupDefault(this.group, this.value, this);
    copy.package = this.package;
    copy.originalGroup = this.originalGroup;
    return this.copyPlaceTo(copy);
  }

  protected relativeGroupPath(): string {
    return this.group.startsWith("/") ? this.group.slice(1) : this.group;
  }
}
