// Writes packages/*/src/proto/*.generated.ts from packages/*/proto/*.proto. Needs protoc (Debian: protobuf-compiler); the
// plug-in for TypeScript comes from npm into a temporary folder, since only whoever changes a .proto needs it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { root } from "./exec.mjs";
import { protos, sourceHash } from "./generated.mjs";

const temporary = mkdtempSync(join(tmpdir(), "protos-"));
try {
  execFileSync("npm", ["install", "--silent", "--no-audit", "--no-fund", "@bufbuild/protoc-gen-es@2.12.0"], {
    cwd: temporary,
    stdio: "inherit",
  });
  for (const { file, sources } of protos()) {
    const [source] = sources;
    const name = basename(source, ".proto");
    const plugin = join(temporary, "node_modules/.bin/protoc-gen-es");
    const args = [`--plugin=${plugin}`, `--es_out=${temporary}`, "--es_opt=target=ts,import_extension=ts", source];
    execFileSync("protoc", ["-I", dirname(source), ...args], { cwd: root, stdio: "inherit" });
    const text = readFileSync(join(temporary, `${name}_pb.ts`), "utf8");
    writeFileSync(join(root, file), `// Source hash: ${sourceHash(sources)}\n${text}`);
    process.stdout.write(`${file}\n`);
  }
} finally {
  rmSync(temporary, { recursive: true });
}
