import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { withPlainPaths } from "../native/cmake-paths.mjs";

const project = `
cmake_minimum_required(VERSION 3.18)
project(probe NONE)
file(GLOB FOUND CONFIGURE_DEPENDS src/*.txt)
configure_file("\${FOUND}" out.txt)`;

test("CMake works below folders whose names mean something in its language, and nothing is left over", async () => {
  const base = mkdtempSync(join(tmpdir(), "cmake-"));
  const names = ["a b ü", "it's", 'say "hi"', "a;b", "back\\slash", "a$b"];
  try {
    for (const name of process.platform === "win32" ? names.slice(0, 2) : names) {
      const [sources, tree] = [join(base, name, "sources"), join(base, name, "tree")];
      mkdirSync(join(sources, "src"), { recursive: true });
      writeFileSync(join(sources, "CMakeLists.txt"), project);
      writeFileSync(join(sources, "src/in.txt"), name);
      const built = await withPlainPaths({ sources }, tree, async (plain, plainTree) => {
        const { status, stderr } = spawnSync("cmake", ["-S", plain.sources, "-B", plainTree], { encoding: "utf8" });
        expect(status, `${name}: ${stderr}`).toBe(0);
        expect(readFileSync(join(plainTree, "out.txt"), "utf8").trim(), name).toBe(name);
        return plainTree;
      });
      if (built !== tree) expect(existsSync(dirname(built)), name).toBe(false);
      expect(readdirSync(join(sources, "src")), name).toEqual(["in.txt"]);
    }
  } finally {
    rmSync(base, { recursive: true });
  }
});
