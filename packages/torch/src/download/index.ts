// Files from servers, without LibTorch: what brings pretrained weights also brings LibTorch itself.
export { download } from "./download.ts";
export { DownloadError } from "./errors.ts";
export { sha256OfFile } from "./hash.ts";
export { fetchThroughProxy } from "./http.ts";
export type { DownloadOptions } from "./options.ts";
export { firstBytes, pageProblem } from "./page.ts";
export { type DownloadProgress, type ProgressListener, progressBar, progressLine } from "./progress.ts";
export { switchedOn } from "./switches.ts";
