// biome-ignore-all lint/performance/useDomNodeTextContent: what is seen is what is asked for
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  asJpeg,
  type PlainClass,
  packedAgain,
  plainClasses,
  plainPhoto,
  predictedBy,
} from "../../classifier/test/plain-photos.ts";
import { expectAccessible, hasBrowser, useBrowser } from "./use-browser.ts";

vi.setConfig({ testTimeout: 180_000 });

const program = fileURLToPath(new URL("../../classifier/bin/classifier.js", import.meta.url));

const perClass = 12;

let dir = "";
let studio: ChildProcess;
let address = "";

describe.skipIf(!hasBrowser)("from an empty page to an exported model", () => {
  const { complaints, open } = useBrowser();
  beforeAll(async () => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "studio whole a b ü-")));
    studio = spawn(process.execPath, [program, "studio", "a b ü", "--port", "0"], {
      cwd: dir,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, OMP_NUM_THREADS: "1" },
    });
    address = await new Promise((resolve) => {
      studio.stdout?.on("data", (text: Buffer) => {
        const found = /http:\S+/.exec(String(text))?.[0];
        if (found !== undefined) resolve(found);
      });
    });
  });
  afterAll(async () => {
    studio?.kill("SIGTERM");
    await new Promise((resolve) => studio?.once("exit", resolve));
    rmSync(dir, { recursive: true, force: true });
  });

  test("import, label by keys, find and correct an error, train, try, export, use", async () => {
    const files: { name: string; mimeType: string; buffer: Buffer; kind: PlainClass }[] = [];
    for (let i = 0; i < perClass; i++)
      for (const kind of plainClasses)
        files.push({ name: `IMG_${files.length}.png`, mimeType: "image/png", buffer: await plainPhoto(kind, i), kind });
    // The same photo once more, in another file: it gets a wrong label.
    const again = {
      name: "IMG_again.png",
      buffer: await packedAgain(files[0]?.buffer as Buffer),
    };

    const page = await open(address);
    await page.getByText("Drop photos or folders here").waitFor();

    await page.getByLabel("Files to import").setInputFiles([...files, { ...again, mimeType: "image/png" }]);
    await button(page, "Import").click();
    await page
      .getByText(`${files.length + 1} images`)
      .first()
      .waitFor();

    await page.getByRole("tab", { name: "Label", exact: true }).click();
    for (const name of plainClasses) {
      await page.getByLabel("Class", { exact: true }).fill(name);
      await button(page, "Add class").click();
      await page.getByRole("button", { name }).first().waitFor();
    }
    const kindOf = new Map(files.map(({ name, kind }) => [name, kind]));
    for (let i = 0; i <= files.length; i++) {
      const name = (await page.locator(".stage-image figcaption bdi").innerText()).trim();
      // Keys stand beside the classes, in the order in which they were added.
      const kind = name === again.name ? "leaf" : (kindOf.get(name) as PlainClass);
      await page.keyboard.press(String(1 + plainClasses.indexOf(kind)));
      await expect
        .poll(() =>
          page
            .locator(".stage-image figcaption bdi")
            .innerText()
            .catch(() => ""),
        )
        .not.toBe(name);
    }
    await page.getByText("Every image has a label").waitFor();
    await look(page);

    await page.getByRole("tab", { name: "Review" }).click();
    await page.getByRole("tab", { name: "Duplicates and broken images" }).click();
    await button(page, "Look for duplicates and broken images").click();
    const group = page.getByRole("listitem").filter({ hasText: "1. 2 images, different labels" });
    await group.waitFor();
    await look(page);
    await group.getByRole("button", { name: "All are sky" }).click();
    await page.getByText("2 images are sky").waitFor();

    await page.getByRole("tab", { name: "Train" }).click();
    await page.getByLabel("Image size").fill("32");
    await page.getByText("More options").click();
    await page.getByLabel("Overrides").fill("model.widht=8");
    await button(page, "Start training").click();
    await page.getByText("Did you mean 'model.width'?").waitFor();
    await look(page);
    const overrides = ["model.width=8", "model.stem=small", "model.pretrained=false", "trainer.max_epochs=8"];
    await page.getByLabel("Overrides").fill([...overrides, "callbacks.best_weights.test_sizes=[]"].join("\n"));
    await button(page, "Start training").click();
    await page.getByText("Training: done").waitFor({ timeout: 120_000 });
    await page.getByRole("region", { name: "What was chosen" }).waitFor();
    expect(await page.locator("[data-chart=loss]").getAttribute("data-lines")).not.toBe("0");
    await look(page);

    await button(page, "Try it on images").click();
    const unseen = await plainPhoto("leaf", 99);
    await page.getByLabel("Images to try").setInputFiles({ name: "new.png", mimeType: "image/png", buffer: unseen });
    const first = page.locator(".bars li").first();
    await expect.poll(() => first.innerText(), { timeout: 30_000 }).toMatch(/leaf/);
    await first.getByRole("button").click();
    await page.getByText("It is in the data as leaf.").waitFor();
    await look(page);

    await page.getByRole("tab", { name: "Export" }).click();
    await button(page, "Make the archive").click();
    await page.getByText("The archive was read again").waitFor({ timeout: 60_000 });
    await look(page);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: /^Download/ }).click(),
    ]);
    const archive = join(dir, download.suggestedFilename());
    await download.saveAs(archive);
    const snippet = await page.locator(".snippet pre").nth(1).innerText();
    expect(snippet).toContain(download.suggestedFilename());

    expect(await predictedBy(archive, [unseen, await plainPhoto("sky", 98)])).toEqual(["leaf", "sky"]);

    // The program on the page, as it stands there, finds the archive and a photo beside it.
    writeFileSync(join(dir, "photo.jpg"), await asJpeg(unseen));
    expect(await runsAsWritten(snippet)).toMatch(/^leaf 0\.\d{3}$/m);
    const edits = readFileSync(join(dir, "a b ü/.classifier/edits.jsonl"), "utf8").trim().split("\n");
    expect(edits.length).toBeGreaterThan(files.length);
    expect(complaints.filter((text) => !text.includes("status of 400"))).toEqual([]);
  });
});

function button(page: Page, name: string) {
  return page.getByRole("button", { name, exact: true });
}

async function look(page: Page): Promise<void> {
  await expectAccessible(page, `studio-whole-${shots++}`);
}
let shots = 0;

/** What a program prints that was copied from the page, in the folder of the archive. */
async function runsAsWritten(text: string): Promise<string> {
  const inference = new URL("../../inference/dist/index.js", import.meta.url).href;
  writeFileSync(join(dir, "use.mjs"), text.replace('"@classifier-training/inference"', JSON.stringify(inference)));
  const child = spawn(process.execPath, ["use.mjs"], { cwd: dir, stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => {
    printed += String(chunk);
  });
  await new Promise((resolve) => child.once("close", resolve));
  return printed;
}
