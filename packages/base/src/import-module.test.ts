import { pathToFileURL } from "node:url";
import { expect, test, vi } from "vitest";
import { importModule } from "./import-module.ts";

test("a TypeScript file without tsx is refused with what to install", async () => {
  vi.doMock("tsx/esm/api", () => {
    throw new TypeError("Cannot find package 'tsx'");
  });
  await expect(importModule(pathToFileURL("/project/net.ts").href)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [CtError: a TypeScript file cannot be loaded: the package tsx is not installed
      where: file:///project/net.ts
      fix: npm install tsx, or compile the file and name the .js]
  `);
});
