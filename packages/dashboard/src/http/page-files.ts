import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CtError } from "@classifier-training/base";
import { contentTypeOf } from "./reply.ts";

export interface PageFile {
  readonly body: Buffer;
  readonly type: string;
  /** Its name holds a hash of its content. */
  readonly immutable: boolean;
}

/** From `src/http` and from `dist/http` alike. */
const folder = fileURLToPath(new URL("../../dist/web", import.meta.url));

/**
 * The files of the page by address: all there is to be served besides the runs.
 * @throws CtError `dashboard/page` when the page was not built
 */
export function pageFiles(): ReadonlyMap<string, PageFile> {
  if (!existsSync(join(folder, "index.html")))
    throw new CtError({
      code: "dashboard/page",
      what: "the page was not built",
      where: folder,
      fix: "npm run build",
    });
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const files = paths.map((path): [string, PageFile] => {
    const name = path.slice(folder.length + 1).replaceAll("\\", "/");
    const file = { body: readFileSync(path), type: contentTypeOf(path), immutable: name.startsWith("assets/") };
    return [name === "index.html" ? "/" : `/${name}`, file];
  });
  return new Map(files);
}
