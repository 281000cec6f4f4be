import { CtError } from "@classifier-training/base";
import type { HttpClient } from "../http.ts";

export interface RunIdentity {
  readonly entity: string;
  readonly project: string;
  readonly id: string;
}

export interface UpsertRequest extends RunIdentity {
  /** Given by the first answer, sent from then on. */
  readonly storageId?: string | undefined;
  readonly config: string;
  readonly name: string;
  readonly notes: string;
  readonly tags: readonly string[];
  readonly group: string;
  readonly jobType: string;
  readonly host: string;
  readonly program: string;
  readonly repo: string;
  readonly commit: string;
}

export interface UpsertedRun {
  readonly storageId: string;
  readonly displayName: string;
  readonly entity: string;
  readonly project: string;
}

export interface ResumeState {
  readonly historyLines: number;
  readonly eventLines: number;
  readonly consoleLines: number;
  /** The last `_step` that the server has; -1 for none. */
  readonly lastStep: number;
}

export interface UploadAddress {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The GraphQL calls of W&B's service that a run needs. */
export class WandbService {
  readonly baseUrl: string;
  readonly http: HttpClient;

  constructor(baseUrl: string, http: HttpClient) {
    this.baseUrl = baseUrl;
    this.http = http;
  }

  async upsertRun(request: UpsertRequest): Promise<UpsertedRun> {
    const { storageId, id, entity, project, name, notes, group, jobType, tags, commit, program, repo, host, config } =
      request;
    const data = await this.#call<{ upsertBucket?: { bucket?: UpsertedBucket } }>("UpsertBucket", upsertBucket, {
      ...(storageId === undefined ? { name: id } : { id: storageId, name: id }),
      project: orNull(project),
      entity: orNull(entity),
      groupName: orNull(group),
      displayName: orNull(name),
      notes: orNull(notes),
      commit: orNull(commit),
      config,
      host: orNull(host),
      program: orNull(program),
      repo: orNull(repo),
      jobType: orNull(jobType),
      tags,
    });
    const bucket = data.upsertBucket?.bucket;
    if (bucket === undefined) throw answerError("UpsertBucket");
    return {
      storageId: bucket.id,
      displayName: bucket.displayName ?? name,
      entity: bucket.project?.entity?.name ?? entity,
      project: bucket.project?.name ?? project,
    };
  }

  /** Where a run of this id stands on the server; `undefined` when there is none. */
  async resumeState({ entity, project, id }: RunIdentity): Promise<ResumeState | undefined> {
    const variables = { project, entity: orNull(entity), name: id };
    const data = await this.#call<{ model?: { bucket?: ResumeBucket | null } | null }>(
      "RunResumeStatus",
      runResumeStatus,
      variables,
    );
    const bucket = data.model?.bucket;
    // A run that has no telemetry was made by a form or a sweep, and has not started yet.
    if (!bucket || bucket.wandbConfig === null || bucket.wandbConfig === undefined) return undefined;
    return {
      historyLines: bucket.historyLineCount ?? 0,
      eventLines: bucket.eventsLineCount ?? 0,
      consoleLines: bucket.logLineCount ?? 0,
      lastStep: lastStep(bucket.historyTail),
    };
  }

  /** Addresses for the run's files. */
  async uploadAddresses({ entity, project, id }: RunIdentity, files: readonly string[]): Promise<UploadAddress[]> {
    const data = await this.#call<{ createRunFiles?: CreatedFiles }>("CreateRunFiles", createRunFiles, {
      entity,
      project,
      run: id,
      files,
    });
    const created = data.createRunFiles;
    if (created === undefined) throw answerError("CreateRunFiles");
    const headers = parseHeaders(created.uploadHeaders);
    return created.files.flatMap(({ name, uploadUrl }) =>
      uploadUrl === null ? [] : [{ name, url: this.absolute(uploadUrl), headers }],
    );
  }

  async createArtifact(
    input: Readonly<Record<string, unknown>>,
  ): Promise<{ id: string; isCommitted: boolean; baseId?: string }> {
    const data = await this.#call<{ createArtifact?: { artifact?: CreatedArtifact } }>(
      "CreateArtifact",
      createArtifact,
      { input },
    );
    const artifact = data.createArtifact?.artifact;
    if (artifact === undefined) throw answerError("CreateArtifact");
    const baseId = artifact.artifactSequence?.latestArtifact?.id;
    return { id: artifact.id, isCommitted: artifact.state === "COMMITTED", ...(baseId !== undefined && { baseId }) };
  }

  async createArtifactManifest(
    variables: Readonly<Record<string, unknown>>,
  ): Promise<{ id: string; upload?: UploadAddress }> {
    type Answer = { createArtifactManifest?: { artifactManifest?: { id: string; file?: UploadFile } } };
    const data = await this.#call<Answer>("CreateArtifactManifest", createArtifactManifest, variables);
    const manifest = data.createArtifactManifest?.artifactManifest;
    if (manifest === undefined) throw answerError("CreateArtifactManifest");
    const { file } = manifest;
    if (!file?.uploadUrl) return { id: manifest.id };
    const upload = { name: "", url: this.absolute(file.uploadUrl), headers: parseHeaders(file.uploadHeaders ?? []) };
    return { id: manifest.id, upload };
  }

  /** Addresses for an artifact's files, in their order; `undefined` for one that the service has already. */
  async artifactFileAddresses(
    files: readonly Readonly<Record<string, unknown>>[],
  ): Promise<{ birthId: string; upload?: UploadAddress }[]> {
    type Node = UploadFile & { artifact?: { id: string } };
    type Answer = { createArtifactFiles?: { files: { edges: { node: Node }[] } } };
    const variables = { artifactFiles: files, storageLayout: "V2" };
    const data = await this.#call<Answer>("CreateArtifactFiles", createArtifactFiles, variables);
    const edges = data.createArtifactFiles?.files.edges;
    if (edges?.length !== files.length) throw answerError("CreateArtifactFiles");
    return edges.map(({ node: { uploadUrl, uploadHeaders, artifact } }) => {
      const birthId = artifact?.id ?? "";
      if (!uploadUrl) return { birthId };
      return {
        birthId,
        upload: { name: "", url: this.absolute(uploadUrl), headers: parseHeaders(uploadHeaders ?? []) },
      };
    });
  }

  async commitArtifact(artifactID: string): Promise<void> {
    await this.#call("CommitArtifact", commitArtifact, { artifactID });
  }

  /** Self-hosted servers hand out addresses relative to themselves. */
  absolute(url: string): string {
    return new URL(url, `${this.baseUrl}/`).href;
  }

  async #call<Data>(operationName: string, query: string, variables: Readonly<Record<string, unknown>>): Promise<Data> {
    const text = await this.http.sendJson(`${this.baseUrl}/graphql`, { operationName, query, variables });
    let answer: { data?: Data | null; errors?: readonly { message?: string }[] };
    try {
      answer = JSON.parse(text) as typeof answer;
    } catch (cause) {
      throw answerError(operationName, "the answer is not JSON", cause);
    }
    if (answer.errors !== undefined && answer.errors.length > 0) {
      const messages = answer.errors.map(({ message }) => message ?? "unknown error").join("; ");
      throw answerError(operationName, this.http.redact(messages));
    }
    if (!answer.data) throw answerError(operationName);
    return answer.data;
  }
}

