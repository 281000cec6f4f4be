// npm run train -- overrides...: setup, then the command line.
import process from "node:process";
import { run } from "./exec.mjs";
import { setupOrExit } from "./setup.mjs";

await setupOrExit();
run(process.execPath, ["packages/classifier/bin/classifier.js", ...process.argv.slice(2)]);
