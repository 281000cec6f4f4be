import { readFileSync } from "node:fs";

/** The page of a run. */
export function runUrl(baseUrl: string, entity: string, project: string, id: string): string {
  const app = baseUrl === "https://api.wandb.ai" ? "https://wandb.ai" : baseUrl;
  return `${app}/${[entity, project, "runs", id].map(encodeURIComponent).join("/")}`;
}

/** The id that `wandb-resume.json` names. */
export function lastRunId(path: string): string | undefined {
  try {
    const { run_id: id } = JSON.parse(readFileSync(path, "utf8")) as { run_id?: unknown };
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined;
  }
}
