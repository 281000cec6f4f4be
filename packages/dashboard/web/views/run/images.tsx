import type { RunDetail } from "../../../src/api-types.ts";
import { imageAddress } from "../../state/api.ts";
import { param } from "../../state/params.ts";

const folderParam = param("folder");

/** The images that a run left, by folder: plots over epochs, then the newest epoch first. */
export function Images({ detail }: { readonly detail: RunDetail }) {
  const { key, images, metricsVersion } = detail;
  const folderOf = (path: string) => path.split("/").slice(0, -1).join("/");
  const folders = [...new Set(images.map(folderOf))].reverse();
  const open = folders.includes(folderParam.value) ? folderParam.value : folders[0];
  if (open === undefined) return <p class="note">No images yet.</p>;
  return (
    <>
      <div class="toolbar">
        <label>
          Folder{" "}
          <select value={open} onChange={(event) => folderParam.set(event.currentTarget.value)}>
            {folders.map((folder) => (
              <option key={folder} value={folder}>
                {folder || "of the run"}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="images">
        {images
          .filter((path) => folderOf(path) === open)
          .map((path) => (
            <figure key={path}>
              <figcaption>{path.split("/").at(-1)}</figcaption>
              <a href={imageAddress(key, path)} target="_blank" rel="noreferrer">
                {/* Images are replaced while the run continues. */}
                <img loading="lazy" alt={path} src={`${imageAddress(key, path)}?${metricsVersion}`} />
              </a>
            </figure>
          ))}
      </div>
    </>
  );
}
