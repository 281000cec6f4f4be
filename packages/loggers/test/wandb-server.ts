import { FaultServer, type Request } from "./fault-server.ts";

interface Variables {
  readonly [key: string]: unknown;
}

/** Plays W&B: GraphQL, the file stream (lines by offset, as the service keeps them), and file uploads. */
export class WandbServer extends FaultServer {
  /** Lines of each streamed file. */
  readonly streams = new Map<string, string[]>();
  readonly files = new Map<string, Buffer>();
  readonly upserts: Variables[] = [];
  readonly operations: string[] = [];
  readonly problems: string[] = [];
  readonly artifacts: { readonly input: Variables; isCommitted: boolean }[] = [];
  uploaded: string[] = [];
  exitCode: number | undefined;
  isStopping = false;
  /** A run that is there already. */
  resumed: Readonly<Record<string, unknown>> | null = null;
  expectedKey = "test-key";
  /** Names that are answered besides those that were asked for. */
  extraFiles: readonly string[] = [];

  get history(): Record<string, unknown>[] {
    return (this.streams.get("wandb-history.jsonl") ?? []).map((line) => {
      // W&B's dialect has NaN and Infinity.
      return JSON.parse(line.replaceAll(/:(NaN|-?Infinity)/g, ':"$1"')) as Record<string, unknown>;
    });
  }

  get config(): Record<string, { value: unknown }> {
    return JSON.parse(String(this.upserts.at(-1)?.["config"] ?? "{}")) as Record<string, { value: unknown }>;
  }

  protected answer(request: Request): { status: number; body: unknown } {
    if (request.method === "PUT") {
      if (request.headers.authorization !== undefined) this.problems.push("the key was sent to a storage address");
      if (Number(request.headers["content-length"]) !== request.body.length) this.problems.push("no content length");
      this.files.set(decodeURIComponent(request.path.replace("/storage/", "")), request.body);
      return { status: 200, body: {} };
    }
    const key = Buffer.from(`api:${this.expectedKey}`).toString("base64");
    if (request.headers.authorization !== `Basic ${key}`) return { status: 401, body: { error: "not you" } };
    const body = JSON.parse(request.body.toString("utf8")) as Variables;
    if (request.path.endsWith("/file_stream")) return { status: 200, body: this.#stream(body) };
    const { operationName, variables } = body as { operationName: string; variables: Variables };
    this.operations.push(operationName);
    return { status: 200, body: { data: this.#graphql(operationName, variables) } };
  }

  #stream(body: Variables): unknown {
    if (this.exitCode !== undefined) this.problems.push("something came after the end of the run");
    const files = (body["files"] ?? {}) as Record<string, { offset: number; content: string[] }>;
    for (const [name, { offset, content }] of Object.entries(files)) {
      const lines = this.streams.get(name) ?? [];
      if (offset > lines.length) this.problems.push(`${name}: lines ${lines.length}..${offset} are missing`);
      lines.splice(offset, content.length, ...content);
      this.streams.set(name, lines);
    }
    this.uploaded.push(...((body["uploaded"] as string[] | undefined) ?? []));
    if (body["complete"] === true) this.exitCode = body["exitcode"] as number;
    return this.isStopping ? { stopped: true } : {};
  }

  #graphql(operation: string, variables: Variables): unknown {
    const address = (name: string) => `${this.url}/storage/${encodeURIComponent(name)}`;
    switch (operation) {
      case "UpsertBucket": {
        this.upserts.push(variables);
        const project = {
          id: "p",
          name: variables["project"] ?? "uncategorized",
          entity: { id: "e", name: variables["entity"] ?? "someone" },
        };
        const bucket = {
          id: "storage-id",
          name: variables["name"],
          displayName: variables["displayName"] ?? "calm-sea-1",
          project,
        };
        return { upsertBucket: { bucket, inserted: this.upserts.length === 1 } };
      }
      case "RunResumeStatus":
        return { model: { bucket: this.resumed } };
      case "CreateRunFiles": {
        const files = [...(variables["files"] as string[]), ...this.extraFiles].map((name) => ({
          name,
          uploadUrl: address(name),
        }));
        return { createRunFiles: { runID: "storage-id", uploadHeaders: ["X-Kind: run-file"], files } };
      }
      case "CreateArtifact":
        this.artifacts.push({ input: variables["input"] as Variables, isCommitted: false });
        return {
          createArtifact: {
            artifact: { id: `artifact-${this.artifacts.length}`, state: "PENDING", artifactSequence: {} },
          },
        };
      case "CreateArtifactManifest": {
        const file =
          variables["includeUpload"] === true
            ? { id: "f", uploadUrl: address("manifest"), uploadHeaders: [] }
            : { id: "f" };
        return { createArtifactManifest: { artifactManifest: { id: "manifest-id", file } } };
      }
      case "CreateArtifactFiles": {
        const nodes = (variables["artifactFiles"] as { name: string }[]).map(({ name }) => ({
          node: { uploadUrl: address(`artifact/${name}`), uploadHeaders: [], artifact: { id: "birth" } },
        }));
        return { createArtifactFiles: { files: { edges: nodes } } };
      }
      case "CommitArtifact": {
        const last = this.artifacts.at(-1);
        if (last !== undefined) last.isCommitted = true;
        return { commitArtifact: { artifact: { id: "artifact-1", digest: "d" } } };
      }
      default:
        this.problems.push(`unknown operation ${operation}`);
        return {};
    }
  }
}
