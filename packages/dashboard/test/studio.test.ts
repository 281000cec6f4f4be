// biome-ignore-all lint/performance/useDomNodeTextContent: what is seen is what is asked for
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dashboard, startDashboard } from "@classifier-training/dashboard";
import { type DataAnalysis, type DataAnalysisKind, writeDataAnalysis } from "@classifier-training/runs";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { jobsExtension } from "../../classifier/src/studio/jobs/extension.ts";
import { studioExtension } from "../../classifier/src/studio/studio-extension.ts";
import { painted, paintFolders, unzipSync, zipSync } from "../../classifier/test/painted-images.ts";
import { eventually } from "./eventually.ts";
import { addressOf, expectAccessible, hasBrowser, type Opened, slowestScroll, useBrowser } from "./use-browser.ts";

vi.setConfig({ testTimeout: 120_000 });

const evil = "<img src=x onerror=alert(1)>";

let root: string;
let dashboard: Dashboard | undefined;
let data: string;

describe.skipIf(!hasBrowser)("the studio in a browser", () => {
  const camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
  const { complaints, open: openAt } = useBrowser({ args: camera });
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "studio a b ü-"));
  });
  afterAll(async () => {
    rmSync(root, { recursive: true, force: true });
  });
  afterEach(async () => {
    await dashboard?.close();
    dashboard = undefined;
  });

  let count = 0;

  /** A folder with red, green and unlabeled images, served. */
  async function serve(classes: Parameters<typeof paintFolders>[1] = { red: ["red", 4], green: ["green", 3] }) {
    data = join(root, `data ${count++}`);
    mkdirSync(data);
    await paintFolders(data, classes);
    for (const i of [0, 1, 2]) writeFileSync(join(data, `loose ${i}.png`), await painted("blue", 40 + i, "png"));
  }

  async function open(query = "", how: Opened = {}): Promise<Page> {
    const runs = join(root, "runs");
    const extensions = [studioExtension(data), jobsExtension({ folder: data, runs })];
    dashboard ??= await startDashboard({ root: runs, port: 0, extensions });
    return openAt(addressOf(dashboard.writeUrl, query), how);
  }

  /** The lines of the log without their time. */
  const log = () => {
    const path = join(data, ".classifier", "edits.jsonl");
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, "utf8").trim().split("\n");
    return lines.map((line) => {
      const { time: _, ...edit } = JSON.parse(line) as Record<string, unknown>;
      return edit;
    });
  };
  const tiles = (page: Page) => page.getByRole("option").filter({ has: page.locator(".thumbnail") });
  const tile = (page: Page, name: string) => tiles(page).filter({ hasText: name });
  const tab = (page: Page, name: string) => page.getByRole("tab", { name, exact: true }).click();
  const said = (page: Page) => page.locator(".announcement").innerText();

  /** A job that has ended, as the queue keeps it. */
  function finished<K extends DataAnalysisKind>(kind: "suspects" | "learning-curve", as: K, result: DataAnalysis<K>) {
    const folder = join(data, ".classifier", "jobs", `job-${kind}`);
    mkdirSync(folder, { recursive: true });
    writeDataAnalysis(join(folder, "result.json"), as, result);
    const at = new Date().toISOString();
    const job = { id: `job-${kind}`, kind, options: {}, words: ["data", kind, data], status: "done" };
    writeFileSync(join(folder, "job.json"), JSON.stringify({ ...job, createdAt: at, startedAt: at, finishedAt: at }));
  }

  test("label errors are corrected by keys, and what more images would bring is said and plotted", async () => {
    await serve({ red: ["red", 4], green: ["green", 3] });
    writeFileSync(join(data, "red", "oops.png"), await painted("green", 70, "png"));
    const judges = { by: "folds" as const, models: [], images: 8, leftOut: 0, note: "folds of 2 networks" };
    const suspect = (name: string, label: string, suggested: string, probability: number) => ({
      sample: `${label}/${name}`,
      label,
      suggested,
      labelProbability: 1 - probability,
      suggestedProbability: probability,
      isConfident: probability > 0.8,
    });
    const [hard = ""] = readdirSync(join(data, "green"));
    finished("suspects", "suspects", {
      formatVersion: 1,
      data,
      judges,
      agreement: 0.9,
      suspects: [suspect("oops.png", "red", "green", 0.97), suspect(hard, "green", "red", 0.6)],
    });
    const expected = (images: number) => {
      const value = 1 / Math.sqrt(images);
      return { images, value, low: 0.8 * value, high: Math.min(1, 1.2 * value) };
    };
    finished("learning-curve", "learningCurve", {
      formatVersion: 1,
      data,
      judges,
      measures: "whole trainings",
      images: 400,
      points: [100, 200, 400].map((n) => ({ ...expected(n), repetitions: 5 })),
      curve: [50, 100, 400, 1600].map(expected),
      forecasts: [0, 100, 400, 3600].map((more) => ({ more, ...expected(400 + more) })),
      classes: [
        { name: "green", images: 3, error: 0.4 },
        { name: "red", images: 397, error: null },
      ],
    });
    const page = await open("?view=review");
    await page.getByText("1 probably with a wrong label, 1 doubtful.").waitFor();
    await eventually(async () => (await page.locator(".walk-choices").innerText()).replaceAll(/\s+/g, " ")).toContain(
      "Label: red Probably wrong: green 97.0%, red 3.0%",
    );
    await expectAccessible(page, "label-errors");
    await page.keyboard.press("Enter");
    await page.getByText("Doubtful: ").waitFor();
    await page.keyboard.press("c");
    await eventually(() => log()).toEqual([
      expect.objectContaining({ op: "label", images: ["red/oops.png"], label: "green" }),
      expect.objectContaining({ op: "confirm", images: [`green/${hard}`] }),
    ]);
    await page.keyboard.press("z");
    await eventually(() => log().at(-1)).toMatchObject({ op: "undo" });
    await tab(page, "Is it enough?");
    await page.getByText("With the 400 images that there are: 5.0% errors (4.0% to 6.0%).").waitFor();
    await page.getByText("3,600 more images: 5.0% → 1.6% errors (1.3% to 1.9%).").waitFor();
    await page.getByRole("row", { name: /^green 3 40.0%/ }).waitFor();
    await expectAccessible(page, "enough");
    expect(complaints).toEqual([]);
  });

  test("images are seen, filtered, selected by keys and mouse, labeled, left out and used again", async () => {
    await serve();
    writeFileSync(join(data, "red", "broken.jpg"), "no image");
    const page = await open();
    await eventually(() => tiles(page).count()).toBe(11);
    await page.getByText("11 of 11 images").waitFor();
    await tile(page, "broken.jpg").getByText("cannot be read").waitFor();
    complaints.length = 0;
    // Pixels, not just an element.
    await eventually(() =>
      tile(page, "loose 0.png")
        .locator("img")
        .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
    ).toBeGreaterThan(40);
    const show = page.getByRole("combobox", { name: "Show" });
    for (const [value, left] of [
      ["none", 3],
      ["label:green", 3],
      ["label:red", 5],
      ["out", 0],
      ["", 11],
    ] as const) {
      await show.selectOption(value);
      await page.getByText(`${left} of 11 images`).waitFor();
    }
    await page.getByRole("searchbox", { name: "Find" }).fill("loose 1");
    await page.getByText("1 of 11 images").waitFor();
    await page.getByRole("searchbox", { name: "Find" }).fill("");
    await page.getByRole("combobox", { name: "Order" }).selectOption("class");
    await eventually(() => tiles(page).first().innerText()).toContain("green");
    await page.getByRole("combobox", { name: "Order" }).selectOption("name");
    // The first three by keys: a range, then one of them less.
    await tiles(page).first().focus();
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Shift+ArrowRight");
    await page.getByText("3 images selected").waitFor();
    await page.keyboard.press("Space");
    await page.getByText("2 images selected").waitFor();
    await page.keyboard.press("End");
    await eventually(() => page.evaluate("document.activeElement.getAttribute('aria-posinset')")).toBe("11");
    await page.keyboard.press("Home");
    await eventually(() => page.evaluate("document.activeElement.getAttribute('aria-posinset')")).toBe("1");
    await page.keyboard.press("Control+a");
    await page.getByText("11 images selected").waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("Nothing is selected").waitFor();
    // By the mouse, and the key of the class.
    await tile(page, "loose 0.png").click();
    await tile(page, "loose 1.png").click({ modifiers: ["Control"] });
    await page.keyboard.press("2");
    await eventually(log).toEqual([{ op: "label", images: ["loose 0.png", "loose 1.png"], label: "red" }]);
    await eventually(() => tile(page, "loose 0.png").innerText()).toContain("red");
    await page.getByLabel("Class", { exact: true }).fill("ü & <b>");
    await page.getByRole("button", { name: "Label", exact: true }).click();
    await eventually(() => tile(page, "loose 1.png").innerText()).toContain("ü & <b>");
    await page.getByRole("button", { name: "Label is right" }).click();
    await page.getByRole("combobox", { name: "Leave out, because" }).selectOption("duplicate");
    await page.getByText("9 of 11 images").waitFor();
    await show.selectOption("out");
    await page.getByText("2 of 11 images").waitFor();
    await page.getByRole("button", { name: "Use again" }).click();
    await page.getByText("0 of 11 images").waitFor();
    await show.selectOption("");
    await page.getByRole("combobox", { name: "Split of the selected images" }).selectOption("test");
    await eventually(() => tile(page, "loose 0.png").innerText()).toContain("test");
    await page.getByRole("button", { name: "Remove label" }).click();
    await eventually(() => tile(page, "loose 0.png").innerText()).toContain("no label");
    const both = ["loose 0.png", "loose 1.png"];
    await eventually(() => log().slice(1)).toEqual([
      { op: "label", images: both, label: "ü & <b>" },
      { op: "confirm", images: both },
      { op: "exclude", images: both, reason: "duplicate" },
      { op: "include", images: both },
      { op: "split", images: both, split: "test" },
      { op: "label", images: both, label: null },
    ]);
    await page.getByRole("button", { name: "Undo", exact: true }).click();
    await eventually(() => tile(page, "loose 0.png").innerText()).toContain("ü & <b>");
    await page.reload();
    await eventually(() => tile(page, "loose 0.png").innerText()).toContain("ü & <b>");
    // A file that appears, and an edit of another process.
    writeFileSync(join(data, "green", "later.jpg"), await painted("green", 70));
    await tile(page, "later.jpg").waitFor();
    const line = { time: new Date().toISOString(), op: "label", images: ["green/later.jpg"], label: "red" };
    writeFileSync(join(data, ".classifier", "edits.jsonl"), `${JSON.stringify(line)}\n`, { flag: "a" });
    await eventually(() => tile(page, "later.jpg").innerText()).toContain("red");
    expect(complaints.filter((text) => !text.includes("422"))).toEqual([]);
  });

  test("an image is looked at, zoomed, with what is known of it; the arrow keys lead to its neighbors", async () => {
    await serve();
    const page = await open();
    await tile(page, "loose 0.png").dblclick();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("× 40 px").waitFor();
    await eventually(() => dialog.locator(".facts").innerText()).toContain("png");
    const width = () =>
      dialog.locator(".preview-image img").evaluate((image) => (image as unknown as { width: number }).width);
    const before = await width();
    await dialog.getByRole("button", { name: "Zoom in" }).click();
    await eventually(width).toBeGreaterThan(before * 1.5);
    await dialog.getByRole("button", { name: "Zoom out" }).click();
    await dialog.getByText("whole image").waitFor();
    await page.keyboard.press("ArrowRight");
    await dialog.getByRole("heading", { name: "loose 1.png" }).waitFor();
    await dialog.getByRole("button", { name: "← Previous" }).click();
    await dialog.getByRole("heading", { name: "loose 0.png" }).waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });

  test("from an empty folder: files, folders and archives are dropped, chosen and pasted, once each", async () => {
    data = join(root, "empty");
    mkdirSync(data);
    const page = await open();
    await page.getByRole("heading", { name: "Drop photos or folders here" }).waitFor();
    const given = join(root, "given ü");
    await paintFolders(given, { [`cats`]: ["red", 3], dögs: ["green", 2] });
    writeFileSync(join(given, "cats", "notes.txt"), "no image");
    // A folder is dropped.
    const cdp = await page.context().newCDPSession(page);
    for (const type of ["dragEnter", "dragOver", "drop"]) {
      await cdp.send("Input.dispatchDragEvent", {
        type: type as "drop",
        x: 400,
        y: 400,
        data: { items: [], files: [given], dragOperationsMask: 1 },
      });
      if (type === "dragOver") await page.getByText("Drop images, folders or zip archives here").waitFor();
    }
    const dialog = page.getByRole("dialog");
    await dialog.getByText("cats (4), dögs (2)").waitFor();
    await dialog.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByText("5 imported, 1 could not be read.").first().waitFor();
    await page.getByText("1 file that could not be read").click();
    await page.getByText("notes.txt").waitFor();
    await eventually(() => tiles(page).count()).toBe(5);
    expect(readdirSync(join(data, ".classifier", "images"))).toHaveLength(5);
    expect(
      log()
        .map(({ op, label }) => [op, label])
        .sort(),
    ).toEqual([
      ["add", "cats"],
      ["add", "dögs"],
    ]);
    // The same files again, by the field, into one class: they are there already.
    await page
      .getByLabel("Files to import")
      .setInputFiles([join(given, "cats", "0.jpg"), join(given, "cats", "1.jpg")]);
    await dialog.getByLabel("one class for all of them").check();
    await dialog.getByLabel("Class", { exact: true }).fill("cats");
    await dialog.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByText("0 imported, 2 were there already.").first().waitFor();
    // An archive whose names try to leave the folder.
    const archive = join(root, "more.zip");
    const files = {
      "birds/1.png": await painted("blue", 90, "png"),
      "../../evil/2.png": await painted("blue", 91, "png"),
      "birds/x.png": Buffer.from("no"),
    };
    writeFileSync(archive, zipSync(files));
    await page.getByLabel("Files to import").setInputFiles([archive]);
    await dialog.getByLabel("the folder that each lies in").check();
    await dialog.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByText("2 imported, 1 could not be read.").first().waitFor();
    expect(existsSync(join(root, "evil"))).toBe(false);
    // An image is pasted.
    const pasted = (await painted("green", 95, "png")).toString("base64");
    await page.evaluate(`(() => {
      const bytes = Uint8Array.from(atob("${pasted}"), (c) => c.charCodeAt(0));
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
      document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
    })()`);
    await dialog.getByRole("button", { name: "Import", exact: true }).click();
    await tile(page, "pasted.png").waitFor();
    // A folder by its field.
    await page.getByLabel("Folder to import").setInputFiles(given);
    await dialog.getByText("cats (4), dögs (2)").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await eventually(() => tiles(page).count()).toBe(8);
    // In the order of their names, and not of the hashes that they are kept by.
    const names = await page.locator(".tile-name bdi").allInnerTexts();
    expect(names).toEqual([...names].sort());
    expect(complaints).toEqual([]);
  });

  test("1,000 images are imported at once, and 9,000 scroll without a stall", async () => {
    await serve({});
    const page = await open();
    await eventually(() => tiles(page).count()).toBe(3);
    const given = join(root, "thousand");
    await paintFolders(given, { many: ["red", 40] });
    // Each another file: what follows the end of a JPEG is not looked at.
    const bytes = readFileSync(join(given, "many", "0.jpg"));
    for (let i = 40; i < 1000; i++)
      writeFileSync(join(given, "many", `${i}.jpg`), Buffer.concat([bytes, Buffer.from(String(i))]));
    const start = async () => {
      await page.getByLabel("Folder to import").setInputFiles(given);
      await page.getByRole("dialog").getByRole("button", { name: "Import", exact: true }).click();
      await page.getByText(/^Importing [1-9]\d* of 1,000/).waitFor();
    };
    await start();
    await page.getByRole("button", { name: "Cancel the import" }).click();
    const canceled = page.getByText(/^Canceled: \d+ imported\.$/).first();
    const before = Number.parseInt((await canceled.innerText()).slice("Canceled: ".length), 10);
    expect(before).toBeLessThan(1000);
    expect(readdirSync(join(data, ".classifier", "images"))).toHaveLength(before);
    await start();
    await page
      .getByText(`${1000 - before} imported, ${before} were there already.`)
      .first()
      .waitFor({ timeout: 60_000 });
    expect(readdirSync(join(data, ".classifier", "images"))).toHaveLength(1000);
    // An edit names many images: the history stays short.
    expect(log().length).toBeLessThan(20);
    await page.getByText("1,003 of 1,003 images").waitFor();
    await eventually(() => tiles(page).count()).toBeLessThan(90);
    // Many more.
    mkdirSync(join(data, "bulk"));
    for (let i = 0; i < 8000; i++) writeFileSync(join(data, "bulk", `${i}.jpg`), "");
    await page.getByText("9,003 of 9,003 images").waitFor({ timeout: 60_000 });
    const took = await slowestScroll(page, ".image-grid", { step: 20000, steps: 10 });
    // A stall is what a person notices; this machine may be busy with other tests.
    expect(took).toBeLessThan(1000);
  });

  test("images are labeled by keys alone: several at once, skipped, confirmed, undone, refused", async () => {
    await serve({ red: ["red", 2], green: ["green", 2] });
    const page = await open();
    await tab(page, "Label");
    const stage = page.locator(".stage-image figcaption");
    await eventually(() => stage.innerText()).toContain("loose 0.png");
    await page.getByText("1 of 3", { exact: true }).waitFor();
    // The next ones are loaded before they are asked for.
    await eventually(() => page.locator(".stage-image img").count()).toBe(3);
    await page.keyboard.press("1");
    await eventually(() => stage.innerText()).toContain("loose 1.png");
    await eventually(() => said(page)).toContain("loose 0.png: green. Next: loose 1.png.");
    await page.keyboard.press("z");
    await eventually(() => stage.innerText()).toContain("loose 0.png");
    // Held, it is about one image, too.
    await page.keyboard.down("1");
    for (let i = 0; i < 3; i++) await page.keyboard.down("1");
    await page.keyboard.up("1");
    await eventually(() => stage.innerText()).toContain("loose 1.png");
    await page.keyboard.press("Control+z");
    await eventually(() => stage.innerText()).toContain("loose 0.png");
    await page.keyboard.press("s");
    await eventually(() => stage.innerText()).toContain("loose 1.png");
    await page.keyboard.press("Shift+ArrowRight");
    await eventually(() => stage.innerText()).toContain("loose 1.png and 1 more");
    await page.keyboard.press("2");
    await page.getByText("You have seen all of them. 1 images have no label yet.").waitFor();
    await page.getByRole("button", { name: "Begin again" }).click();
    await eventually(() => stage.innerText()).toContain("loose 0.png");
    await page.keyboard.press("u");
    await page.getByText("Every image has a label, or is left out.").waitFor();
    await page.getByRole("combobox", { name: "Look at" }).selectOption("label:red");
    await page.getByText("1 of 4", { exact: true }).waitFor();
    await page.keyboard.press("c");
    await eventually(log).toEqual([
      { op: "label", images: ["loose 0.png"], label: "green" },
      { op: "undo" },
      { op: "label", images: ["loose 0.png"], label: "green" },
      { op: "undo" },
      { op: "label", images: ["loose 1.png", "loose 2.png"], label: "red" },
      { op: "exclude", images: ["loose 0.png"], reason: "unreadable" },
      { op: "confirm", images: ["loose 1.png"] },
    ]);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByLabel("Class", { exact: true }).fill("white");
    await page.getByRole("button", { name: "Add class" }).click();
    await page.getByRole("button", { name: /white/ }).click();
    await eventually(() => log().at(-1)).toEqual({ op: "label", images: ["loose 2.png"], label: "white" });
    // A server that cannot write: what was shown is taken back, and said.
    await page.route("**/api/studio/edits", (route) =>
      route.fulfill({ status: 400, json: { error: "the disk is full" } }),
    );
    const before = await stage.innerText();
    await page.locator(".strip button.chosen").focus();
    await page.keyboard.press("1");
    await page.getByText("Not saved: the disk is full").waitFor();
    await eventually(() => stage.innerText()).toBe(before);
    expect(complaints.filter((text) => !text.includes("400"))).toEqual([]);
  });

  test("classes are added, renamed, merged and removed, whatever they are called", async () => {
    await serve();
    const page = await open("?part=classes");
    const row = (name: string) => page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });
    for (const name of [evil, "🐈", "عربي"]) {
      await page.getByLabel("New class").fill(name);
      await page.getByRole("button", { name: "Add class" }).click();
      await row(name).waitFor();
    }
    await page.getByLabel("New class").fill("red");
    await page.getByRole("button", { name: "Add class" }).click();
    await page.getByText("Not saved: there is a class red already").waitFor();
    await page.getByRole("button", { name: "Rename or merge red" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("New name").fill("🐈");
    await dialog.getByText("the 4 images of red become one class").waitFor();
    await dialog.getByRole("button", { name: "Merge" }).click();
    await eventually(() => row("🐈").innerText()).toMatch(/🐈\s+4\b/);
    await eventually(() => row("red").count()).toBe(0);
    await page.getByRole("button", { name: "Remove green" }).click();
    await dialog.getByText("3 images will have no label then").waitFor();
    await dialog.getByRole("button", { name: "Remove class" }).click();
    await eventually(() => row("green").count()).toBe(0);
    await eventually(() => log().map(({ op, name, from, to }) => [op, name ?? from, to])).toEqual([
      ["add_class", evil, undefined],
      ["add_class", "🐈", undefined],
      ["add_class", "عربي", undefined],
      ["rename_class", "red", "🐈"],
      ["remove_class", "green", undefined],
    ]);
    await tab(page, "History");
    await page.getByText("class renamed: red to 🐈").waitFor();
    await page.getByRole("button", { name: `Undo what came after: class added: ${evil}` }).click();
    await eventually(() => page.locator(".history .undone").count()).toBe(4);
    await page.getByRole("button", { name: "Redo" }).last().click();
    await eventually(() => page.locator(".history .undone").count()).toBe(3);
    await page.getByRole("button", { name: "Undo everything" }).click();
    await eventually(() => page.locator(".history .undone").count()).toBe(5);
    await tab(page, "Classes");
    await eventually(() => row("red").innerText()).toContain("4");
    expect(complaints.filter((text) => !text.includes("400"))).toEqual([]);
  });

  test("images are split as training does it, and what was made is exported", async () => {
    await serve({ red: ["red", 10], green: ["green", 10] });
    const page = await open("?part=split");
    await page.getByText("of 20 images, it takes 20% for validation").waitFor();
    await page.getByLabel("Validation, %").fill("30");
    await page.getByLabel("Test, %").fill("20");
    await page.getByRole("button", { name: "Split automatically" }).click();
    await page.getByText(/^Split 20 images: 10 train, 6 valid, 4 test/).waitFor();
    await eventually(() => page.locator("tfoot").innerText()).toMatch(/all\s+10\s+6\s+4\s+0/);
    await page.getByText("Training will be on 10 images, and validated on 6 images. Tests are on 4 images.").waitFor();
    await tab(page, "All images");
    await page.getByRole("button", { name: "Export ..." }).click();
    const [zip] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Images as a zip archive" }).click(),
    ]);
    const names = Object.keys(unzipSync(readFileSync(await zip.path()))).map((name) =>
      name.split("/").slice(0, 2).join("/"),
    );
    const counts = Object.fromEntries(
      [...new Set(names)].sort().map((name) => [name, names.filter((one) => one === name).length]),
    );
    expect(counts).toEqual({
      "test/green": 2,
      "test/red": 2,
      "train/green": 5,
      "train/red": 5,
      "valid/green": 3,
      "valid/red": 3,
    });
    const [list] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Labels as JSONL" }).click(),
    ]);
    const lines = readFileSync(await list.path(), "utf8")
      .trim()
      .split("\n");
    expect(lines.map((line) => Object.keys(JSON.parse(line)))).toEqual(lines.map(() => ["image", "label", "split"]));
    await page.keyboard.press("Escape");
    await tab(page, "Split");
    await page.getByRole("button", { name: "Reset" }).click();
    await eventually(() => page.locator("tfoot").innerText()).toMatch(/all\s+0\s+0\s+0\s+20/);
    expect(complaints).toEqual([]);
  });

  test("the webcam takes images into a class for as long as the key is held", async () => {
    data = join(root, "webcam");
    mkdirSync(data);
    const page = await open();
    await page.getByRole("button", { name: "Webcam ..." }).click();
    const dialog = page.getByRole("dialog", { name: "Webcam" });
    await dialog.getByLabel("Class", { exact: true }).fill("face");
    await dialog.getByLabel("Images a second").fill("10");
    const button = dialog.getByRole("button", { name: "Hold to take images (space)" });
    await eventually(() => button.isEnabled()).toBe(true);
    await button.focus();
    await page.keyboard.down("Space");
    await eventually(async () => Number.parseInt(await dialog.getByRole("status").innerText(), 10)).toBeGreaterThan(3);
    await page.keyboard.up("Space");
    await eventually(() => log().map(({ op, label }) => [op, label])).toEqual([["add", "face"]]);
    await dialog.getByRole("button", { name: "Close" }).click();
    await eventually(() => tiles(page).count()).toBeGreaterThan(3);
    await eventually(() => tiles(page).first().innerText()).toContain("face");
    expect(complaints).toEqual([]);
  });

  const parts = ["images", "label", "classes", "split", "history"];

  test.each([
    [1280, "light", parts],
    [1280, "dark", ["images", "label", "split"]],
    [360, "light", ["images", "label", "classes", "history"]],
    [2560, "dark", ["label"]],
  ] as const)(
    "at %d pixels, %s: nothing is out of the page, and axe finds nothing",
    async (width, colorScheme, shown) => {
      await serve({
        [`${evil} with a long name that has to be cut`]: ["red", 30],
        عربي: ["green", 20],
        "🐈": ["blue", 9],
      });
      const look = async (page: Page, name: string) => {
        await page.getByText("live", { exact: true }).waitFor();
        await eventually(() =>
          page.evaluate(
            "[...document.querySelectorAll('.tile img, .stage-image img')].every((image) => image.complete)",
          ),
        ).toBe(true);
        await expectAccessible(page, `studio-${name}-${width}-${colorScheme}`);
      };
      for (const part of shown) {
        const page = await open(`?part=${part}`, { width, colorScheme });
        await page.locator(`#studio-tab-${part}[aria-selected=true]`).waitFor();
        if (part === "images") {
          await tiles(page).nth(1).click();
          await page.keyboard.press("Shift+ArrowRight");
        }
        await look(page, part);
        if (part === "images" && width === 1280) {
          await page.keyboard.press("Enter");
          await page.getByText("× 40 px").waitFor();
          await look(page, "preview");
          await page.keyboard.press("Escape");
          await page.getByRole("button", { name: "Webcam ..." }).click();
          await look(page, "webcam");
        }
        await page.close();
      }
      expect(complaints).toEqual([]);
    },
  );
});
