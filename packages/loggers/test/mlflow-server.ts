import { FaultServer, type Request } from "./fault-server.ts";

interface LoggedMetric {
  readonly key: string;
  readonly value: number | string;
  readonly timestamp: number;
  readonly step: number;
}

/** Plays an MLflow tracking server. A metric that comes twice, the same in all, is stored once, as in its database. */
export class MlflowServer extends FaultServer {
  readonly experiments: { readonly id: string; readonly name: string }[] = [];
  readonly runs: {
    readonly id: string;
    readonly experimentId: string;
    readonly tags: Map<string, string>;
    status: string;
  }[] = [];
  readonly metrics: LoggedMetric[] = [];
  readonly params = new Map<string, string>();
  readonly artifacts = new Map<string, Buffer>();
  readonly problems: string[] = [];

  protected answer(request: Request): { status: number; body: unknown } {
    const { pathname, searchParams } = new URL(request.path, "http://x");
    const artifact = /^\/api\/2\.0\/mlflow-artifacts\/artifacts\/(.*)$/.exec(pathname)?.[1];
    if (artifact !== undefined) {
      this.artifacts.set(decodeURIComponent(artifact), request.body);
      return { status: 200, body: {} };
    }
    const body = request.method === "GET" ? {} : (JSON.parse(request.body.toString("utf8")) as Record<string, unknown>);
    return this.#call(pathname.replace("/api/2.0/mlflow/", ""), body, searchParams);
  }

  #call(path: string, body: Record<string, unknown>, query: URLSearchParams): { status: number; body: unknown } {
    const ok = (answer: unknown) => ({ status: 200, body: answer });
    switch (path) {
      case "experiments/get-by-name": {
        const found = this.experiments.find(({ name }) => name === query.get("experiment_name"));
        if (found === undefined) return { status: 404, body: { error_code: "RESOURCE_DOES_NOT_EXIST" } };
        return ok({ experiment: { experiment_id: found.id, name: found.name, lifecycle_stage: "active" } });
      }
      case "experiments/create":
        if (this.experiments.some(({ name }) => name === body["name"]))
          return { status: 400, body: { error_code: "RESOURCE_ALREADY_EXISTS" } };
        this.experiments.push({ id: String(this.experiments.length + 1), name: body["name"] as string });
        return ok({ experiment_id: String(this.experiments.length) });
      case "runs/create": {
        const tags = new Map((body["tags"] as { key: string; value: string }[]).map(({ key, value }) => [key, value]));
        const run = {
          id: `run${this.runs.length}`,
          experimentId: body["experiment_id"] as string,
          tags,
          status: "RUNNING",
        };
        this.runs.push(run);
        return ok({ run: this.#show(run) });
      }
      case "runs/get": {
        const run = this.runs.find(({ id }) => id === query.get("run_id"));
        return run === undefined ? { status: 404, body: {} } : ok({ run: this.#show(run) });
      }
      case "runs/search": {
        const [, tag, value] = /tags\.`(.+)` = '(.+)'/.exec(body["filter"] as string) ?? [];
        const found = this.runs.filter(({ tags }) => tags.get(tag as string) === value);
        return ok(found.length === 0 ? {} : { runs: found.map((run) => this.#show(run)) });
      }
      case "runs/log-batch": {
        const { metrics = [], params = [] } = body as {
          metrics?: LoggedMetric[];
          params?: { key: string; value: string }[];
        };
        if (metrics.length > 1000 || params.length > 100) this.problems.push("a batch is over the limits");
        for (const metric of metrics) {
          const text = JSON.stringify(metric);
          if (!this.metrics.some((known) => JSON.stringify(known) === text)) this.metrics.push(metric);
        }
        for (const { key, value } of params) this.params.set(key, value);
        return ok({});
      }
      case "runs/update": {
        const run = this.runs.find(({ id }) => id === body["run_id"]);
        if (run !== undefined) run.status = body["status"] as string;
        return ok({});
      }
      default:
        this.problems.push(`unknown path ${path}`);
        return { status: 404, body: {} };
    }
  }

  #show(run: { readonly id: string; readonly experimentId: string }) {
    return {
      info: {
        run_id: run.id,
        experiment_id: run.experimentId,
        artifact_uri: `mlflow-artifacts:/${run.experimentId}/${run.id}/artifacts`,
      },
    };
  }
}
