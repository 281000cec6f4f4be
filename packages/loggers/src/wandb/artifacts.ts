import { createHash, randomUUID } from "node:crypto";
import { createReadStream, linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CtError } from "@classifier-training/base";
import { fileInside } from "@classifier-training/runs";
import type { ArtifactManifest, ArtifactRecord } from "../proto/wandb.generated.ts";
import { parseWandbJson } from "./records.ts";
import type { RunIdentity, WandbService } from "./service.ts";

export interface StagedFile {
  /** The name inside the artifact. */
  readonly name: string;
  readonly localPath: string;
  /** MD5, base64. */
  readonly digest: string;
  readonly size: number;
}

/**
 * Keeps a file for an artifact: by a second link to it where that is possible (a checkpoint that is pruned later stays
 * on disk until it was sent), else by a copy. The link is there when the call returns; hashing takes longer.
 */
export async function stageFile(path: string, name: string, stagingDir: string): Promise<StagedFile> {
  const localPath = join(stagingDir, `${randomUUID()}-${name}`);
  mkdirSync(dirname(localPath), { recursive: true });
  try {
    linkSync(path, localPath);
  } catch {
    await copyFile(path, localPath);
  }
  const hash = createHash("md5");
  for await (const part of createReadStream(localPath)) hash.update(part as Buffer);
  return { name, localPath, digest: hash.digest("base64"), size: (await stat(localPath)).size };
}

/** The digest of an artifact: of its files' names and digests, by W&B's definition. */
export function manifestDigest(files: readonly { readonly name: string; readonly digest: string }[]): string {
  const hash = createHash("md5").update("wandb-artifact-manifest-v1\n");
  const ordered = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, digest } of ordered) hash.update(`${name}:${digest}\n`);
  return hash.digest("hex");
}

/** The record of an artifact of staged files. */
export function artifactRecord(
  artifact: {
    readonly name: string;
    readonly type: string;
    readonly aliases: readonly string[];
    readonly metadata: unknown;
  },
  files: readonly StagedFile[],
) {
  const { name, type, aliases, metadata } = artifact;
  return {
    name,
    type,
    aliases: [...aliases],
    metadata: JSON.stringify(metadata),
    digest: manifestDigest(files),
    finalize: true,
    clientId: randomUUID().replaceAll("-", ""),
    sequenceClientId: randomUUID().replaceAll("-", ""),
    manifest: {
      version: 1,
      storagePolicy: "wandb-storage-policy-v1",
      storagePolicyConfig: [{ key: "storageLayout", valueJson: '"V2"' }],
      contents: files.map((file) => ({
        path: file.name,
        digest: file.digest,
        size: BigInt(file.size),
        localPath: file.localPath,
      })),
    },
  };
}

/** The folder of a run in which files wait to be sent. */
export const stagingFolder = "artifacts";

/**
 * Uploads an artifact: its files, then the manifest that lists them, then the commit.
 * @param runDir the run's folder: whatever paths the record has, only what was staged there is sent, and removed
 */
export async function uploadArtifact(
  service: WandbService,
  run: RunIdentity,
  artifact: ArtifactRecord,
  runDir: string,
): Promise<void> {
  const created = await service.createArtifact({
    entityName: run.entity,
    projectName: run.project,
    artifactTypeName: artifact.type,
    artifactCollectionName: artifact.name,
    ...(!artifact.userCreated && { runName: run.id }),
    digest: artifact.digest,
    digestAlgorithm: "MANIFEST_MD5",
    ...(artifact.description !== "" && { description: artifact.description }),
    ...(artifact.metadata !== "" && { metadata: artifact.metadata }),
    aliases: artifact.aliases.map((alias) => ({ artifactCollectionName: artifact.name, alias })),
    enableDigestDeduplication: true,
    clientID: artifact.clientId,
    sequenceClientID: artifact.sequenceClientId,
  });
  if (!created.isCommitted) await uploadContents(service, run, artifact, created, runDir);
  for (const entry of artifact.manifest?.contents ?? []) {
    const staged = stagedPath(runDir, entry);
    if (staged !== undefined) rmSync(staged, { force: true });
  }
}

function stagedPath(runDir: string, { localPath }: { readonly localPath: string }): string | undefined {
  return localPath === "" ? undefined : fileInside(join(runDir, stagingFolder), basename(localPath));
}

async function uploadContents(
  service: WandbService,
  run: RunIdentity,
  { manifest, finalize }: ArtifactRecord,
  created: { readonly id: string; readonly baseId?: string },
  runDir: string,
): Promise<void> {
  const manifestRequest = {
    artifactID: created.id,
    baseArtifactID: created.baseId ?? null,
    name: "wandb_manifest.json",
    entityName: run.entity,
    projectName: run.project,
    runName: run.id,
    manifestType: "FULL",
  };
  const { id: artifactManifestID } = await service.createArtifactManifest({
    ...manifestRequest,
    digest: "",
    includeUpload: false,
  });
  const contents = (manifest?.contents ?? []).flatMap((entry) => {
    if (entry.localPath === "") return [];
    const localPath = stagedPath(runDir, entry);
    if (localPath !== undefined) return [{ path: entry.path, digest: entry.digest, localPath }];
    throw new CtError({ code: "wandb/artifact", what: `${entry.localPath} is not among the run's staged files` });
  });
  const specs = contents.map(({ path, digest }) => ({
    artifactID: created.id,
    name: path,
    md5: digest,
    artifactManifestID,
  }));
  const addresses = specs.length === 0 ? [] : await service.artifactFileAddresses(specs);
  const births = new Map<string, string>();
  for (const [i, { path, localPath }] of contents.entries()) {
    const { birthId, upload } = addresses[i] ?? { birthId: created.id };
    births.set(path, birthId || created.id);
    if (upload !== undefined) await service.http.putFile(upload.url, localPath, upload.headers);
  }
  const json = manifestJson(manifest, births);
  const staged = join(runDir, `${created.id.replaceAll(/\W/g, "_")}.manifest.json`);
  const digest = createHash("md5").update(json).digest("base64");
  const { upload } = await service.createArtifactManifest({ ...manifestRequest, digest, includeUpload: true });
  if (upload !== undefined) {
    writeFileSync(staged, json);
    try {
      await service.http.putFile(upload.url, staged, upload.headers);
    } finally {
      rmSync(staged, { force: true });
    }
  }
  if (finalize) await service.commitArtifact(created.id);
}

/** The manifest file of an artifact. */
function manifestJson(manifest: ArtifactManifest | undefined, births: ReadonlyMap<string, string>): string {
  const contents = (manifest?.contents ?? []).map(({ path, digest, size, ref }) => {
    const birthArtifactID = births.get(path);
    const entry = {
      digest,
      ...(ref !== "" && { ref }),
      size: Number(size),
      ...(birthArtifactID && { birthArtifactID }),
      skip_cache: false,
    };
    return [path, entry] as const;
  });
  const policy = (manifest?.storagePolicyConfig ?? []).map(
    ({ key, valueJson }) => [key, parseWandbJson(valueJson)] as const,
  );
  return JSON.stringify({
    version: manifest?.version ?? 1,
    storagePolicy: manifest?.storagePolicy ?? "wandb-storage-policy-v1",
    storagePolicyConfig: Object.fromEntries(policy),
    contents: Object.fromEntries(contents),
  });
}
