import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { afterAll, expect, test } from "vitest";
import { openModelFiles } from "./model-files.ts";

const dir = mkdtempSync(join(tmpdir(), "model-files-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const bytes = (text: string) => new TextEncoder().encode(text);

test("a folder, an archive of its files and one of the folder hold the same", async () => {
  mkdirSync(join(dir, "bundle", "golden"), { recursive: true });
  writeFileSync(join(dir, "bundle", "bundle.json"), "{}");
  writeFileSync(join(dir, "bundle", "golden", "000.jpg"), "image");
  writeFileSync(join(dir, "files.zip"), zipSync({ "bundle.json": bytes("{}"), "golden/000.jpg": bytes("image") }));
  writeFileSync(
    join(dir, "folder.zip"),
    zipSync({ "bundle/bundle.json": bytes("{}"), "bundle/golden/000.jpg": bytes("image") }),
  );
  for (const name of ["bundle", "files.zip", "folder.zip"]) {
    const files = await openModelFiles(join(dir, name));
    expect(files.list()).toEqual(["bundle.json", "golden/000.jpg"]);
    expect(files.has("golden/000.jpg")).toBe(true);
    expect(files.has("golden")).toBe(false);
    expect(new TextDecoder().decode(files.read("golden/000.jpg"))).toBe("image");
  }
});

test("an archive that was cut short is an error that names it", async () => {
  const whole = zipSync({ "bundle.json": bytes("{}") });
  writeFileSync(join(dir, "cut.zip"), whole.subarray(0, whole.length - 8));
  await expect(openModelFiles(join(dir, "cut.zip"))).rejects.toThrow(/the archive cannot be read[\s\S]*cut\.zip/);
});
