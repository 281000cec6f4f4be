import { CtError } from "@classifier-training/base";

/** The command that installs a package again which an installation may lack: an optional one, or its binary of a platform. */
export const installCommands = {
  "onnxruntime-node": "npm install --ignore-scripts onnxruntime-node",
  sharp: "npm install --include=optional sharp",
} as const;

const names = Object.keys(installCommands) as (keyof typeof installCommands)[];

/** An error of Node.js about one of these packages, as a sentence with the command; undefined for any other error. */
export function missingPackage(error: unknown): CtError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const isLoading = /^(ERR_MODULE_NOT_FOUND|MODULE_NOT_FOUND|ERR_DLOPEN_FAILED)$/.test(code ?? "");
    const [first = ""] = message.split("\n");
    const name = names.find((one) => message.includes(one));
    if (name === undefined || !(isLoading || first.startsWith('Could not load the "sharp" module'))) continue;
    return new CtError({
      code: "cli/missing-package",
      what: `the npm package ${name} is needed for this, and cannot be loaded: ${first}`,
      fix: installCommands[name],
      cause: error,
    });
  }
  return undefined;
}
