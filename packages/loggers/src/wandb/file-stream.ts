import type { HttpClient } from "../http.ts";
import { wandbJson } from "./records.ts";

/** How many lines of each stream the server has. */
export interface StreamOffsets {
  history: number;
  events: number;
  console: number;
}

export interface StreamLimits {
  readonly maxRequestBytes: number;
  readonly maxLineBytes: number;
}

export const defaultStreamLimits: StreamLimits = { maxRequestBytes: 10 << 20, maxLineBytes: (10 << 20) - (100 << 10) };

const fileNames = { history: "wandb-history.jsonl", events: "wandb-events.jsonl", console: "output.log" } as const;
type LineStream = keyof typeof fileNames;
const lineStreams = Object.keys(fileNames) as LineStream[];

/**
 * The file stream of a run: lines wait here until the server has acknowledged them. Each request says at which line its
 * lines begin, so that one which is repeated, because its answer was lost, changes nothing.
 */
export class FileStream {
  readonly offsets: StreamOffsets;
  readonly #http: HttpClient;
  readonly #url: string;
  readonly #limits: StreamLimits;
  readonly #lines: Record<LineStream, string[]> = { history: [], events: [], console: [] };
  #summary: string | undefined;
  #uploaded: string[] = [];
  #pendingBytes = 0;
  /** Lines that were too long to be sent. */
  skipped = 0;
  /** The server's user has asked the run to stop. */
  isStopped = false;

  constructor(http: HttpClient, url: string, offsets: StreamOffsets, limits = defaultStreamLimits) {
    this.#http = http;
    this.#url = url;
    this.offsets = offsets;
    this.#limits = limits;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get hasPending(): boolean {
    return this.#pendingBytes > 0 || this.#summary !== undefined || this.#uploaded.length > 0;
  }

  addLine(stream: LineStream, line: string): void {
    if (line.length > this.#limits.maxLineBytes) {
      this.skipped++;
      return;
    }
    this.#lines[stream].push(line);
    this.#pendingBytes += line.length;
  }

  setSummary(summary: Readonly<Record<string, unknown>>): void {
    this.#summary = wandbJson(summary);
  }

  addUploaded(path: string): void {
    this.#uploaded.push(path);
  }

  /** Sends what waits, as much as one request may hold; an empty one is a heartbeat. */
  async send(): Promise<void> {
    const files: Record<string, { offset: number; content: string[] }> = {};
    const taken: Record<LineStream, number> = { history: 0, events: 0, console: 0 };
    let room = this.#limits.maxRequestBytes;
    for (const stream of lineStreams) {
      const lines = this.#lines[stream];
      while (taken[stream] < lines.length) {
        const size = (lines[taken[stream]] as string).length;
        if (size > room) break;
        room -= size;
        taken[stream]++;
      }
      if (taken[stream] > 0) {
        files[fileNames[stream]] = { offset: this.offsets[stream], content: lines.slice(0, taken[stream]) };
      }
    }
    const summary = this.#summary;
    if (summary !== undefined) files["wandb-summary.json"] = { offset: 0, content: [summary] };
    const uploaded = [...this.#uploaded];
    const uploadedCount = uploaded.length;
    await this.#post({
      ...(Object.keys(files).length > 0 && { files }),
      ...(uploaded.length > 0 && { uploaded }),
    });
    for (const stream of lineStreams) {
      for (const line of this.#lines[stream].splice(0, taken[stream])) this.#pendingBytes -= line.length;
      this.offsets[stream] += taken[stream];
    }
    if (this.#summary === summary) this.#summary = undefined;
    this.#uploaded = this.#uploaded.slice(uploadedCount);
  }

  /** Tells the server that the run is over; everything must have been sent. */
  async complete(exitCode: number): Promise<void> {
    await this.#post({ complete: true, exitcode: exitCode });
  }

  async #post(body: Readonly<Record<string, unknown>>): Promise<void> {
    const answer = await this.#http.sendJson(this.#url, body);
    this.isStopped ||= /"stopped"\s*:\s*true/.test(answer);
  }
}
