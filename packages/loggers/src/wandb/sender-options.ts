import { defaultRetry, type RetryTuning } from "../http.ts";
import { defaultStreamLimits, type StreamLimits } from "./file-stream.ts";

export interface SenderTuning {
  readonly retry: RetryTuning;
  readonly limits: StreamLimits;
  /** Pause between two requests with lines. */
  readonly transmitIntervalMs: number;
  readonly heartbeatMs: number;
  readonly pollMs: number;
  /** Lines that may wait in memory; the rest waits in the log. */
  readonly maxPendingBytes: number;
}

export const defaultTuning: SenderTuning = {
  retry: defaultRetry,
  limits: defaultStreamLimits,
  transmitIntervalMs: 15_000,
  heartbeatMs: 30_000,
  pollMs: 200,
  maxPendingBytes: 32 << 20,
};

export type SenderEvent =
  | { readonly type: "started"; readonly entity: string; readonly project: string; readonly displayName: string }
  | { readonly type: "retrying"; readonly reason: string }
  | { readonly type: "progress" }
  | { readonly type: "stopRequested" }
  | { readonly type: "warning"; readonly text: string };

export interface SenderOptions {
  readonly logPath: string;
  readonly filesDir: string;
  readonly baseUrl: string;
  readonly apiKey: string;
  /** The log is still being written: wait for more until its exit record. */
  readonly isLive: boolean;
  /** Overrides of what the log says, for syncing elsewhere. */
  readonly entity?: string | undefined;
  readonly project?: string | undefined;
  readonly tuning?: Partial<SenderTuning> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: (event: SenderEvent) => void;
}
