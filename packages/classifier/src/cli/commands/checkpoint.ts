import { print, printJson, type RegisterCommand } from "../command.ts";

export const registerCheckpoint: RegisterCommand = (program) => {
  const checkpoint = program
    .command("checkpoint")
    .description("inspect checkpoints")
    .addHelpText("after", "\nExample:\n  classifier checkpoint inspect checkpoints/last.ckpt");
  checkpoint
    .command("inspect")
    .description("content of a checkpoint: training progress, weights, hashes")
    .argument("<path>", "a .ckpt file")
    .option("--json", "all content, as JSON")
    .option("--weights", "list every weight with its type and shape")
    .addHelpText("after", "\nExample:\n  classifier checkpoint inspect checkpoints/last.ckpt --weights")
    .action(async (path: string, { json, weights }: { json?: boolean; weights?: boolean }) => {
      const { inspectCheckpoint } = await import("@classifier-training/lightning");
      const found = inspectCheckpoint(path);
      if (json) {
        printJson(found, 2);
        return;
      }
      const { summary, bytes, parameters, formatVersion, weightsSha256, stateEntries } = found;
      const lines: (readonly [string, unknown])[] = [
        ["file", `${path} (${(bytes / 2 ** 20).toFixed(1)} MB, format ${formatVersion})`],
        ...Object.entries(summary).filter(([, value]) => typeof value !== "object" || value === null),
        ["parameters", parameters.toLocaleString("en-US")],
        ["weights sha256", weightsSha256],
        ["state", stateEntries.join(", ")],
      ];
      for (const [name, value] of lines) print(`${name.padEnd(16)} ${String(value)}\n`);
      if (!weights) return;
      for (const { name, dtype, shape } of found.weights) print(`${name.padEnd(48)} ${dtype} [${shape.join(", ")}]\n`);
    });
};
