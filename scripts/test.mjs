// npm test: setup, every check, every test. Arguments go to vitest: `npm test -- packages/hydra`.
import process from "node:process";
import { run, runTool } from "./exec.mjs";
import { setupOrExit } from "./setup.mjs";

await setupOrExit();
const filters = process.argv.slice(2);
if (filters.length === 0) run(process.execPath, ["scripts/check.mjs"]);
runTool("vitest", ["run", ...filters], { OMP_NUM_THREADS: "1" });
