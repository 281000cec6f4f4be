import { existsSync, statSync } from "node:fs";
import { posix } from "node:path";
import { parseOptions } from "@classifier-training/base";
import { isHidden, isImageName } from "@classifier-training/image/files";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import { asClassMap, type ClassToIdx, indexClasses } from "./classes.ts";
import { ImageDataset, type LeftOut } from "./dataset.ts";
import { readEntry } from "./read-entry.ts";
import { decodeOptions } from "./source.ts";
import { emptySplit } from "./split-folder.ts";
import { type ArchiveEntry, readTarEntries } from "./tar.ts";
import { readZipEntries } from "./zip.ts";

export const shardOptionsSchema = z.strictObject({
  /** Paths of .zip and .tar files (not .tar.gz: its members cannot be read one by one). */
  shards: z.array(z.string()).min(1),
  classToIdx: z.custom<ClassToIdx>((value) => typeof value === "object" && value !== null).optional(),
  ...decodeOptions,
});

interface Member extends ArchiveEntry {
  readonly shard: number;
}

/**
 * Images inside zip and tar files, read in place, as object storage likes them: few large files. Labels come from
 * `*.jsonl` members (rows as in JsonlDataset), from `NAME.cls` members beside the images (WebDataset), or else from the
 * folder that an image is in.
 */
export class ShardDataset extends ImageDataset {
  constructor(options: z.input<typeof shardOptionsSchema>) {
    const { shards, classToIdx, ...decode } = parseOptions("ShardDataset", shardOptionsSchema, options);
    const members = shards.flatMap((path, shard) =>
      entriesOf(path)
        .map((entry): Member => ({ ...entry, name: posix.normalize(entry.name), shard }))
        .filter(({ name }) => !name.split("/").some(isHidden)),
    );
    const labels = labelsOf(members, shards);
    const images = members.filter(({ name, shard }) => labels.has(`${shard}:${name}`));
    const labelOf = ({ name, shard }: Member) => labels.get(`${shard}:${name}`) as string;
    const labeled = images.filter((member) => labelOf(member) !== "");
    const classes = classToIdx === undefined ? indexClasses(labeled.map(labelOf)) : asClassMap(classToIdx);
    const known = labeled.filter((member) => classes.has(labelOf(member)));
    if (known.length === 0)
      throw emptySplit(shards.join(", "), "no labeled images", "see ShardDataset for the layouts");
    super({
      name: shards.length === 1 ? (shards[0] as string) : `${shards.length} shards`,
      source: {
        kind: "shards",
        shards,
        shard: Int32Array.from(known, (member) => member.shard),
        offset: Float64Array.from(known, (member) => member.offset),
        length: Int32Array.from(known, (member) => member.length),
        deflated: Uint8Array.from(known, (member) => Number(member.deflated)),
        names: known.map(({ name }) => name),
        decode,
      },
      targets: Int32Array.from(known, (member) => classes.get(labelOf(member)) as number),
      classToIdx: classes,
      paths: known.map(({ shard, name }) => `${shards[shard]}!${name}`),
      leftOut: images.flatMap((member): LeftOut[] => {
        const label = labelOf(member);
        if (label !== "" && classes.has(label)) return [];
        const path = `${shards[member.shard]}!${member.name}`;
        return [{ reason: label === "" ? "no label" : "label unknown to train", path, label, where: path }];
      }),
    });
  }
}

function entriesOf(path: string): ArchiveEntry[] {
  if (!existsSync(path) || !statSync(path).isFile()) {
    throw new VisionError({ code: "vision/data-root-missing", what: `the shard ${path} does not exist` });
  }
  if (path.endsWith(".zip")) return readZipEntries(path);
  if (path.endsWith(".tar")) return readTarEntries(path);
  throw new VisionError({
    code: "vision/shard",
    what: `shard: expected a .zip or .tar file, received ${path}`,
    fix: "compressed tar files cannot be read in place: unpack to .tar, or use .zip",
  });
}

/** Label of each image by `shard:name`; an image that no list mentions has none. */
function labelsOf(members: readonly Member[], shards: readonly string[]): Map<string, string> {
  const labels = new Map<string, string>();
  const lists = members.filter(({ name }) => name.endsWith(".jsonl"));
  const text = (member: Member) =>
    Buffer.from(readEntry(shards[member.shard] as string, member, member.name)).toString("utf8");
  for (const list of lists) {
    for (const [i, line] of text(list).split("\n").entries()) {
      if (line.trim() === "") continue;
      try {
        const { image, suffix } = JSON.parse(line) as { image: string; suffix?: string | number | null };
        const name = posix.join(posix.dirname(list.name), image);
        labels.set(`${list.shard}:${name}`, String(suffix ?? "").trim());
      } catch (error) {
        const where = `${shards[list.shard]}!${list.name}:${i + 1}`;
        throw new VisionError({
          code: "vision/annotations",
          what: "the annotations line is not JSON",
          where,
          cause: error,
        });
      }
    }
  }
  if (lists.length > 0) return labels;
  const classFiles = new Map(
    members.filter(({ name }) => name.endsWith(".cls")).map((m) => [`${m.shard}:${m.name}`, m]),
  );
  for (const { name, shard } of members) {
    if (!isImageName(name)) continue;
    const beside = classFiles.get(`${shard}:${name.replace(/\.[^./]+$/, ".cls")}`);
    if (beside) labels.set(`${shard}:${name}`, text(beside).trim());
    else if (classFiles.size === 0)
      labels.set(`${shard}:${name}`, posix.basename(posix.dirname(name)).replace(/^\.$/, ""));
  }
  return labels;
}
