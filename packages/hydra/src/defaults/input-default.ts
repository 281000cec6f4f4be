import { internalError } from "@classifier-training/base";
import { ConfigCompositionError } from "../errors.ts";

const interpolation = /\$\{\s*([^{}]*?)\s*\}/g;

/**
 * One entry of a defaults list while the tree of defaults is built. It knows where it stands: the config group of its
 * parent (relative groups start there) and the package of its parent (relative packages start there).
 */
export abstract class InputDefault {
  package: string | undefined;
  parentBaseDir: string | undefined;
  parentPackage: string | undefined;
  packageHeader: string | undefined;
  primary = false;
  deleted = false;
  readonly isVirtual: boolean = false;

  constructor(packageName: string | undefined) {
    this.package = packageName === "_here_" ? "" : packageName;
  }

  abstract get isSelf(): boolean;
  abstract get isOptional(): boolean;
  abstract get isOverride(): boolean;
  abstract get isExternalAppend(): boolean;
  abstract get isInterpolation(): boolean;
  abstract get isMissing(): boolean;
  /** The config group it is in, from the root. */
  abstract groupPath(): string;
  abstract configPath(): string;
  /** The option's name; null when the choice is `null`. */
  abstract name(): string | null;
  abstract clone(): InputDefault;
  /** Replaces `${group}` by that group's choice. Throws when a choice is not known. */
  abstract resolveInterpolation(choices: ReadonlyMap<string, string | null>): void;
  protected abstract relativeGroupPath(): string;

  updateParent(baseDir: string | undefined, packageName: string | undefined): void {
    const isMoved =
      (this.parentPackage !== undefined && this.parentPackage !== packageName) ||
      (this.parentBaseDir !== undefined && this.parentBaseDir !== baseDir);
    if (isMoved) throw internalError("an entry of a defaults list changed its parent");
    this.parentBaseDir = baseDir;
    this.parentPackage = packageName;
  }

  /** The package of a `# @package` line: always absolute. */
  setPackageHeader(header: string | undefined): void {
    if (header === undefined) return;
    const isAbsolute = header === "_global_" || header.startsWith("_global_.");
    this.packageHeader = isAbsolute ? header : header === "" ? "_global_" : `_global_.${header}`;
  }

  ownPackage(withHeader = true): string | undefined {
    return this.package === undefined && withHeader ? this.packageHeader : this.package;
  }

  /** The package in the output config, from the root; `""` is the root itself. */
  finalPackage(withHeader = true): string {
    return this.joinPackage(this.parentPackage, this.ownPackage(withHeader));
  }

  /** The key by which an override (`group=option`, `group@package=option`) finds this entry. */
  overrideKey(): string {
    const group = this.groupPath();
    const finalPackage = this.finalPackage(false);
    if (group.replaceAll("/", ".") === finalPackage) return group;
    return `${group}@${finalPackage === "" ? "_global_" : finalPackage}`;
  }

  protected joinPackage(parentPackage: string | undefined, own: string | undefined): string {
    if (parentPackage === undefined) throw internalError("an entry of a defaults list has no parent package");
    const relative = own ?? this.relativeGroupPath().replaceAll("/", ".");
    const joined = parentPackage === "" ? relative : relative === "" ? parentPackage : `${parentPackage}.${relative}`;
    const globalAt = joined.lastIndexOf("_global_");
    return globalAt === -1 ? joined : joined.slice(globalAt + "_global_".length + 1);
  }

  protected copyPlaceTo<T extends InputDefault>(copy: T): T {
    copy.parentBaseDir = this.parentBaseDir;
    copy.parentPackage = this.parentPackage;
    copy.packageHeader = this.packageHeader;
    copy.primary = this.primary;
    copy.deleted = this.deleted;
    return copy;
  }

  protected baseDir(): string {
    if (this.parentBaseDir === undefined) throw internalError("an entry of a defaults list has no parent");
    return this.parentBaseDir;
  }
}

/** Replaces each `${group}` by the choice of that group. Throws when one is not known. */
export function resolveText(text: string, choices: ReadonlyMap<string, string | null>): string {
  const resolved = text.replace(interpolation, (whole, key: string) => {
    const choice = choices.get(key);
    return typeof choice === "string" && choice !== "???" ? choice : whole;
  });
  if (!resolved.includes("${")) return resolved;
  const keys = [...choices.keys()].filter((key) => key !== "defaults");
  const possible = keys.length > 0 ? `, possible interpolation keys: ${keys.join(", ")}` : "";
  throw new ConfigCompositionError(`Error resolving interpolation '${text}'${possible}`);
}

export function joinGroup(base: string, group: string): string {
  return base === "" ? group : group === "" ? base : `${base}/${group}`;
}

/** The invisible root above Hydra's own config and the primary config. */
export class VirtualRoot extends InputDefault {
  override readonly isVirtual = true;

  constructor() {
    super(undefined);
  }

  get isSelf(): boolean {
    return false;
  }
  get isOptional(): boolean {
    return false;
  }
  get isOverride(): boolean {
    return false;
  }
  get isExternalAppend(): boolean {
    return false;
  }
  get isInterpolation(): boolean {
    return false;
  }
  get isMissing(): boolean {
    return false;
  }
  groupPath(): string {
    return "";
  }
  configPath(): string {
    return "<root>";
  }
  name(): string | null {
    return null;
  }
  clone(): VirtualRoot {
    return new VirtualRoot();
  }
  resolveInterpolation(): void {}
  protected relativeGroupPath(): string {
    return "";
  }
}
