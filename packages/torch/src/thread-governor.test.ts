import { afterEach, expect, test } from "vitest";
import { ThreadGovernor, type ThreadGovernorOptions, useDeterministicAlgorithms } from "./index.ts";

afterEach(() => useDeterministicAlgorithms(false));

/** A machine whose steps take what was measured on two cores: alone, and beside one busy process. */
function machine(threads: number, options: ThreadGovernorOptions = {}) {
  const said: string[] = [];
  let current = threads;
  const governor = new ThreadGovernor({
    getThreads: () => current,
    setThreads: (count) => {
      current = count;
    },
    onChange: (message) => said.push(message),
    otherProcessCpuLoad: () => 0,
    processors: threads,
    ...options,
  });
  const stepMs = (shared: boolean) => (shared ? (current > 1 ? 4000 : 450) : (250 * 2) / current);
  return {
    said,
    threads: () => current,
    run(steps: number, shared: boolean, factor = 1): number {
      let total = 0;
      for (let i = 0; i < steps; i++) {
        const ms = stepMs(shared) * factor;
        total += ms;
        governor.step(ms);
      }
      return total / steps;
    },
  };
}

test("steps down within one slow step when another process is busy, and up again after it ended", () => {
  const m = machine(2);
  m.run(10, false);
  expect(m.threads()).toBe(2);
  m.run(1, true);
  expect(m.threads()).toBe(1);
  expect(m.run(19, true)).toBeLessThan(2.5 * 250);
  m.run(60, false);
  expect(m.threads()).toBe(2);
  expect(m.said).toEqual([
    "the machine is shared: 1 of 2 compute threads (a step takes 450 ms instead of 4000 ms)",
    expect.stringMatching(/free again: 2 of 2 compute threads/),
  ]);
});

test("notices a process that was busy from the start", () => {
  const m = machine(2);
  m.run(4, true);
  expect(m.threads()).toBe(1);
});

test("tries more threads ever more rarely while the other process stays busy: at most 2.5 times the idle step on average", () => {
  const m = machine(2);
  m.run(10, false);
  expect(m.run(400, true)).toBeLessThan(2.5 * 250);
});

test("tries no more threads while others use the processors, but in the end it does", () => {
  let busy = 1;
  const m = machine(2, { otherProcessCpuLoad: () => busy });
  m.run(10, false);
  m.run(4, true);
  expect(m.run(600, true)).toBe(450);
  // A load of the host that does not disturb: the trial comes, late, and pays.
  m.run(700, false);
  expect(m.threads()).toBe(2);
  m.run(4, true);
  expect(m.threads()).toBe(1);
  busy = 0.2;
  m.run(25, false);
  expect(m.threads()).toBe(2);
});

test("on an idle machine it stays with all threads and costs one step at most", () => {
  const m = machine(4);
  m.run(100, false);
  expect(m.threads()).toBe(4);
  expect(m.said).toEqual([]);
});

test("a step that is slower for reasons of its own keeps its threads", () => {
  const m = machine(2);
  m.run(10, false);
  m.run(20, false, 5);
  expect(m.threads()).toBe(2);
  expect(m.said).toEqual([]);
});

test("it does nothing in deterministic mode, when switched off, and with one thread", () => {
  const off = machine(2, { enabled: false });
  off.run(10, true);
  expect(off.threads()).toBe(2);
  useDeterministicAlgorithms(true);
  const deterministic = machine(2);
  deterministic.run(10, true);
  expect(deterministic.threads()).toBe(2);
  useDeterministicAlgorithms(false);
  const single = machine(1);
  single.run(10, true);
  expect(single.threads()).toBe(1);
});
