// biome-ignore-all lint/performance/useDomNodeTextContent: what is seen is what is asked for
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Dashboard, startDashboard } from "@classifier-training/dashboard";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { quick, start, workspace } from "../../classifier/test/cli.ts";
import { hasBrowser, useBrowser } from "./use-browser.ts";

vi.setConfig({ testTimeout: 120_000 });

/** A training that has to start first, on a machine that may be busy with other tests. */
const eventually = <T>(look: () => T | Promise<T>) => expect.poll(look, { timeout: 90_000, interval: 50 });

describe.skipIf(!hasBrowser)("a training in front of one's eyes", () => {
  const { complaints, open } = useBrowser();
  let folder: Awaited<ReturnType<typeof workspace>>;
  let dashboard: Dashboard;
  const started: ReturnType<typeof start>[] = [];
  beforeAll(async () => {
    folder = await workspace(["1", "7"], { train: 16, valid: 8 });
    mkdirSync(join(folder.dir, "outputs"));
    dashboard = await startDashboard({ root: join(folder.dir, "outputs"), port: 0, pollMs: 200 });
  });
  afterAll(async () => {
    for (const { process } of started) process.kill("SIGKILL");
    await Promise.all(started.map(({ done }) => done));
    await dashboard?.close();
    folder?.remove();
  });

  const train = (name: string, epochs: number) => {
    const training = start(
      [
        ...["train", ...quick, "model.stem=small", `trainer.max_epochs=${epochs}`, "trainer.log_every_n_steps=1"],
        ...["resume=false", `hydra.run.dir=outputs/${name}`],
        ...["onnx_export", "grad_cam", "sample_visualization", "training_history"].map(
          (one) => `callbacks.${one}=null`,
        ),
      ],
      folder.dir,
    );
    started.push(training);
    return training;
  };
  const cell = (page: Page, column: string) =>
    page.locator(`[role=grid] [role=row]:not(.table-head) .column-${column}`).first();

  test("its row runs and ends, its curve and log grow, its death is seen; nothing reloads, the focus stays", async () => {
    const page = await open(dashboard.url);
    await page.evaluate("window.isSamePage = true");
    const first = train("first", 6);
    await page.getByRole("tab", { name: "Runs" }).click();
    const filter = page
      .getByRole("searchbox")
      .or(page.getByPlaceholder(/^Filter:/))
      .first();
    await filter.pressSequentially("first");
    const said = new Set<string>();
    const look = async () => {
      const texts = await Promise.all(
        ["status", "epoch", "current", "left"].map((name) => cell(page, name).innerText()),
      );
      const isWhole = texts.every((text) => text.trim() !== "");
      said.add(`${texts[0]}${isWhole ? ", with epoch, current value and time left" : ""}`);
      return texts[0];
    };
    await eventually(look).toBe("done");
    expect([...said]).toEqual(expect.arrayContaining(["running, with epoch, current value and time left", "done"]));
    expect(await cell(page, "epoch").innerText()).toContain("6/6");
    expect(await filter.inputValue()).toBe("first");
    expect(await filter.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    expect((await first.done).code).toBe(0);

    const second = train("second", 500);
    await filter.fill("second");
    await eventually(() => cell(page, "status").innerText()).toBe("running");
    await page.getByRole("tab", { name: "Charts" }).click();
    const loss = page.locator('[data-chart="loss"] [role=img]');
    const seen = new Set<string>();
    await eventually(async () => seen.add((await loss.getAttribute("aria-label")) ?? "").size).toBeGreaterThan(3);
    await page.getByRole("button", { name: "Details of outputs/second" }).click();
    await page.getByRole("tab", { name: "Log" }).click();
    await page
      .getByText(/val top-1/)
      .first()
      .waitFor();
    second.process.kill("SIGKILL");
    await page.getByText("killed", { exact: true }).waitFor();
    await page.getByText("The same command resumes it").waitFor();
    expect(await page.evaluate("window.isSamePage")).toBe(true);
    expect(complaints).toEqual([]);
  });
});
