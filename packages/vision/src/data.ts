/** What reads data without LibTorch: which images there are, their labels, and edits of these. */

export { ImageDataset } from "./datasets/dataset.ts";
export { describeEdit } from "./datasets/edits/describe-edit.ts";
export { type Edit, type ExclusionReason, importedPrefix, type RecordedEdit } from "./datasets/edits/edit.ts";
export { EditLog } from "./datasets/edits/edit-log.ts";
export type { EditState } from "./datasets/edits/edit-state.ts";
export { groupsOf, metadataColumns, metadataValue, pathWithin } from "./datasets/groups.ts";
export { isListingName, type ListedImage, listedImages } from "./datasets/listing.ts";
export { openData } from "./datasets/open/open-data.ts";
export { splitDataset } from "./datasets/partition/split-dataset.ts";
export type { SourceSpec } from "./datasets/source-spec.ts";
export { storedBytes } from "./datasets/stored-bytes.ts";
