import { mkdirSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { chromium as installed } from "../../base/test/browser.ts";

/** Chromium is Debian's: `apt-get install chromium`. Without it, tests in a browser are skipped. */
export const hasBrowser = installed !== undefined;

export interface Opened {
  readonly width?: number;
  readonly colorScheme?: "light" | "dark";
}

interface BrowserChoices {
  readonly args?: readonly string[];
  /** Of the console: what a test expects. */
  readonly expected?: RegExp;
}

/** A browser for the tests of a `describe`, called there: each test has a context of its own. */
export function useBrowser({ args = [], expected }: BrowserChoices = {}) {
  let browser: Browser;
  let context: BrowserContext | undefined;
  /** Exceptions in the page and errors on its console, since it was opened. */
  const complaints: string[] = [];
  const complain = (text: string) => {
    if (expected?.test(text) !== true) complaints.push(text);
  };
  const newContext = async () => {
    await context?.close();
    context = undefined;
  };
  const contextOf = async ({ width = 1280, colorScheme = "light" }: Opened = {}) => {
    context ??= await browser.newContext({ viewport: { width, height: 900 }, colorScheme, acceptDownloads: true });
    return context;
  };
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: installed as string, args: ["--no-sandbox", ...args] });
  });
  afterAll(() => browser?.close());
  afterEach(newContext);
  return {
    complaints,
    /** The context of the test; of those that open it, the first chooses its width and colors. */
    contextOf,
    /** What is opened from now on is another visitor's. */
    newContext,
    async open(address: string | URL, how: Opened = {}): Promise<Page> {
      complaints.length = 0;
      const page = await (await contextOf(how)).newPage();
      page.on("pageerror", (error) => complain(String(error)));
      page.on("console", (message) => message.type() === "error" && complain(message.text()));
      await page.goto(String(address));
      return page;
    },
  };
}

/** The address with a query, and with the token of the server's own address. */
export function addressOf(address: string, query: string): string {
  const url = new URL(address);
  return `${url.origin}/${query}${url.hash}`;
}

/** Nothing is out of the page, and axe finds nothing; the image is kept where `SCREENSHOTS` says. */
export async function expectAccessible(page: Page, name: string): Promise<void> {
  expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth"), name).toBeLessThanOrEqual(0);
  await page.evaluate(`${axe.source}; undefined`);
  const found = await page.evaluate(
    "axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations.map((v) => [v.id, v.nodes.slice(0, 3).map((n) => n.html)]))",
  );
  expect(found, name).toEqual([]);
  const { SCREENSHOTS: folder } = process.env;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** Scrolls a box in steps of so many pixels. @returns the longest time until a step was shown, in milliseconds */
export function slowestScroll(page: Page, box: string, { step, steps }: { step: number; steps: number }) {
  return page.evaluate(`(async () => {
    const box = document.querySelector(${JSON.stringify(box)});
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    let slowest = 0;
    for (let i = 1; i <= ${steps}; i++) {
      const start = performance.now();
      box.scrollTop = i * ${step};
      await frame();
      await frame();
      slowest = Math.max(slowest, performance.now() - start);
    }
    return slowest;
  })()`);
}
