import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/** `YYYYMMDD_HHMMSS`, local time. */
export function dateStamp(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}_${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}

/** Makes the run's folder; the same id twice in one second gets a number behind the time. */
export function makeRunDir(wandbDir: string, stem: string, id: string): string {
  mkdirSync(wandbDir, { recursive: true });
  for (let attempt = 0; ; attempt++) {
    const dir = join(wandbDir, attempt === 0 ? `${stem}-${id}` : `${stem}_${attempt}-${id}`);
    try {
      mkdirSync(dir);
      return dir;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 100) throw error;
    }
  }
}

/** Points a link at the newest run. */
export function link(path: string, target: string): void {
  try {
    rmSync(path, { force: true });
    symlinkSync(target, path);
  } catch {
    // A convenience only; some file systems have no links.
  }
}
