import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CtError } from "@classifier-training/base";

export type WandbMode = "online" | "offline" | "disabled";
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a run goes, and how: options over the environment, as in the official client. */
export interface WandbSettings {
  readonly mode: WandbMode;
  /** Why the mode is not the one asked for, one line. */
  readonly reason?: string | undefined;
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
  /** The folder that run folders are made in: `DIR/wandb`, or `DIR/.wandb` where that is there. */
  readonly wandbDir: string;
}

export interface WandbSettingsRequest {
  readonly offline: boolean;
  /** Wins over the environment; null leaves it to that. */
  readonly mode?: WandbMode | null;
  readonly saveDir: string | null;
  readonly environment?: Environment;
}

export function wandbSettings(request: WandbSettingsRequest): WandbSettings {
  const environment = request.environment ?? process.env;
  const baseUrl = wandbBaseUrl(environment);
  const wandbDir = findWandbDir(request.saveDir ?? environment["WANDB_DIR"] ?? ".");
  const asked = askedMode(request, environment);
  if (asked !== "online") return { mode: asked, baseUrl, wandbDir };
  const apiKey = findApiKey(baseUrl, environment);
  if (apiKey === undefined) {
    const reason = "no API key (WANDB_API_KEY, or a machine entry in ~/.netrc)";
    return { mode: "offline", reason, baseUrl, wandbDir };
  }
  if (!isReachable(baseUrl)) return { mode: "offline", reason: `no connection to ${baseUrl}`, baseUrl, wandbDir };
  return { mode: "online", baseUrl, apiKey, wandbDir };
}

export function wandbBaseUrl(environment: Environment = process.env): string {
  return (environment["WANDB_BASE_URL"] || "https://api.wandb.ai").replace(/\/+$/, "");
}

/** The API key: `WANDB_API_KEY`, or the password of the host's entry in the netrc file. */
export function findApiKey(baseUrl: string, environment: Environment = process.env): string | undefined {
  const fromEnvironment = environment["WANDB_API_KEY"]?.trim();
  if (fromEnvironment) return fromEnvironment;
  const home = environment["HOME"] ?? homedir();
  const paths = [environment["NETRC"], join(home, ".netrc"), join(home, "_netrc")];
  const path = paths.find((candidate) => candidate && existsSync(candidate));
  if (path === undefined) return undefined;
  try {
    return netrcPassword(readFileSync(path, "utf8"), new URL(baseUrl).hostname);
  } catch {
    return undefined;
  }
}

/** The password that a netrc text gives for a host. */
export function netrcPassword(text: string, host: string): string | undefined {
  const lines = text.split("\n").filter((line) => !line.trimStart().startsWith("#"));
  const words = lines.join("\n").split(/\s+/).filter(Boolean);
  let isHost = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === "machine") isHost = words[++i] === host;
    else if (word === "default") isHost = true;
    else if (word === "login" || word === "account") i++;
    else if (word === "password") {
      const password = words[++i];
      if (isHost) return password;
    }
  }
  return undefined;
}

function askedMode({ offline, mode: given }: WandbSettingsRequest, environment: Environment): WandbMode {
  const mode = given ?? (environment["WANDB_MODE"] || undefined);
  if (mode === "disabled" || environment["WANDB_DISABLED"] === "true") return "disabled";
  if (offline) return "offline";
  if (mode === undefined || mode === "online" || mode === "run" || mode === "shared") return "online";
  if (mode === "offline" || mode === "dryrun") return "offline";
  throw new CtError({
    code: "wandb/mode",
    what: `WANDB_MODE: expected online, offline or disabled, received '${mode}'`,
    fix: "set it to online, offline or disabled",
  });
}

function findWandbDir(root: string): string {
  const visible = join(root, "wandb");
  const dir = resolve(existsSync(join(root, ".wandb")) && !existsSync(visible) ? join(root, ".wandb") : visible);
  try {
    mkdirSync(dir, { recursive: true });
    accessSync(dir, constants.W_OK);
    return dir;
  } catch {
    return join(tmpdir(), "wandb");
  }
}

/**
 * Whether something accepts connections at the server's address, within three seconds. Asked once a run, before its
 * folder gets its name, hence synchronously: in a process of its own.
 */
function isReachable(baseUrl: string): boolean {
  const { hostname, port, protocol } = new URL(baseUrl);
  const host = hostname.replace(/^\[|\]$/g, "");
  const script = `
    const socket = require("node:net").connect({ host: process.argv[1], port: Number(process.argv[2]) });
    socket.setTimeout(3000);
    for (const event of ["error", "timeout"]) socket.on(event, () => process.exit(1));
    socket.on("connect", () => process.exit(0));`;
  const defaultPort = protocol === "http:" ? "80" : "443";
  const result = spawnSync(process.execPath, ["-e", script, host, port || defaultPort], {
    stdio: "ignore",
    timeout: 5000,
    env: {},
  });
  return result.status === 0;
}
