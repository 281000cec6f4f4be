// npm start: setup, then the demo: renders a dataset, trains, exports, predicts. Arguments are overrides.
import process from "node:process";
import { run } from "./exec.mjs";
import { setupOrExit } from "./setup.mjs";

await setupOrExit();
run(process.execPath, ["packages/classifier/bin/classifier.js", "demo", ...process.argv.slice(2)]);
