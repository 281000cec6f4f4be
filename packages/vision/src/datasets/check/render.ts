import { relative } from "node:path";
import { plural } from "@classifier-training/base";
import type { DataReport } from "./check-data.ts";
import type { DuplicateGroup } from "./duplicates.ts";
import type { ListedImage } from "./inventory.ts";

/** The report as text for a terminal; each list shows at most `limit` entries. */
export function renderDataReport(report: DataReport, { limit = 10 }: { limit?: number } = {}): string {
  const nameOf = ({ path }: { path: string }) =>
    path.startsWith(`${report.root}!`) ? path.slice(report.root.length + 1) : relative(report.root, path);
  const lines = [`Data check of ${report.root}`, ""];
  for (const { name, images, classes, unknownClasses } of report.splits) {
    const counts = Object.values(classes);
    const spread = counts.length === 0 ? "" : `, ${Math.min(...counts)} to ${Math.max(...counts)} images each`;
    lines.push(`${name}: ${plural(images, "image")} in ${plural(counts.length, "class", "classes")}${spread}`);
    if (unknownClasses.length > 0) lines.push(`  not among the training classes: ${unknownClasses.join(", ")}`);
  }
  for (const { split, what, where, fix } of report.refused) {
    lines.push("", `Training cannot read ${split}: ${what}`);
    if (where !== undefined) lines.push(`  ${where}`);
    if (fix !== undefined) lines.push(`  ${fix}`);
  }
  if (report.remarks.length > 0) lines.push("", ...report.remarks);
  const section = <T>(title: string, entries: readonly T[], show: (entry: T) => string) => {
    if (entries.length === 0) return;
    lines.push("", `${title}: ${entries.length}`);
    for (const entry of entries.slice(0, limit)) lines.push(`  ${show(entry)}`);
    if (entries.length > limit) lines.push(`  ... and ${entries.length - limit} more`);
  };
  const labeled = (image: ListedImage) => `${nameOf(image)} (${image.label === "" ? "no label" : image.label})`;
  const group = ({ images }: DuplicateGroup) => {
    const shown = images.slice(0, 4).map(labeled).join(" = ");
    return images.length > 4 ? `${shown} = ... ${images.length} in all` : shown;
  };
  const leaks = (groups: readonly DuplicateGroup[]) => groups.filter(({ acrossSplits }) => acrossSplits);
  const within = (groups: readonly DuplicateGroup[]) => groups.filter(({ acrossSplits }) => !acrossSplits);
  section("Contradictory labels (the same image under several)", report.contradictions, group);
  section("Equal images in different splits (leaks)", leaks(report.exactDuplicates), group);
  section("Nearly equal images in different splits", leaks(report.nearDuplicates), group);
  section("Corrupt files", report.corrupt, ({ image, why }) => why.replace(image.path, nameOf(image)));
  section(
    "Files that the annotations name but do not exist",
    report.missing,
    (i) => `${nameOf(i)}, ${nameOf({ path: i.where })}`,
  );
  section("Rows without a label", report.withoutLabel, (image) => nameOf({ path: image.where }));
  section("Image files that no annotation names", report.unlisted, nameOf);
  section("Image files in no class folder", report.outside, nameOf);
  section("Files in formats that are not read (convert them to JPEG or PNG)", report.unread, nameOf);
  const tinyTitle = `Tiny images (a side shorter than ${report.minSide} pixels)`;
  section(tinyTitle, report.tiny, ({ image, width, height }) => `${nameOf(image)} is ${width}x${height}`);
  const turnedTitle = `Images that EXIF says to turn (${report.exifOrientation ? "they are turned; data.exif_orientation=false reads them as stored" : "they are read as stored; data.exif_orientation=true turns them"})`;
  section(turnedTitle, report.turned, ({ image, orientation }) => `${nameOf(image)} has orientation ${orientation}`);
  section("Equal images within a split", within(report.exactDuplicates), group);
  section("Nearly equal images within a split (augmented copies?)", within(report.nearDuplicates), group);
  lines.push("", verdict(report), "");
  return lines.join("\n");
}

function verdict(report: DataReport): string {
  const errors = report.corrupt.length + report.missing.length;
  const leaks = report.exactDuplicates.filter(({ acrossSplits }) => acrossSplits).length;
  const found = [
    report.refused.length > 0 && `training cannot read ${report.refused.map(({ split }) => split).join(" and ")}`,
    errors > 0 && `${plural(errors, "file")} cannot be read`,
    report.contradictions.length > 0 && `${plural(report.contradictions.length, "image")} with contradictory labels`,
    leaks > 0 && `${plural(leaks, "image")} in more than one split`,
    report.unlisted.length > 0 && `${plural(report.unlisted.length, "image")} that no annotation names`,
    report.outside.length > 0 && `${plural(report.outside.length, "image")} in no class folder`,
    report.unread.length > 0 && `${plural(report.unread.length, "file")} in formats that are not read`,
  ].filter((text) => text !== false);
  return found.length === 0 ? "No serious problem was found." : `To look at first: ${found.join("; ")}.`;
}
