// Brings LibTorch onto this machine, without loading any.
export { type ArchiveTable, archiveTable } from "../../native/archives.mjs";
export { type Downloaded, type DownloadLibTorchOptions, downloadLibTorch } from "./download-libtorch.ts";