interface UpsertedBucket {
  readonly id: string;
  readonly displayName?: string | null;
  readonly project?: { readonly name: string; readonly entity?: { readonly name: string } };
}
interface ResumeBucket {
  readonly historyLineCount?: number;
  readonly eventsLineCount?: number;
  readonly logLineCount?: number;
  readonly historyTail?: string | null;
  readonly wandbConfig?: string | null;
}
interface CreatedFiles {
  readonly uploadHeaders: readonly string[];
  readonly files: readonly { readonly name: string; readonly uploadUrl: string | null }[];
}
interface CreatedArtifact {
  readonly id: string;
  readonly state: string;
  readonly artifactSequence?: { readonly latestArtifact?: { readonly id: string } | null };
}
interface UploadFile {
  readonly uploadUrl?: string | null;
  readonly uploadHeaders?: readonly string[];
}

/** `Key: value` lines as headers. */
function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return headers;
}

/** `historyTail` is a JSON list of the last lines, each JSON again. */
function lastStep(historyTail: string | null | undefined): number {
  try {
    const lines = JSON.parse(historyTail ?? "[]") as string[];
    const step: unknown = (JSON.parse(lines.at(-1) ?? "{}") as Record<string, unknown>)["_step"];
    return typeof step === "number" ? step : -1;
  } catch {
    return -1;
  }
}

function orNull(text: string): string | null {
  return text === "" ? null : text;
}

function answerError(operation: string, what = "the answer lacks what was asked for", cause?: unknown): CtError {
  return new CtError({ code: "tracking/answer", what: `W&B's ${operation}: ${what}`, cause });
}

const upsertBucket = `mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String, $groupName: String,
  $displayName: String, $notes: String, $commit: String, $config: JSONString, $host: String, $program: String,
  $repo: String, $jobType: String, $tags: [String!]) {
  upsertBucket(input: { id: $id, name: $name, modelName: $project, entityName: $entity, groupName: $groupName,
    displayName: $displayName, notes: $notes, commit: $commit, config: $config, host: $host, jobProgram: $program,
    jobRepo: $repo, jobType: $jobType, tags: $tags }) {
    bucket { id name displayName project { id name entity { id name } } historyLineCount }
    inserted
  }
}`;

const runResumeStatus = `query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) {
    id
    bucket(name: $name, missingOk: true) {
      id name historyLineCount eventsLineCount logLineCount historyTail wandbConfig(keys: ["t"])
    }
  }
}`;

const createRunFiles = `mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: { entityName: $entity, projectName: $project, runName: $run, files: $files }) {
    runID uploadHeaders files { name uploadUrl }
  }
}`;

const createArtifact = `mutation CreateArtifact($input: CreateArtifactInput!) {
  createArtifact(input: $input) { artifact { id state artifactSequence { latestArtifact { id } } } }
}`;

const createArtifactManifest = `mutation CreateArtifactManifest($artifactID: ID!, $baseArtifactID: ID, $name: String!,
  $digest: String!, $entityName: String!, $projectName: String!, $runName: String!,
  $manifestType: ArtifactManifestType!, $includeUpload: Boolean!) {
  createArtifactManifest(input: { artifactID: $artifactID, baseArtifactID: $baseArtifactID, name: $name,
    digest: $digest, entityName: $entityName, projectName: $projectName, runName: $runName, type: $manifestType }) {
    artifactManifest {
      id
      file { id uploadUrl @include(if: $includeUpload) uploadHeaders @include(if: $includeUpload) }
    }
  }
}`;

const createArtifactFiles = `mutation CreateArtifactFiles($artifactFiles: [CreateArtifactFileSpecInput!]!,
  $storageLayout: ArtifactStorageLayout!) {
  createArtifactFiles(input: { artifactFiles: $artifactFiles, storageLayout: $storageLayout }) {
    files { edges { node { uploadUrl uploadHeaders artifact { id } } } }
  }
}`;

const commitArtifact = `mutation CommitArtifact($artifactID: ID!) {
  commitArtifact(input: { artifactID: $artifactID }) { artifact { id digest } }
}`;
