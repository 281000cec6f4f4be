// Downloads LibTorch as the table in its first argument says, in a process that a test can kill.
import { CtError } from "@classifier-training/base";
import { downloadLibTorch } from "../src/libtorch/index.ts";

try {
  const { folder, how } = await downloadLibTorch({
    table: JSON.parse(process.argv[2] ?? ""),
    backoffMs: 10,
    onProgress: () => process.stderr.write("."),
  });
  process.stdout.write(JSON.stringify({ folder, how }));
} catch (error) {
  if (!CtError.is(error)) throw error;
  process.stdout.write(JSON.stringify({ code: error.code, text: error.message }));
  process.exitCode = 1;
}
