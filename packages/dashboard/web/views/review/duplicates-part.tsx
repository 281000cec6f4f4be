import { useState } from "preact/hooks";
import type { CheckedGroup, CheckedImage, CheckReport } from "../../../src/job-types.ts";
import { ShowMore } from "../../components/show-more.tsx";
import { canWrite } from "../../state/api.ts";
import { ClassName } from "../studio/class-name.tsx";
import { announcement, edit, failure, imageAt, imageUrl, undo } from "../studio/store.ts";
import { Analysis } from "./analysis.tsx";
import { shownName } from "./words.ts";

/** Groups that are shown at first. */
const pageLength = 30;

/** Images that show the same, side by side, and images that cannot be used. */
export function DuplicatesPart() {
  return (
    <Analysis<CheckReport>
      kind="check"
      title="Look for duplicates and broken images"
      about="Equal images, and images that look nearly the same: with different labels first. A duplicate in training and validation makes a model look better than it is."
    >
      {(report) => <Findings report={report} />}
    </Analysis>
  );
}

interface Group extends CheckedGroup {
  readonly kind: string;
}

function Findings({ report }: { readonly report: CheckReport }) {
  const [shown, setShown] = useState(pageLength);
  const groups = groupsOf(report);
  const unusable = [
    ...report.corrupt.map(({ image, why }) => ({ image, why })),
    ...report.tiny.map(({ image, width, height }) => ({
      image,
      why: `${width} x ${height} px: a side is shorter than ${report.minSide} px`,
    })),
  ];
  return (
    <>
      <p class="note" role="status">
        {announcement.value ||
          `${groups.length} groups of images that show the same, ${unusable.length} that are broken or tiny.`}
      </p>
      {failure.value !== "" && (
        <p class="note warning" role="alert">
          {failure.value}
        </p>
      )}
      {canWrite.value && (
        <p class="actions">
          <button type="button" onClick={() => void undo()}>
            Undo the last decision
          </button>
        </p>
      )}
      <ol class="duplicates" aria-label="Images that show the same">
        {groups.slice(0, shown).map((group, i) => (
          <GroupCard key={group.images[0]?.path} group={group} root={report.root} number={i + 1} />
        ))}
      </ol>
      <ShowMore shown={shown} total={groups.length} step={pageLength} onMore={() => setShown(shown + pageLength)} />
      {unusable.length > 0 && (
        <section class="card" aria-label="Broken and tiny images">
          <h3>Broken and tiny images</h3>
          <ul class="side-by-side">
            {unusable.map(({ image, why }) => (
              <ImageCard key={image.path} image={image} root={report.root} about={why} reason="unreadable" />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

/** With different labels first; each group once. */
function groupsOf({ contradictions, exactDuplicates, nearDuplicates }: CheckReport): readonly Group[] {
  const seen = new Set<string>();
  const of = (kind: string, groups: readonly CheckedGroup[]) =>
    groups.flatMap((group) => {
      const key = group.images.map(({ path }) => path).join("\n");
      if (seen.has(key)) return [];
      seen.add(key);
      return [{ ...group, kind }];
    });
  return [
    ...of("different labels", contradictions),
    ...of("equal", exactDuplicates),
    ...of("nearly the same", nearDuplicates),
  ];
}

interface GroupCardProps {
  readonly group: Group;
  readonly root: string;
  readonly number: number;
}

function GroupCard({ group, root, number }: GroupCardProps) {
  const paths = group.images.map((image) => nameIn(root, image));
  const keepOnly = async (path: string) => {
    const others = paths.filter((one) => one !== path);
    const again = imageAt(path)?.excluded !== undefined;
    if (again) await edit({ op: "include", images: [path] });
    await edit(
      { op: "exclude", images: others, reason: "duplicate" },
      `kept ${shownName(path)} of ${paths.length} images`,
    );
  };
  const labels = [...new Set(paths.flatMap((path) => imageAt(path)?.label ?? []))];
  return (
    <li class="card">
      <h3>{`${number}. ${group.images.length} images, ${group.kind}`}</h3>
      <ul class="side-by-side">
        {group.images.map((image) => (
          <ImageCard
            key={image.path}
            image={image}
            root={root}
            about={image.split}
            reason="duplicate"
            onKeepOnly={() => void keepOnly(nameIn(root, image))}
          />
        ))}
      </ul>
      {canWrite.value && (
        <p class="actions">
          <button
            type="button"
            onClick={() => void edit({ op: "include", images: paths }, `kept all ${paths.length} images`)}
          >
            Keep all
          </button>
          {labels.length > 1 &&
            labels.map((label) => (
              <button
                key={label}
                type="button"
                onClick={() => void edit({ op: "label", images: paths, label }, `${paths.length} images are ${label}`)}
              >
                {`All are ${label}`}
              </button>
            ))}
        </p>
      )}
    </li>
  );
}

interface ImageCardProps {
  readonly image: CheckedImage;
  readonly root: string;
  readonly about: string;
  readonly reason: "duplicate" | "unreadable";
  readonly onKeepOnly?: () => void;
}

function ImageCard({ image, root, about, reason, onKeepOnly }: ImageCardProps) {
  const path = nameIn(root, image);
  const known = imageAt(path);
  const name = shownName(path);
  const isOut = known?.excluded !== undefined;
  return (
    <li class={isOut ? "excluded" : ""}>
      <img src={imageUrl(path, "thumbnails")} alt={name} loading="lazy" />
      <span>
        <ClassName name={known === undefined ? image.label || undefined : known.label} />
      </span>
      <bdi>{name}</bdi>
      <small>{isOut ? `left out: ${known?.excluded}` : about}</small>
      {canWrite.value && (
        <span class="actions">
          {onKeepOnly !== undefined && (
            <button type="button" aria-label={`Keep only this: ${name}`} onClick={onKeepOnly}>
              Keep only this
            </button>
          )}
          <button
            type="button"
            aria-label={`${isOut ? "Take back" : "Leave out"}: ${name}`}
            onClick={() =>
              void (isOut
                ? edit({ op: "include", images: [path] }, `${name} is in the data again`)
                : edit({ op: "exclude", images: [path], reason }, `${name} is left out`))
            }
          >
            {isOut ? "Take back" : "Leave out"}
          </button>
        </span>
      )}
    </li>
  );
}

/** An image as edits name it: relative to the data folder. */
function nameIn(root: string, { path }: CheckedImage): string {
  const [all, top] = [path, root].map((text) => text.replaceAll("\\", "/").replace(/^\.\//, "")) as [string, string];
  const folder = top.endsWith("/") ? top : `${top}/`;
  return all.startsWith(folder) ? all.slice(folder.length) : all;
}
