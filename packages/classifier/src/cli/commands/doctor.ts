import { cpus, totalmem } from "node:os";
import type { BuildInfo } from "@classifier-training/torch";
import { print, printJson, type RegisterCommand } from "../command.ts";
import { exitCode } from "../exit.ts";
import { installCommands } from "../missing-package.ts";

interface Finding {
  readonly ok: boolean;
  readonly name: string;
  readonly detail: string;
  readonly fix?: string;
}

export const registerDoctor: RegisterCommand = (program, finish) => {
  program
    .command("doctor")
    .description("check this machine: Node.js, LibTorch, devices, threads, codecs")
    .option("--json", "print the findings as JSON")
    .addHelpText("after", "\nExit codes: 0 no problems; 2 something is missing.\n\nExample:\n  classifier doctor")
    .action(async (options: { json?: boolean }) => {
      const findings = [node(), machine(), ...(await torch()), await codec(), await inference()];
      if (options.json) printJson(findings, 2);
      else for (const finding of findings) print(render(finding));
      finish(findings.every(({ ok }) => ok) ? exitCode.success : exitCode.problemsFound);
    });
};

function render({ ok, name, detail, fix }: Finding): string {
  return `${ok ? "ok     " : "MISSING"}  ${name.padEnd(14)} ${detail}\n${ok || fix === undefined ? "" : `         fix: ${fix}\n`}`;
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return { ok, name: "Node.js", detail: process.versions.node, fix: "install Node.js 20.19 or newer" };
}

function machine(): Finding {
  const processors = cpus();
  const detail = `${processors.length} cores (${processors[0]?.model.trim() ?? "unknown"}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform} ${process.arch}`;
  return { ok: true, name: "machine", detail };
}

async function torch(): Promise<Finding[]> {
  try {
    const { buildInfo, cudaDeviceCount, distributed, getNumThreads, mpsIsAvailable, versionInfo } = await import(
      "@classifier-training/torch"
    );
    const { libtorch } = versionInfo();
    const cuda = cudaDeviceCount();
    const devices = [
      "cpu",
      ...Array.from({ length: cuda }, (_, i) => `cuda:${i}`),
      ...(mpsIsAvailable() ? ["mps"] : []),
    ];
    return [
      { ok: true, name: "LibTorch", detail: `${libtorch} (${describe(buildInfo())})` },
      { ok: true, name: "devices", detail: devices.join(", ") },
      { ok: true, name: "threads", detail: `${getNumThreads()} for compute` },
      { ok: true, name: "process groups", detail: processGroups(distributed) },
    ];
  } catch (error) {
    const [detail = "", ...rest] = (error instanceof Error ? error.message : String(error)).split("\n");
    const advice = rest.map((line) => line.trim().replace(/^fix: /, "")).join("\n              ");
    return [{ ok: false, name: "LibTorch", detail, fix: advice || "classifier setup" }];
  }
}

/** Where LibTorch is from, and how the addon was made. */
function describe(info: BuildInfo | undefined): string {
  return info === undefined ? "an addon of your own" : `${info.libtorch.kind}, addon ${info.origin}`;
}

/** Backends for training with several processes. */
function processGroups({ isBackendAvailable }: { isBackendAvailable(backend: "gloo" | "nccl"): boolean }): string {
  const backends = (["gloo", "nccl"] as const).filter(isBackendAvailable);
  return backends.length > 0
    ? backends.join(", ")
    : "none (for several processes: apt-get install libgloo-dev, then classifier setup --force)";
}

async function codec(): Promise<Finding> {
  try {
    const { default: sharp } = await import("sharp");
    return { ok: true, name: "sharp", detail: `${sharp.versions.sharp ?? "?"} (libvips ${sharp.versions.vips})` };
  } catch (error) {
    return { ok: false, name: "sharp", detail: firstLine(error), fix: installCommands.sharp };
  }
}

async function inference(): Promise<Finding> {
  try {
    const ort = await import("@classifier-training/inference/runtime");
    return { ok: true, name: "ONNX Runtime", detail: ort.env.versions.node ?? "present" };
  } catch (error) {
    return { ok: false, name: "ONNX Runtime", detail: firstLine(error), fix: installCommands["onnxruntime-node"] };
  }
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}
