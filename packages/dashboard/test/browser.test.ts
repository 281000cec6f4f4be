// biome-ignore-all lint/performance/useDomNodeTextContent: what is seen is what is asked for
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dashboard, type RunChanges, startDashboard } from "@classifier-training/dashboard";
import { readAnnotations, writeOrigins } from "@classifier-training/runs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { eventually } from "./eventually.ts";
import { type WrittenRun, writeImage, writeRun, writeRuns } from "./runs-on-disk.ts";
import { addressOf, expectAccessible, hasBrowser, type Opened, slowestScroll, useBrowser } from "./use-browser.ts";

vi.setConfig({ testTimeout: 120_000 });

// 1 x 1 pixels.
const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const evil = "<img src=x onerror=alert(1)>";

/** The run that began at an hour. */
const key = (hour: string) => `2026-01-02/${hour}-00-00`;

let root: string;
let many: string;
let dashboard: Dashboard;
let large: Dashboard;
let live: WrittenRun;

describe.skipIf(!hasBrowser)("in a browser", () => {
  const { complaints, contextOf, newContext, open: openAt } = useBrowser();
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "dashboard a b ü-"));
    const day = (hour: string) => join(root, key(hour));
    const at = (hour: string) => ({ startedAt: `2026-01-02T${hour}:00:00.000Z` });
    const names = Array.from({ length: 42 }, (_, i) => (i === 7 ? evil : `class ${i}`));
    const model = { "model.name": "resnet18", "model.lr": 0.001 };
    for (const [i, lr] of [0.1, 0.01, 0.001, 0.0001].entries())
      writeRun(join(root, "multirun", String(i)), {
        isSwept: true,
        values: { "model.lr": lr, "model.name": i < 2 ? "vit" : "resnet18" },
        level: 0.5 + i / 10,
        record: at("01"),
      });
    const first = writeRun(day("08"), {
      values: model,
      classes: names,
      epochs: 8,
      nanAt: 5,
      hasSystemMetrics: true,
      record: { ...at("08"), name: evil },
      annotations: { tags: ["baseline"] },
    });
    writeImage(first.dir, 0, png);
    writeImage(first.dir, 7, png);
    writeOrigins(first.dir, {
      "model.lr": ["set in override model.lr=0.001", "instead of what is set in /conf/model/resnet18.yaml:7"],
    });
    writeFileSync(join(first.dir, "train.log"), "epoch 1 of 8\nall is well\n");
    writeRun(day("09"), { values: model, epochs: 8, resumedAt: 4, level: 0.9, record: at("09") });
    writeRun(day("10"), { status: "failed", epochs: 1, record: at("10") });
    writeRun(day("11"), { status: "killed", epochs: 2, record: at("11") });
    writeRun(day("12"), { classes: Array.from({ length: 1000 }, (_, i) => `synset ${i}`), record: at("12") });
    live = writeRun(day("13"), { status: "running", epochs: 3, maxEpochs: 30, record: at("13") });
    many = mkdtempSync(join(tmpdir(), "dashboard-many-"));
    writeRuns(many, 2000);
    dashboard = await startDashboard({ root, port: 0, pollMs: 100 });
    large = await startDashboard({ root: many, port: 0 });
    await Promise.all([dashboard.ready, large.ready]);
  });
  afterAll(async () => {
    await Promise.all([dashboard?.close(), large?.close()]);
    for (const folder of [root, many]) rmSync(folder, { recursive: true, force: true });
  });

  /** Opens the page with a query, as a person who may write unless another address is given. */
  const open = (query: string, { address = dashboard.writeUrl, ...how }: Opened & { readonly address?: string } = {}) =>
    openAt(addressOf(address, query), how);

  const rows = (page: Page) => page.locator("[role=grid] [role=row]:not(.table-head)");
  const firstName = (page: Page) => rows(page).first().locator(".column-name").innerText();
  const chart = (page: Page, title: string) => page.locator(`[data-chart="${title}"]`);

  /** Pixels of a chart that are about of a color, `#rrggbb`. */
  const inked = (page: Page, title: string, color: string) =>
    chart(page, title)
      .locator("canvas")
      .evaluate((element, hex) => {
        const canvas = element as unknown as {
          width: number;
          height: number;
          getContext(kind: "2d"): { getImageData(...box: number[]): { data: Uint8ClampedArray } };
        };
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
          const distance =
            Math.abs((data[i] ?? 0) - r) + Math.abs((data[i + 1] ?? 0) - g) + Math.abs((data[i + 2] ?? 0) - b);
          if (distance < 40 && (data[i + 3] ?? 0) > 200) count++;
        }
        return count;
      }, color);

  /** What a chart shows, as the CSV that it gives. */
  async function csvOf(page: Page, title: string): Promise<string[]> {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: `CSV of ${title}` }).click(),
    ]);
    return readFileSync(await download.path(), "utf8")
      .trim()
      .split("\n");
  }

  const rowsOf = async ({ url }: Dashboard) => {
    const { runs } = (await (await fetch(new URL("api/runs", url))).json()) as RunChanges;
    return runs.map((run) => run.key);
  };

  test("each tab shows its own part alone, by mouse, keys, address and back button", async () => {
    const page = await open("");
    const parts = {
      Runs: ".runs-view",
      Charts: ".charts-view",
      Details: ".run-view",
      Compare: ".compare-view",
      Sweep: ".sweep-view",
    };
    const seen = async () => {
      const visible = await Promise.all(
        Object.entries(parts).map(async ([name, part]) => ((await page.locator(part).count()) > 0 ? [name] : [])),
      );
      return visible.flat();
    };
    for (const name of ["Runs", "Details", "Compare", "Sweep", "Charts"]) {
      await page.getByRole("tab", { name, exact: true }).click();
      await eventually(seen).toEqual([name]);
      expect(await page.locator("[role=tab][aria-selected=true]").first().innerText()).toBe(name);
    }
    await page.getByRole("tab", { name: "Charts" }).press("ArrowRight");
    await eventually(seen).toEqual(["Details"]);
    await eventually(() => page.evaluate("document.activeElement.textContent")).toBe("Details");
    await page.goBack();
    await eventually(seen).toEqual(["Charts"]);
    await page.goto(`${dashboard.url}?view=sweep`);
    await eventually(seen).toEqual(["Sweep"]);
    expect(complaints).toEqual([]);
  });

  test("the table is sorted, filtered, grouped, and has the columns that one chooses", async () => {
    const page = await open("?view=runs");
    await eventually(() => rows(page).count()).toBe(10);
    await page.getByRole("button", { name: "Best" }).click();
    await eventually(() => firstName(page)).toContain("02/09");
    await page.getByRole("button", { name: "Best" }).click();
    await eventually(() => firstName(page)).toContain("02/10");
    const filter = page.getByRole("searchbox", { name: "Filter" });
    for (const [text, count] of [
      ["done", 7],
      ["-done", 3],
      ["best > 0.6", 2],
      ["tags ~ baseline", 1],
      ["model.lr <= 0.001 model.name = resnet18", 4],
      ["status = killed", 1],
      ["", 10],
    ] as const) {
      await filter.fill(text);
      await eventually(() => rows(page).count(), { message: text }).toBe(count);
    }
    await filter.fill("nothing = 3");
    await page.getByText("No column is called nothing.").waitFor();
    await filter.fill("");
    await page.getByRole("button", { name: "Columns ..." }).click();
    const add = page.getByRole("combobox", { name: "Add a column" });
    await add.fill("model.lr");
    await add.press("Enter");
    await add.fill("val/loss");
    await page.getByRole("option", { name: "val/loss" }).first().click();
    await page.locator("li", { hasText: "model.lr" }).getByRole("checkbox", { name: "Pin" }).check();
    await page.getByRole("button", { name: "Remove Tags" }).click();
    await page.getByRole("button", { name: "Move model.lr left" }).click();
    await page.getByRole("button", { name: "Close" }).click();
    await eventually(() => page.evaluate("document.activeElement.textContent")).toBe("Columns ...");
    const heads = await page.locator("[role=columnheader]").allInnerTexts();
    expect(heads.map((head) => head.replace(/ [↑↓]$/, "")).slice(1)).toEqual([
      "Name",
      "model.lr",
      "Status",
      "Epoch",
      "Current",
      "Best",
      "Time left",
      "Started",
      "Duration",
      "val/loss",
    ]);
    expect(await page.locator(".table-head .column-config-model-lr.pinned").count()).toBe(1);
    // Pinned columns stay beside one another when the rest is scrolled.
    await page.locator(".table-box").evaluate((element) => {
      (element as unknown as { scrollLeft: number }).scrollLeft = 300;
    });
    const edge = async (column: string) => (await page.locator(`.table-head .column-${column}`).boundingBox())?.x ?? 0;
    expect((await edge("config-model-lr")) - (await edge("name"))).toBeCloseTo(215, 0);
    await page.getByRole("combobox", { name: "Group by" }).selectOption("sweep");
    await eventually(() => page.locator(".table-row.group").count()).toBe(2);
    expect(await page.locator(".table-row.group", { hasText: "multirun (4)" }).innerText()).toContain("±");
    // A link shows the same.
    await page.reload();
    await eventually(() => page.locator(".table-row.group").count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  test("names, tags and notes are written; runs are archived, restored and deleted after a question", async () => {
    const { dir } = writeRun(join(root, "spare"), { record: { startedAt: "2020-01-01T00:00:00.000Z" } });
    const page = await open(`?view=run&of=spare&tab=notes&run=spare`);
    await page.getByLabel("Name").fill("second try");
    await page.getByLabel("Tags, separated by commas").fill("a b, ü,, a b");
    await page.getByRole("textbox", { name: "Notes" }).fill("It works.");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    expect(readAnnotations(dir)).toEqual({
      name: "second try",
      tags: ["a b", "ü"],
      notes: "It works.",
      archived: false,
    });
    await page.getByRole("heading", { name: "second try" }).waitFor();
    await page.getByRole("tab", { name: "Runs" }).click();
    const row = rows(page).filter({ hasText: "second try" });
    await page.getByRole("button", { name: "Archive", exact: true }).click();
    await eventually(() => row.count()).toBe(0);
    await page.getByLabel("Archived").check();
    await eventually(() => row.count()).toBe(1);
    await page.getByRole("button", { name: "Restore" }).click();
    await eventually(() => readAnnotations(dir).archived).toBe(false);
    await page.getByRole("button", { name: "Delete ..." }).click();
    await page.getByRole("dialog").getByText("second try").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(existsSync(dir)).toBe(true);
    await page.getByRole("button", { name: "Delete ..." }).click();
    await page.getByRole("button", { name: "Delete for ever" }).click();
    await eventually(() => row.count()).toBe(0);
    expect(existsSync(dir)).toBe(false);
    // Without the token nothing can be written.
    await newContext();
    const reader = await open(`?view=runs`, { address: dashboard.url });
    await reader.getByText("Read only").waitFor();
    expect(await reader.getByRole("button", { name: "Delete ..." }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("charts plot what was logged, and every control changes what is seen", async () => {
    const [a, b] = [key("08"), key("09")];
    const page = await open(`?view=charts&run=${a}&run=${b}`);
    const [teal, orange] = ["#16a59a", "#e86e19"];
    await eventually(() => inked(page, "acc_top1", teal)).toBeGreaterThan(200);
    await eventually(() => inked(page, "acc_top1", orange)).toBeGreaterThan(200);
    expect(await page.locator(".section h2").allInnerTexts()).toEqual([
      "▾ Main 2",
      "▾ Metrics 1",
      "▾ Learning rate 1",
      "▾ Classes 1",
      "▾ System 5",
    ]);
    // The machine by the clock, whatever the others are by; of the run that noted it.
    const memory = await csvOf(page, "Memory of the process, MB");
    expect(memory[0]).toBe("curve,hours,value,smoothed");
    expect(memory.slice(1).every((line) => line.startsWith(evil))).toBe(true);
    expect(Number(memory.at(-1)?.split(",")[1])).toBeCloseTo(8 / 60, 1);
    const plain = await csvOf(page, "loss");
    expect(plain[0]).toBe("curve,step,value,smoothed");
    expect(plain).toContain(`${evil} · val/loss,23,NaN,`);
    await page.getByRole("slider", { name: "Smoothing" }).fill("0.9");
    await eventually(async () => (await csvOf(page, "loss"))[2]?.split(",")[3]).not.toBe("");
    await page.getByRole("slider", { name: "Smoothing" }).fill("0");
    const xAxis = page.getByRole("combobox", { name: "X axis" });
    for (const [value, title, second] of [
      ["epoch", "epoch", 1],
      ["relative", "hours", 0.02],
      ["wall", "time", Date.now() / 1000 / 2],
    ] as const) {
      await xAxis.selectOption(value);
      await eventually(async () => (await csvOf(page, "acc_top1"))[0]).toContain(title);
      expect(Number((await csvOf(page, "acc_top1"))[2]?.split(",")[1])).toBeGreaterThan(second);
    }
    await xAxis.selectOption("step");
    // Colors of hidden runs leave, those of others stay.
    await page.getByRole("checkbox", { name: evil }).uncheck();
    await eventually(() => inked(page, "acc_top1", teal)).toBeLessThan(20);
    await eventually(() => inked(page, "acc_top1", orange)).toBeGreaterThan(200);
    await page.reload();
    await eventually(() => inked(page, "acc_top1", orange)).toBeGreaterThan(200);
    await page.getByRole("checkbox", { name: evil }).check();
    await eventually(() => inked(page, "acc_top1", teal)).toBeGreaterThan(200);
    // Zoom by dragging: all charts show the same part.
    const over = chart(page, "acc_top1").locator(".u-over");
    const box = (await over.boundingBox()) as { x: number; y: number; width: number; height: number };
    await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
    await chart(page, "acc_top1").locator(".tooltip").getByText("step").waitFor();
    expect(await chart(page, "acc_top1").locator(".tooltip").innerText()).toContain("val/acc_top1");
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await eventually(async () => (await csvOf(page, "loss")).length).toBeLessThan(plain.length / 2);
    expect(new URL(page.url()).searchParams.get("zoom")).toMatch(/^[\d.]+~[\d.]+$/);
    await page.getByRole("button", { name: "Reset zoom" }).click();
    await eventually(async () => (await csvOf(page, "loss")).length).toBe(plain.length);
    await page.getByRole("spinbutton", { name: "Show from" }).fill("20");
    await eventually(async () => Number((await csvOf(page, "loss"))[1]?.split(",")[1])).toBeGreaterThanOrEqual(20);
    await page.getByRole("button", { name: "Reset zoom" }).click();
    // Axes and outliers change the plot and the address.
    // Read at once: a plot whose axes change has another canvas.
    const canvas = () => page.evaluate(`document.querySelector('[data-chart="loss"] canvas')?.toDataURL()`);
    for (const [name, parameter] of [
      ["log y axis of loss", "logy"],
      ["Log x", "logx"],
      ["Outliers", "outliers"],
    ] as const) {
      const before = await canvas();
      await page.getByRole("checkbox", { name }).click();
      await eventually(canvas, { message: name }).not.toBe(before);
      expect(new URL(page.url()).searchParams.has(parameter), parameter).toBe(true);
      await page.getByRole("checkbox", { name }).click();
    }
    await page.getByRole("combobox", { name: "Mean and spread over" }).selectOption("config:model.name");
    await eventually(async () => (await csvOf(page, "acc_top1"))[1]).toContain("mean of 2");
    const [image] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "PNG of loss" }).click(),
    ]);
    expect(
      readFileSync(await image.path())
        .subarray(1, 4)
        .toString(),
    ).toBe("PNG");
    await page.getByRole("button", { name: "Main" }).click();
    await eventually(() => chart(page, "loss").count()).toBe(0);
    await page.getByRole("button", { name: "Hide all" }).click();
    await page.getByText("No run is shown").waitFor();
    // The ninth and the tenth have the first colors again, and a shape.
    const all = (await rowsOf(dashboard)).map((run) => `&run=${encodeURIComponent(run)}`);
    await page.goto(`${dashboard.url}?view=charts${all.join("")}`);
    await eventually(() => page.locator(".run-list .shown").count()).toBe(10);
    expect(await page.locator(".run-list .shown .mark-triangle").count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  test.each([
    ["08", 42, "class 41"],
    ["12", 1000, "synset 999"],
  ])("values of classes of run %s are one table or one heat map of %d", async (run, count, last) => {
    const page = await open(`?view=charts&run=${key(run)}`);
    const table = page.getByRole("region", { name: "Values of classes" });
    await page.getByText(`${count} classes`).waitFor();
    const values = await table.locator("tbody td:nth-child(2)").allInnerTexts();
    expect(values.length).toBe(Math.min(100, count));
    expect(values.map(Number)).toEqual(values.map(Number).sort((x, y) => x - y));
    for (let shown = 100; shown < Math.min(count, 300); shown += 100)
      await table.getByRole("button", { name: "Show 100 more" }).click();
    expect(await table.locator("tbody tr").count()).toBe(Math.min(count, 300));
    await page.getByRole("combobox", { name: "Order" }).selectOption("index");
    await eventually(() => table.locator("tbody th").nth(7).innerText()).toBe(run === "08" ? evil : "synset 7");
    await page.getByRole("combobox", { name: "As" }).selectOption("heatmap");
    const map = page.getByRole("img", { name: `${count} classes at` });
    await map.waitFor();
    expect((await map.boundingBox())?.height).toBe(count * 16);
    await page.goto(`${dashboard.url}?view=run&of=${key(run)}&tab=classes`);
    await page.getByRole("searchbox", { name: "Filter the classes" }).fill(last);
    await eventually(() => page.locator(".class-list li").allInnerTexts()).toEqual([`${count - 1} ${last}`]);
  });

  test("a live run grows in front of one's eyes, the focus stays, and its death is seen", async () => {
    const page = await open(`?view=charts&run=${key("13")}`);
    await page.getByText("live", { exact: true }).waitFor();
    const filter = page.getByRole("searchbox", { name: "Filter the runs" });
    await filter.pressSequentially("02");
    const points = async () => (await csvOf(page, "acc_top1")).length;
    const before = await points();
    await filter.focus();
    live.epoch(3);
    const label = () => chart(page, "acc_top1").getByRole("img").getAttribute("aria-label");
    await eventually(label).toContain("val/acc_top1: 0.5");
    expect(await page.evaluate("document.activeElement.value")).toBe("02");
    expect(await points()).toBe(before + 2);
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    live.epoch(4);
    await eventually(() => requests.filter((url) => url.includes("/metrics?generation=")).length).toBeGreaterThan(0);
    expect(requests.filter((url) => /stream/.test(url))).toEqual([]);
    const item = page.locator(".run-list li", { hasText: "02/13" });
    live.run.update({ pid: 2 ** 22 + 1 });
    await item.getByText("killed").waitFor();
    live.run.update({ pid: process.pid });
    await item.getByText("running").waitFor();
    expect(complaints).toEqual([]);
  });

  test("without a stream the page polls, and says so", async () => {
    await (await contextOf()).route("**/api/stream*", (route) => route.fulfill({ status: 503, body: "" }));
    const page = await open("?view=runs");
    await page.getByText("every 5 s").waitFor();
    await eventually(() => rows(page).count()).toBe(10);
  });

  test("details, comparison and sweep show what the files say", async () => {
    const page = await open(`?view=run&of=${key("08")}`);
    await page.getByRole("heading", { name: evil }).waitFor();
    const image = page.locator(".images img");
    await eventually(() =>
      image.evaluate((element) => (element as unknown as { naturalWidth: number }).naturalWidth),
    ).toBe(1);
    expect(await image.getAttribute("alt")).toContain("epoch_007");
    await page.getByRole("combobox", { name: "Folder" }).selectOption("epoch_000");
    await eventually(() => image.getAttribute("alt")).toContain("epoch_000");
    await page.getByRole("tab", { name: "Configuration" }).click();
    await page.getByRole("searchbox", { name: "Filter the configuration" }).fill("lr overridden");
    await eventually(async () => (await page.locator(".config tbody tr").innerText()).replaceAll(/\s+/g, " ")).toBe(
      "model.lr 0.001 overridden override : where model.lr comes from",
    );
    await page.locator(".config summary", { hasText: "where model.lr comes from" }).click();
    await page.getByText("instead of what is set in /conf/model/resnet18.yaml:7").waitFor();
    await page.getByText("YAML", { exact: true }).click();
    await page.getByText("name: resnet18").first().waitFor();
    await page.getByRole("tab", { name: "Log" }).click();
    await page.getByText("all is well").waitFor();
    await page.getByRole("combobox", { name: "Run" }).fill("02/10");
    await page.getByRole("option", { name: "02/10" }).click();
    await page.getByText("CUDA out of memory").waitFor();
    await page.goto(`${dashboard.url}?view=compare&a=multirun/0&b=multirun/3`);
    const difference = page.getByRole("region", { name: "Configuration" }).locator("tbody tr");
    await eventually(() => difference.allInnerTexts()).toEqual(["model.lr\t0.1\t0.0001", "model.name\tvit\tresnet18"]);
    await page.getByRole("checkbox", { name: "Equal values" }).check();
    await eventually(() => difference.count()).toBe(3);
    await page.getByRole("combobox", { name: "Run B" }).fill("multirun/1");
    await page.locator("[role=option]").first().click();
    await eventually(() => difference.first().innerText()).toContain("0.01");
    await page.getByRole("tab", { name: "Sweep" }).click();
    await eventually(() => page.locator(".parallel polyline").count()).toBe(4);
    expect(await page.locator(".importance tbody th").allInnerTexts()).toEqual(["model.lr", "model.name"]);
    expect(await page.locator(".importance tbody tr").first().innerText()).toContain("-1.00");
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: /^PNG of parallel coordinates/ }).click(),
    ]);
    const plot = readFileSync(await saved.path());
    // As large as the plot; an empty plane would be 2 kB.
    const width = await page
      .locator(".parallel")
      .evaluate((svg) => (svg as unknown as { width: { baseVal: { value: number } } }).width.baseVal.value);
    expect(plot.readUInt32BE(16)).toBe(width);
    expect(plot.length).toBeGreaterThan(8_000);
    const [csv] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: /^CSV of parallel coordinates/ }).click(),
    ]);
    expect(readFileSync(await csv.path(), "utf8").split("\n")[0]).toMatch(/^run,model\.lr,model\.name,best /);
    await page.locator(".parallel polyline").first().dispatchEvent("click");
    await page.locator(".run-view").waitFor();
    expect(complaints).toEqual([]);
  });

  test("2,000 runs scroll, sort and filter without a stall, by the keys, too", async () => {
    const page = await open("?view=runs", { address: large.writeUrl });
    await page.getByText("2000 of 2000 runs").waitFor();
    expect(await rows(page).count()).toBeLessThan(60);
    const took = await slowestScroll(page, ".table-box", { step: 3500, steps: 20 });
    // A stall is what a person notices; this machine may be busy with other tests.
    expect(took).toBeLessThan(1000);
    await page.getByRole("button", { name: "Best" }).click();
    await page.locator(".table-box").evaluate((element) => {
      (element as unknown as { scrollTop: number }).scrollTop = 0;
    });
    await eventually(() => firstName(page)).toBe("run 1999");
    await rows(page).first().focus();
    await page.keyboard.press("End");
    await eventually(() => page.evaluate("document.activeElement.getAttribute('aria-rowindex')")).toBe("2001");
    await page.keyboard.press("PageUp");
    await page.keyboard.press("Space");
    await page.getByText("4 in the charts").waitFor();
    await page.getByRole("searchbox", { name: "Filter" }).fill("best > 1990");
    await page.getByText("9 of 2000 runs").waitFor();
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByText("9 in the charts").waitFor();
    await rows(page).first().focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "run 1999" }).waitFor();
    expect(complaints).toEqual([]);
  });

  const views = {
    runs: "?view=runs&group=sweep",
    charts: `?view=charts&run=${key("08")}&run=${key("13")}`,
    heatmap: `?view=charts&folded=Main|Metrics&classes=heatmap&run=${key("08")}`,
    images: `?view=run&of=${key("08")}`,
    configuration: `?view=run&of=${key("08")}&tab=config`,
    notes: `?view=run&of=${key("08")}&tab=notes`,
    compare: "?view=compare&a=multirun/0&b=multirun/3",
    sweep: "?view=sweep",
  };

  test.each([
    [1280, "light", Object.keys(views)],
    [1280, "dark", Object.keys(views)],
    [360, "light", ["runs", "charts", "notes", "compare"]],
    [2560, "dark", ["runs", "charts"]],
  ] as const)(
    "at %d pixels, %s: nothing is out of the page, and axe finds nothing",
    async (width, colorScheme, names) => {
      for (const name of names) {
        const page = await open(views[name as keyof typeof views], { width, colorScheme });
        await page.getByText("live", { exact: true }).waitFor();
        await eventually(() => page.getByText(/Reading|reading/).count()).toBe(0);
        await expectAccessible(page, `${name}-${width}-${colorScheme}`);
        expect(complaints, name).toEqual([]);
        await page.close();
      }
    },
  );

  test("the colors of the page are the system's, or those that one chooses, for good", async () => {
    const page = await open("?view=runs", { colorScheme: "dark" });
    const theme = () => page.evaluate("document.documentElement.dataset.theme");
    expect(await theme()).toBe("dark");
    await page.getByRole("combobox", { name: "Colors of the page" }).selectOption("light");
    expect(await theme()).toBe("light");
    await page.reload();
    expect(await theme()).toBe("light");
  });
});
