import { dirname, isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { HydraError } from "../errors.ts";
import type { DictConfig } from "../omegaconf/containers.ts";
import { searchPath } from "../sources/search-path.ts";
import { ConfigLoader } from "./loader.ts";
import { withoutHydraCopy } from "./runtime.ts";

let initialized: ConfigLoader | undefined;

/** Undoes an initialization; `using _ = initializeConfigDir(...)` does it at the end of the block. */
export interface Initialized extends Disposable {
  dispose(): void;
}

export interface InitializeOptions {
  /** The value of `hydra.job.name`; `app` by default. */
  readonly jobName?: string;
}

export interface ComposeOptions {
  /** Name of the primary config, without extension. */
  readonly configName?: string | undefined;
  readonly overrides?: readonly string[];
  /** Keep Hydra's own node, `hydra`, in the result. */
  readonly returnHydraConfig?: boolean;
}

function initializeWith(primary: string | undefined, { jobName = "app" }: InitializeOptions): Initialized {
  const before = initialized;
  initialized = new ConfigLoader(searchPath(primary), jobName);
  const dispose = () => {
    initialized = before;
  };
  return { dispose, [Symbol.dispose]: dispose };
}

/**
 * Makes {@link compose} read the configs of a folder. Not the current directory but the module that calls decides where
 * a relative path starts: pass its `import.meta.url`.
 */
export function initialize(
  options: InitializeOptions & { readonly configPath?: string; readonly from: string | URL },
): Initialized {
  const folder = dirname(fileURLToPath(options.from));
  return initializeWith(options.configPath === undefined ? undefined : resolve(folder, options.configPath), options);
}

/** Makes {@link compose} read the configs of a folder, given by its absolute path. */
export function initializeConfigDir(configDir: string, options: InitializeOptions = {}): Initialized {
  if (isAbsolute(configDir)) return initializeWith(configDir, options);
  throw new HydraError({
    code: "hydra/initialize",
    what: "initializeConfigDir() requires an absolute configDir as input",
    where: configDir,
    fix: "use path.resolve()",
  });
}

/** Makes {@link compose} read the configs inside an installed npm package, such as `my-package/conf`. */
export function initializeConfigModule(configModule: string, options: InitializeOptions = {}): Initialized {
  return initializeWith(`pkg://${configModule}`, options);
}

/**
 * Composes a configuration, for tests, notebooks and programs without {@link main}.
 * @throws HydraError
 */
export function compose(options: ComposeOptions = {}): DictConfig {
  if (initialized === undefined) {
    throw new HydraError({
      code: "hydra/initialize",
      what: "compose() needs to know where the configs are",
      fix: "call initializeConfigDir(), initialize() or initializeConfigModule() first, or use main()",
    });
  }
  const { config } = initialized.load({
    configName: options.configName,
    overrides: options.overrides ?? [],
    runMode: "RUN",
    fromShell: false,
  });
  return options.returnHydraConfig ? config : withoutHydraCopy(config);
}
