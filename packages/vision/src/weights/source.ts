import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { huggingFaceFolder, torchHubFolder, weightsCacheFolder } from "./cache.ts";
import { WeightsError } from "./errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A file that is on this machine already, by the user's word. */
export interface LocalFile {
  readonly kind: "local";
  readonly path: string;
}

/** A file that can be downloaded, and the places on this machine where it may lie already. */
export interface RemoteFile {
  readonly kind: "remote";
  readonly name: string;
  readonly url: string;
  /** SHA-256 or its first digits. */
  readonly sha256: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Where a download is kept. */
  readonly cachePath: string;
  /** Caches of other programs. */
  readonly otherCaches: readonly string[];
}

const torchvisionBase = "https://download.pytorch.org/models/";
const defaultHub = "https://huggingface.co";

/**
 * Understands where weights come from:
 * - a path, or a `file://` URL;
 * - an `http(s)://` URL;
 * - `hf://OWNER/NAME[@REVISION][/FILE]`, or `timm/NAME`: a repository of the Hugging Face hub (default file
 *   `model.safetensors`);
 * - timm's name of a model with its tag, `resnet18.a1_in1k`: that repository of timm's.
 *
 * `HF_ENDPOINT` replaces the hub's address, `HF_TOKEN` is sent to it, and `CLASSIFIER_WEIGHTS_MIRROR` replaces
 * `https://download.pytorch.org/models/`.
 * @throws WeightsError `weights/source` for anything else.
 */
export function parseSource(source: string, env: Environment = process.env): LocalFile | RemoteFile {
  if (source.startsWith("file://")) return { kind: "local", path: fileURLToPath(source) };
  if (/^https?:\/\//.test(source)) return urlFile(source, env);
  if (source.startsWith("hf://")) return hubFile(source.slice("hf://".length), env);
  if (existsSync(source)) return { kind: "local", path: resolve(source) };
  if (/^timm\/[\w.-]+(@[\w.-]+)?$/.test(source)) return hubFile(source, env);
  if (/[\\/]|\.(pth|pt|bin|ckpt|safetensors|onnx|tar|zip)$/.test(source))
    return { kind: "local", path: resolve(source) };
  if (/^[a-z0-9_]+\.[a-z0-9_]+$/.test(source)) return hubFile(`timm/${source}`, env);
  throw new WeightsError({
    code: "weights/source",
    what: `'${source}' does not name weights`,
    fix: "give a file, a file:// or https:// URL, hf://OWNER/NAME, timm/NAME, or the name of published weights such as IMAGENET1K_V1",
  });
}

function urlFile(url: string, env: Environment): RemoteFile {
  const name = basename(new URL(url).pathname) || "weights";
  const sha256 = hashPrefixOfName(name);
  // names like model.safetensors are everywhere: only one that carries a hash tells the file by itself
  const folder = sha256 === undefined ? join("urls", createHash("sha256").update(url).digest("hex").slice(0, 16)) : "";
  const mirror = env["CLASSIFIER_WEIGHTS_MIRROR"];
  const mirrored =
    mirror !== undefined && mirror !== "" && url.startsWith(torchvisionBase)
      ? `${mirror.replace(/\/+$/, "")}/${url.slice(torchvisionBase.length)}`
      : url;
  return {
    kind: "remote",
    name,
    url: mirrored,
    sha256,
    headers: {},
    cachePath: join(weightsCacheFolder(env), folder, name),
    otherCaches: sha256 === undefined ? [] : [join(torchHubFolder(env), name)],
  };
}

function hubFile(source: string, env: Environment): RemoteFile {
  const match = /^(?<owner>[\w.-]+)\/(?<name>[\w.-]+)(?:@(?<revision>[\w.-]+))?(?:\/(?<file>[\w./-]+))?$/.exec(source);
  const { owner = "", name = "", revision = "main", file = "model.safetensors" } = match?.groups ?? {};
  if (owner === "" || file.split("/").includes("..")) {
    throw new WeightsError({
      code: "weights/source",
      what: `'hf://${source}' is not a file of the Hugging Face hub`,
      fix: "write hf://OWNER/NAME, hf://OWNER/NAME@REVISION or hf://OWNER/NAME/FILE",
    });
  }
  const hub = (env["HF_ENDPOINT"] || defaultHub).replace(/\/+$/, "");
  const token = env["HF_TOKEN"];
  return {
    kind: "remote",
    name: `${owner}/${name}/${file}`,
    url: `${hub}/${owner}/${name}/resolve/${revision}/${file}`,
    sha256: undefined,
    headers: token === undefined || token === "" ? {} : { authorization: `Bearer ${token}` },
    cachePath: join(weightsCacheFolder(env), "huggingface", owner, name, revision, file),
    otherCaches: [join(snapshotFolder(huggingFaceFolder(env), owner, name, revision), file)],
  };
}

/**
 * Where Python's `huggingface_hub` keeps a revision of a repository: `models--OWNER--NAME/snapshots/COMMIT`, with the
 * commit of a branch in `refs/BRANCH`.
 */
function snapshotFolder(cache: string, owner: string, name: string, revision: string): string {
  const repository = join(cache, `models--${owner}--${name}`);
  let commit = revision;
  try {
    commit = readFileSync(join(repository, "refs", revision), "utf8").trim();
  } catch {
    // no such branch in the cache: the revision may be a commit itself
  }
  return join(repository, "snapshots", commit);
}

/**
 * The start of the SHA-256 that a published file carries in its name: `resnet18-f37072fd.pth` gives `f37072fd`.
 * The rule is PyTorch's (`torch.hub`): at least 8 hexadecimal digits between the last dash and the extension.
 */
function hashPrefixOfName(name: string): string | undefined {
  return /-([0-9a-f]{8,64})\.[a-z.]+$/.exec(name)?.[1];
}
