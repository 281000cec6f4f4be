import { CtError } from "@classifier-training/base";

/** A file could not be downloaded: `download/network`, `http`, `hash`, `size`, `page`, `space`, `write` or `proxy`. */
export class DownloadError extends CtError {}
