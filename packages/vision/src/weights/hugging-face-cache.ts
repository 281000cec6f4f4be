import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Where Python's `huggingface_hub` keeps a revision of a repository: `models--OWNER--NAME/snapshots/COMMIT`, with the
 * commit of a branch in `refs/BRANCH`.
 */
export function snapshotFolder(cache: string, owner: string, name: string, revision: string): string {
  const repository = join(cache, `models--${owner}--${name}`);
  let commit = revision;
  try {
    commit = readFileSync(join(repository, "refs", revision), "utf8").trim();
  } catch {
    // no such branch in the cache: the revision may be a commit itself
  }
  return join(repository, "snapshots", commit);
}
