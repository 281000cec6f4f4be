import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { CtError, getLogger } from "@classifier-training/base";
import { type DownloadOptions, download, fetchThroughProxy, sha256OfFile } from "@classifier-training/torch/download";
import { offlineSwitch } from "./cache.ts";
import { WeightsError } from "./errors.ts";
import { parseSource, type RemoteFile } from "./source.ts";

export interface FetchOptions extends DownloadOptions {
  /** Never touch the network; by default what `CLASSIFIER_OFFLINE` or `HF_HUB_OFFLINE` says. */
  readonly offline?: boolean | undefined;
  /** The override without which nothing has to be got, for the fixes of errors; default `model.pretrained=false`. */
  readonly scratch?: string | undefined;
  /** Switches and folders come from here; default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

const log = getLogger("vision.weights");
const accountFix = "set HF_TOKEN if the repository needs an account";

/**
 * Brings a weights file onto this machine, and returns its path: a local file as it is, one of the hub or a URL from our
 * cache, from PyTorch's or Hugging Face's cache, or by download.
 * @param source See `parseSource`.
 * @throws WeightsError with the file wanted, where it was looked for, and what to do without a network.
 */
export async function fetchWeights(source: string, options: FetchOptions = {}): Promise<string> {
  const { env = process.env, scratch = "model.pretrained=false" } = options;
  const file = parseSource(source, env);
  if (file.kind === "local") {
    if (existsSync(file.path)) return file.path;
    throw new WeightsError({
      code: "weights/missing",
      what: `weights file not found: ${file.path}`,
      fix: `check the path, or train from scratch with ${scratch}`,
    });
  }
  const cached = await findCached(file, options.sha256 ?? file.sha256);
  if (cached !== undefined) return cached;
  const offline = options.offline === true ? "offline is set" : switchText(offlineSwitch(env));
  if (options.offline !== false && offline !== undefined) throw unavailable(file, offline, "weights/offline", scratch);
  try {
    log.detail(`downloading ${file.url}`);
    const sha256 = options.sha256 ?? file.sha256;
    const headers = { ...file.headers, ...options.headers };
    await download(file.url, file.cachePath, { accountFix, ...options, sha256, headers });
    return file.cachePath;
  } catch (error) {
    if (!CtError.is(error)) throw error;
    throw unavailable(file, error.problem.what, error.code.replace(/^download/, "weights"), scratch, error);
  }
}

/**
 * Whether `fetchWeights` could bring a file: it is on this machine, or a server answers for it within some seconds.
 * @returns undefined, or the reason why not
 */
export async function whyNotFetched(source: string, timeoutMs = 3000): Promise<string | undefined> {
  const file = parseSource(source, process.env);
  if (file.kind === "local") return existsSync(file.path) ? undefined : "the file does not exist";
  if ((await findCached(file, file.sha256)) !== undefined) return undefined;
  if (offlineSwitch(process.env) !== undefined) return "offline";
  try {
    const { headers, url } = file;
    const { ok, status } = await fetchThroughProxy(url, {
      method: "HEAD",
      headers,
      signal: AbortSignal.timeout(timeoutMs),
    });
    return ok ? undefined : `the server answers ${status}`;
  } catch {
    return "no network";
  }
}

async function findCached(file: RemoteFile, sha256: string | undefined): Promise<string | undefined> {
  if (existsSync(file.cachePath)) return file.cachePath; // checked when it was downloaded
  for (const path of file.otherCaches) {
    if (!existsSync(path)) continue;
    if (sha256 === undefined || (await sha256OfFile(path)).startsWith(sha256)) return path;
    log.warning(`${path} is damaged (its SHA-256 does not start with ${sha256}) and is not used`);
  }
  return undefined;
}

function switchText(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `${name} is set`;
}

function unavailable(file: RemoteFile, reason: string, code: string, scratch: string, cause?: CtError): WeightsError {
  return new WeightsError({
    code,
    what: `cannot get the pretrained weights ${file.name}: ${reason}`,
    where: `looked for ${[file.cachePath, ...file.otherCaches, file.url].join(", ")}`,
    fix: [cause?.problem.fix, `put the file into ${dirname(file.cachePath)}, or train from scratch with ${scratch}`]
      .filter(Boolean)
      .join("; "),
    cause,
  });
}
