// biome-ignore-all lint/performance/useDomNodeTextContent: what is seen is what is asked for
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dashboard, startDashboard } from "@classifier-training/dashboard";
import { epochFolder, type PredictionRow, runPaths, writeDataAnalysis } from "@classifier-training/runs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { samplesExtension } from "../../classifier/src/studio/samples/samples-extension.ts";
import { writeEvaluation } from "./evaluations-on-disk.ts";
import { eventually } from "./eventually.ts";
import { type WrittenRun, writeRun } from "./runs-on-disk.ts";
import { trainOnce } from "./trained-run.ts";
import { addressOf, expectAccessible, hasBrowser, type Opened, useBrowser } from "./use-browser.ts";

vi.setConfig({ testTimeout: 120_000 });

const names = Array.from({ length: 42 }, (_, i) =>
  i === 7 ? "<img src=x onerror=alert(1)>" : i === 8 ? "__proto__" : `class ${i}`,
);
const many = Array.from({ length: 1000 }, (_, i) => `synset ${i}`);

let root: string;
let dashboard: Dashboard;
let trained: Awaited<ReturnType<typeof trainOnce>>;
let real: Dashboard;
let live: WrittenRun;
let rows: readonly PredictionRow[];

describe.skipIf(!hasBrowser)("evaluations in a browser", () => {
  // Images that are not there are said on the page.
  const { complaints, open: openAt } = useBrowser({ expected: /400/ });
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "evaluations a b ü-"));
    const at = (hour: number) => ({ startedAt: `2026-01-02T0${hour}:00:00.000Z` });
    const first = writeRun(join(root, "first"), { classes: names, epochs: 4, record: at(5) });
    for (const epoch of [0, 1, 2])
      writeEvaluation(join(first.dir, epochFolder(epoch)), {
        classes: names,
        samples: 1200,
        level: 0.4 + epoch / 10,
        nanEvery: epoch === 1 ? 50 : 0,
      });
    rows = writeEvaluation(join(first.dir, epochFolder(3)), { classes: names, samples: 1200, hasDetails: true });
    const judges = { by: "folds" as const, models: ["first"], images: 3, leftOut: 0, note: "" };
    const points = rows.slice(0, 300).map((row, i) => ({
      sample: row.sample,
      x: Math.sin(i),
      y: Math.cos(i * 3),
      label: row.true,
      predicted: row.predicted,
    }));
    writeDataAnalysis(join(first.dir, runPaths.embeddingsMap), "map", {
      formatVersion: 1,
      data: "data",
      judges,
      method: "PCA, then t-SNE",
      points,
    });
    const second = writeRun(join(root, "second"), { classes: names, epochs: 4, record: at(4) });
    writeEvaluation(join(second.dir, epochFolder(3)), { classes: names, samples: 1200, level: 0.4, seed: 5 });
    writeEvaluation(join(writeRun(join(root, "many"), { classes: many, record: at(3) }).dir, epochFolder(2)), {
      classes: many,
      samples: 20_000,
    });
    live = writeRun(join(root, "live"), { classes: names, status: "running", epochs: 1, record: at(2) });
    trained = await trainOnce();
    dashboard = await startDashboard({
      root,
      port: 0,
      pollMs: 100,
      extensions: [samplesExtension({ data: [], cwd: root })],
    });
    real = await startDashboard({
      root: trained.root,
      port: 0,
      extensions: [samplesExtension({ data: [], cwd: join(trained.root, "..") })],
    });
    await Promise.all([dashboard.ready, real.ready]);
  });
  afterAll(async () => {
    await Promise.all([dashboard?.close(), real?.close()]);
    trained?.remove();
    rmSync(root, { recursive: true, force: true });
  });

  const open = (query: string, { address = dashboard.writeUrl, ...how }: Opened & { readonly address?: string } = {}) =>
    openAt(addressOf(address, `?view=run&tab=evaluation&${query}`), how);

  const readout = (page: Page) => page.locator(".confusion-readout").innerText();
  const cards = (page: Page) => page.locator(".sample");
  const countOf = (label: string, predicted: string) =>
    rows.filter((row) => row.true === label && row.predicted === predicted).length;
  const parameter = (page: Page, name: string) => new URL(page.url()).searchParams.get(name);

  test("the slider goes through the epochs, by keys and address", async () => {
    const page = await open("of=first");
    await page.getByText("1200 images, ").waitFor();
    const slider = page.getByRole("slider", { name: "Epoch" });
    await eventually(() => slider.getAttribute("aria-valuetext")).toBe("epoch 4 (best)");
    const wrong = async () =>
      Number(/(\d+) wrong/.exec(await page.locator(".evaluation-part .count").first().innerText())?.[1]);
    await eventually(() => wrong()).toBe(rows.filter((row) => row.true !== row.predicted).length);
    const before = await wrong();
    await slider.focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowLeft");
    await eventually(() => parameter(page, "evaluation")).toBe("epoch_000");
    await eventually(wrong).toBeGreaterThan(before);
    await eventually(() => page.evaluate("document.activeElement.type")).toBe("range");
    await page.getByRole("combobox", { name: "Evaluation" }).selectOption("epoch 4 (best)");
    await eventually(wrong).toBe(before);
    expect(complaints).toEqual([]);
  });

  test("a cell of the confusion matrix says what it counts, and opens its images, by keys and mouse", async () => {
    const page = await open("of=first");
    const grid = page.getByRole("grid", { name: /Confusion matrix of epoch 4/ });
    await grid.focus();
    await eventually(() => readout(page)).toMatch(/^class 0, right: \d+ \(\d+\.\d% of \d+\)$/);
    await page.keyboard.press("ArrowRight");
    await eventually(() => readout(page)).toContain(`class 0 predicted as class 1: ${countOf("class 0", "class 1")} `);
    await eventually(() => page.getByRole("gridcell").innerText()).toBe(await readout(page));
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "class 0, predicted as class 1" }).waitFor();
    await eventually(() => cards(page).count()).toBe(countOf("class 0", "class 1"));
    await eventually(() => page.evaluate("document.activeElement.tagName")).toBe("H3");
    await page.locator(".cell-samples").getByRole("button", { name: "Close" }).click();
    await eventually(() => page.evaluate("document.activeElement.getAttribute('role')")).toBe("grid");
    await page.keyboard.press("Control+End");
    await eventually(() => readout(page)).toContain("class 41, right: 0 (the class has no images)");
    // The cell in row 8, column 9; names take 130 pixels.
    const cell = { x: 130 + 9.5 * 20, y: 130 + 8.5 * 20 };
    await grid.hover({ position: cell });
    await eventually(() => readout(page)).toContain(
      `__proto__ predicted as class 9: ${countOf("__proto__", "class 9")} `,
    );
    await grid.click({ position: cell });
    await page.getByRole("heading", { name: "__proto__, predicted as class 9" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "__proto__, predicted as class 9" }).waitFor();
    await page.getByRole("combobox", { name: "Order" }).selectOption("most confused first");
    await grid.focus();
    await page.keyboard.press("Control+Home");
    const errorsOf = (name: string) =>
      rows.filter((row) => row.true !== row.predicted && [row.true, row.predicted].includes(name)).length;
    const most = Math.max(...names.map(errorsOf));
    await eventually(async () => errorsOf((await readout(page)).split(",")[0] ?? "")).toBe(most);
    await page.getByRole("checkbox", { name: "Percent of the true class" }).check();
    expect(parameter(page, "normalized")).toBe("1");
    await page
      .getByRole("button", { name: /^Images of .* predicted as/ })
      .first()
      .click();
    await eventually(() => cards(page).count()).toBe(
      Math.max(...names.flatMap((a) => names.map((b) => (a === b ? 0 : countOf(a, b))))),
    );
    expect(complaints).toEqual([]);
  });

  test("1,000 classes are an overview and pairs, and few elements", async () => {
    const page = await open("of=many");
    await page.getByText("20000 images, ").waitFor();
    await eventually(() => page.evaluate("document.querySelectorAll('*').length")).toBeLessThan(1500);
    const grid = page.getByRole("grid");
    await grid.focus();
    await page.keyboard.press("Control+End");
    await eventually(() => readout(page)).toContain("synset 999, right: 0");
    await page.getByRole("button", { name: /^Show \d+ more$/ }).click();
    await eventually(() => page.locator(".pairs tbody tr").count()).toBe(120);
    await page.getByRole("tab", { name: "Classes" }).last().click();
    await page.getByRole("button", { name: "Show 100 more" }).click();
    await eventually(() => page.locator(".class-report tbody tr").count()).toBe(200);
    await page.getByRole("searchbox", { name: "Filter the classes" }).fill("synset 99");
    await page.getByText("11 of 1000 classes").waitFor();
    expect(complaints).toEqual([]);
  });

  test("the table of classes is sorted, compared with another epoch, and opens a class", async () => {
    const page = await open("of=first&aspect=classes");
    const column = (n: number) => page.locator(`.class-report tbody tr td:nth-of-type(${n})`).allInnerTexts();
    const values = async (n: number) =>
      (await column(n)).map((text) => Number.parseFloat(text)).filter(Number.isFinite);
    await page.locator(".class-report tbody tr").first().waitFor();
    const f1 = await values(4);
    expect(f1).toEqual(f1.toSorted((a, b) => a - b));
    await page.getByRole("button", { name: "Recall" }).click();
    await page.getByRole("button", { name: "Recall" }).click();
    await eventually(() => page.getByRole("columnheader", { name: "Recall" }).getAttribute("aria-sort")).toBe(
      "descending",
    );
    const recall = await values(3);
    expect(recall).toEqual(recall.toSorted((a, b) => b - a));
    await page.getByRole("combobox", { name: "Difference to" }).selectOption("epoch 1");
    await page.getByRole("columnheader", { name: "F1 change" }).waitFor();
    await eventually(async () => (await column(5)).filter((text) => text.startsWith("+")).length).toBeGreaterThan(20);
    await page.getByRole("button", { name: "class 3", exact: true }).click();
    const own = rows.filter((row) => row.true === "class 3");
    await eventually(() => cards(page).count()).toBe(own.length);
    const guess = own.find((row) => row.predicted !== "class 3")?.predicted ?? "";
    await page
      .locator(".class-panel")
      .getByRole("button", { name: `${guess} (${countOf("class 3", guess)})` })
      .first()
      .click();
    await eventually(() => cards(page).count()).toBe(countOf("class 3", guess));
    await page.getByRole("button", { name: `All ${own.length} images` }).click();
    await eventually(() => cards(page).count()).toBe(own.length);
    await page.locator(".class-panel").getByRole("button", { name: "Close" }).click();
    await eventually(() => page.locator(".class-panel").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("errors come most confident first, and are ordered, paged and narrowed", async () => {
    const page = await open("of=first&aspect=errors");
    const wrong = rows.filter((row) => row.true !== row.predicted).sort((a, b) => b.confidence - a.confidence);
    await eventually(() => cards(page).count()).toBe(48);
    await eventually(() => cards(page).first().locator(".sample-path").getAttribute("title")).toBe(wrong[0]?.sample);
    await page.getByRole("button", { name: "Show 48 more" }).click();
    await eventually(() => cards(page).count()).toBe(96);
    await page.getByText(`96 of ${wrong.length} images`).waitFor();
    await page.getByRole("combobox", { name: "Order" }).selectOption("highest loss first");
    await eventually(() => cards(page).first().locator(".sample-path").getAttribute("title")).toBe(
      wrong.at(-1)?.sample,
    );
    await page.getByRole("checkbox", { name: "Right ones, too" }).check();
    await page.getByText("48 of 1200 images").waitFor();
    await cards(page).first().getByText("More").click();
    await eventually(() => cards(page).first().locator(".top-k div").count()).toBe(3);
    await page.getByRole("tab", { name: "Slices" }).click();
    await page.getByRole("button", { name: "Images where camera is night" }).click();
    await page.getByText("camera: night").waitFor();
    await eventually(async () => (await cards(page).locator(".class-name").first().innerText()) === "class 0").toBe(
      true,
    );
    await page.getByRole("button", { name: "All errors" }).click();
    await eventually(() => parameter(page, "slice")).toBe(null);
    await page.getByRole("tab", { name: "Calibration" }).click();
    await page.getByText("As a table").click();
    const bin = page.getByRole("button", { name: "86.7% to 93.3%" });
    const images = Number(await page.locator("tr", { has: bin }).locator("td").first().innerText());
    await bin.click();
    await page.getByText(`48 of ${images} images`).waitFor();
    expect(complaints).toEqual([]);
  });

  test("images of a training are shown, explained, marked by keys and buttons, and what was marked stays", async () => {
    const page = await open("aspect=errors&right=1", { address: real.writeUrl });
    await eventually(() => cards(page).count()).toBe(8);
    const loaded = "[...document.querySelectorAll('.sample img')].filter((image) => image.naturalWidth > 0).length";
    await eventually(() => page.evaluate(loaded)).toBe(8);
    await cards(page).first().focus();
    await page.keyboard.press("j");
    await eventually(() => page.evaluate("document.activeElement.dataset.at")).toBe("1");
    await page.keyboard.press("k");
    await eventually(() => page.evaluate("document.activeElement.dataset.at")).toBe("0");
    const label = await cards(page).first().locator(".class-name").first().innerText();
    const other = label === "1" ? "7" : "1";
    await page.keyboard.press("Enter");
    const field = page.getByRole("combobox", { name: "Right label" });
    await eventually(() => field.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByText(`label: ${other}`).waitFor();
    await eventually(() => page.evaluate("document.activeElement.dataset.at")).toBe("0");
    await page.keyboard.press("j");
    await page.keyboard.press("u");
    await page.getByText("unreadable: left out").waitFor();
    await page.reload();
    await page.getByText("unreadable: left out").waitFor();
    await eventually(() => page.locator(".sample.marked").count()).toBe(2);
    await cards(page).nth(1).focus();
    await page.keyboard.press("z");
    await eventually(() => page.locator(".sample.marked").count()).toBe(1);
    await page.getByRole("button", { name: "Take back" }).click();
    await eventually(() => page.locator(".sample.marked").count()).toBe(0);
    await cards(page).nth(2).getByRole("button", { name: "Label is wrong" }).click();
    await field.press("Escape");
    await eventually(() => field.count()).toBe(0);
    await cards(page).nth(2).getByRole("button", { name: "Grad-CAM" }).click();
    const overlay = page.getByRole("img", { name: /^Grad-CAM of/ });
    await eventually(() =>
      overlay.evaluate((element) => (element as unknown as { naturalWidth: number }).naturalWidth),
    ).toBe(360);
    await page.keyboard.press("g");
    await eventually(() => overlay.count()).toBe(0);
    const reader = await open("aspect=errors&right=1", { address: real.url });
    await eventually(() => cards(reader).count()).toBe(8);
    await reader.getByRole("button", { name: "Grad-CAM" }).first().waitFor();
    expect(complaints).toEqual([]);
  });

  test("two runs are compared on the same images", async () => {
    const page = await open("");
    await page.goto(`${dashboard.url}?view=compare&a=first&b=second`);
    await page.getByText("A is better").waitFor();
    await page.getByText(/on the 1200 images that both have .*McNemar's exact test/).waitFor();
    const only = async (name: string) => {
      const radio = page.getByRole("radio", { name });
      await radio.check();
      return Number(/\((\d+)\)/.exec(await page.locator("label", { has: radio }).innerText())?.[1]);
    };
    const first = await only("Only B is right");
    await page.getByText(`${Math.min(24, first)} of ${first} images`).waitFor();
    await eventually(() => cards(page).first().locator(".sample-labels .worse").count()).toBe(1);
    await eventually(() => cards(page).first().locator(".sample-labels").nth(2).innerText()).toContain("✓");
    expect(parameter(page, "side")).toBe("onlyB");
    await page.getByRole("button", { name: "Show 24 more" }).click();
    await eventually(() => cards(page).count()).toBe(48);
    await page.getByRole("combobox", { name: "Evaluation of A" }).selectOption("epoch 1");
    await eventually(() => parameter(page, "ea")).toBe("epoch_000");
    await page.getByText("No significant difference").waitFor();
    expect(complaints).toEqual([]);
  });

  test("the map names the image that is pointed at or reached by the keys", async () => {
    const page = await open("of=first&aspect=map");
    const map = page.getByRole("img", { name: /Map of 300 images/ });
    await map.focus();
    await page.keyboard.press("ArrowRight");
    const named = () => page.locator(".map-readout output").innerText();
    await eventually(named).toMatch(/^data\/valid\/.+: class|<img|__proto__/);
    const leftmost = await named();
    await page.keyboard.press("ArrowRight");
    await eventually(named).not.toBe(leftmost);
    await page.getByRole("combobox", { name: "Class" }).last().selectOption("class 1");
    await page.keyboard.press("Tab");
    await map.focus();
    await page.keyboard.press("ArrowRight");
    await eventually(named).toContain("class 1");
    const box = await map.boundingBox();
    await page.mouse.move((box?.x ?? 0) + 320, (box?.y ?? 0) + 20);
    await eventually(() => page.locator(".map-legend li").count()).toBe(9);
    expect(complaints).toEqual([]);
  });

  test("evaluations of a run that trains appear by themselves", async () => {
    const page = await open("of=live");
    await page.getByText("No evaluation yet").waitFor();
    writeEvaluation(join(live.dir, epochFolder(0)), { classes: names, samples: 420 });
    await page.getByText("420 images, ").waitFor();
    writeEvaluation(join(live.dir, epochFolder(1)), { classes: names, samples: 430 });
    await page.getByText("430 images, ").waitFor();
    await eventually(() => page.getByRole("slider", { name: "Epoch" }).inputValue()).toBe("1");
    expect(complaints).toEqual([]);
  });

  const views = {
    confusion: "of=first&true=class 0&predicted=class 1",
    classes: "of=first&aspect=classes&class=class 3&true=class 3&against=epoch_000",
    errors: "of=first&aspect=errors",
    calibration: "of=first&aspect=calibration&evaluation=epoch_001",
    slices: "of=first&aspect=slices",
    map: "of=first&aspect=map",
    many: "of=many",
    compare: "view=compare&a=first&b=second",
    images: "aspect=errors&right=1",
  };

  test.each([
    [360, "light", ["confusion", "images", "compare"]],
    [1280, "light", ["calibration", "map", "many"]],
    [1280, "dark", ["confusion", "slices", "images"]],
    [360, "dark", ["classes"]],
    [2560, "dark", ["compare"]],
  ] as const)(
    "at %d pixels, %s: nothing is out of the page, and axe finds nothing",
    async (width, colorScheme, shown) => {
      for (const name of shown) {
        const { url } = name === "images" ? real : dashboard;
        const page = await open(views[name], { width, colorScheme, address: url });
        if (name === "compare") await page.goto(`${url}?${views[name]}`);
        await page
          .locator("main .sample-list, main .confusion, main .class-report, main .plot, main .slices, main .map-canvas")
          .first()
          .waitFor();
        await eventually(() => page.getByText("Reading ...").count()).toBe(0);
        await expectAccessible(page, `evaluation-${name}-${width}-${colorScheme}`);
        await page.close();
      }
    },
  );
});
