import "./telemetry-off.ts";
import { statSync } from "node:fs";
import { InferenceSession } from "onnxruntime-node";
import { OnnxError } from "./errors.ts";

/** ONNX Runtime with its telemetry off, without LibTorch: the one place where it is loaded. */
export { env, InferenceSession, Tensor } from "onnxruntime-node";

export interface SessionOptions {
  /** What the model is called in errors; its path by default. */
  readonly where?: string | undefined;
  /** Threads inside an operator; by default ONNX Runtime decides. */
  readonly threads?: number | undefined;
}

/**
 * Opens a model on the CPU.
 * @param model a file, or its bytes; a model whose weights lie in a file beside it is opened by its path
 * @throws OnnxError `onnx/invalid` when ONNX Runtime refuses it
 */
export async function openSession(
  model: string | Uint8Array,
  { where, threads }: SessionOptions = {},
): Promise<InferenceSession> {
  const options = {
    executionProviders: ["cpu"],
    logSeverityLevel: 3,
    ...(threads !== undefined && { intraOpNumThreads: threads }),
  } as const;
  const name = where ?? (typeof model === "string" ? model : undefined);
  try {
    if (typeof model !== "string") return await InferenceSession.create(model, options);
    if (!statSync(model).isFile()) throw new TypeError("expected a file");
    return await InferenceSession.create(model, options);
  } catch (cause) {
    throw new OnnxError({
      code: "onnx/invalid",
      what: `ONNX Runtime cannot load the model: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: name,
      cause,
    });
  }
}
