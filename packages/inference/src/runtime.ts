import "./telemetry-off.ts";
import { statSync } from "node:fs";
import { CtError } from "@classifier-training/base";
import { InferenceSession } from "onnxruntime-node";

/** ONNX Runtime with its telemetry off, without LibTorch: the one place where it is loaded. */
export { env, InferenceSession, Tensor } from "onnxruntime-node";

export interface SessionOptions {
  /** Name of the model in errors; its path by default. */
  readonly where?: string | undefined;
  /** Threads inside an operator; the default of ONNX Runtime otherwise. */
  readonly threads?: number | undefined;
}

/**
 * Opens a model on the CPU.
 * @param model a file, or its bytes; a model with external weights is opened by its path
 * @throws CtError `onnx/invalid` when ONNX Runtime refuses it
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
    throw new CtError({
      code: "onnx/invalid",
      what: `ONNX Runtime cannot load the model: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: name,
      cause,
    });
  }
}
