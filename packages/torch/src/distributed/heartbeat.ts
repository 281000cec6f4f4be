import { getLogger } from "@classifier-training/base";
import { native } from "../native/load.ts";

// A rank that waits says for whom. Each rank posts now and then how many operations it has begun: those that have begun
// fewer are the ones that the others wait for, and one that has posted nothing for long has died or hangs.

const log = getLogger("torch.distributed");

interface Place {
  readonly rank: number;
  readonly worldSize: number;
  readonly heartbeatS: number;
}

/** What a rank has posted. */
interface Progress {
  readonly operations: number;
  readonly last: string;
  /** ms since the epoch, by that machine's clock */
  readonly at: number;
}

const postEveryMs = 5000;

let place: Place | undefined;
let posting: NodeJS.Timeout | undefined;
let operations = 0;
let last = "";

export function startHeartbeat(of: Place): void {
  place = of;
  operations = 0;
  post();
  posting = setInterval(post, Math.min(postEveryMs, of.heartbeatS * 500));
  posting.unref();
}

export function stopHeartbeat(): void {
  clearInterval(posting);
  place = undefined;
}

function post(): void {
  const progress: Progress = { operations, last, at: Date.now() };
  native.postProgress?.(JSON.stringify(progress));
}

/** Counts an operation of this rank. */
export function began(what: string): void {
  operations++;
  last = what;
}

/** One operation that does not end: warns after `everyMs`, then after ever longer times. */
export class Wait {
  readonly everyMs: number;
  readonly #what: string;
  readonly #operations = operations;
  readonly #start = performance.now();
  #said = 0;

  constructor(what: string) {
    this.#what = what;
    this.everyMs = (place?.heartbeatS ?? 30) * 1000;
  }

  /** To be called every `everyMs`. */
  report(): void {
    const turns = Math.round((performance.now() - this.#start) / this.everyMs);
    if (place === undefined || turns < 2 * this.#said) return;
    this.#said = Math.max(1, turns);
    const seconds = duration((performance.now() - this.#start) / 1000);
    log.warning(`rank ${place.rank} has waited ${seconds} in ${this.#what} ${this.#forWhom(place)}`);
  }

  #forWhom({ rank: own, worldSize }: Place): string {
    const texts = native.readProgress?.() ?? null;
    if (texts === null) return "(rank 0, which keeps the meeting point, does not answer)";
    const behind = Array.from({ length: worldSize }, (_, rank) => [rank, parse(texts[rank])] as const)
      .filter(([rank, progress]) => rank !== own && (progress?.operations ?? 0) < this.#operations)
      .map(([rank, progress]) => `rank ${rank}${progress === undefined ? "" : stateOf(progress)}`);
    return behind.length === 0 ? "for the other ranks" : `for ${behind.join(", ")}`;
  }
}

function parse(text: string | undefined): Progress | undefined {
  return text ? (JSON.parse(text) as Progress) : undefined;
}

function stateOf({ last, at }: Progress): string {
  const silent = (Date.now() - at) / 1000;
  const seen = silent > 20 ? `, last heard of ${duration(silent)} ago` : "";
  return ` (its last operation: ${last || "none yet"}${seen})`;
}

/** Says which ranks are missing while a group is being joined. @returns what ends it */
export function reportArrivals(joining: Place & { readonly shown: string; readonly timeoutS: number }): () => void {
  const { rank, worldSize, shown, timeoutS, heartbeatS } = joining;
  const start = performance.now();
  const report = () => {
    const arrived = native.arrivedRanks?.() ?? null;
    const missing = Array.from({ length: worldSize }, (_, i) => i).filter((i) => arrived?.includes(i) === false);
    const whom = arrived === null ? "rank 0, which hosts it" : `rank ${missing.join(", ")} of ${worldSize}`;
    const waited = duration((performance.now() - start) / 1000);
    log.warning(`rank ${rank} has waited ${waited} at ${shown} for ${whom}; it gives up after ${duration(timeoutS)}`);
  };
  const timer = setInterval(report, heartbeatS * 1000);
  return () => clearInterval(timer);
}

function duration(seconds: number): string {
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
