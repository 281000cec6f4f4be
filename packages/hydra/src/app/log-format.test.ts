// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are templates of Python
import type { LogRecord } from "@classifier-training/base";
import { expect, test } from "vitest";
import { createFormatter } from "./log-format.ts";

const record: LogRecord = {
  level: "WARNING",
  name: "app.train",
  message: "50% done",
  time: new Date(2026, 0, 31, 12, 5, 9, 42),
};

/** The right sides are what Python 3.12 prints. */
test.each([
  [{}, "50% done"],
  [{ format: "%(levelname)-9s|%(levelname).1s|%(levelno)03d|%(msecs)03d|100%%" }, "WARNING  |W|030|042|100%"],
  [{ format: "[%(asctime)s] %(name)10s" }, "[2026-01-31 12:05:09,042]  app.train"],
  [{ format: "%(asctime)s", datefmt: "%H:%M" }, "12:05"],
  [{ format: "%(threadName)s %(processName)s %(module)s" }, "MainThread MainProcess train"],
  [
    { style: "{", format: "{{x}} {levelname:>8} {levelname:*<8}|{levelno:05d}|{msecs:.1f} {message}" },
    "{x}  WARNING WARNING*|00030|42.0 50% done",
  ],
  [{ style: "$", format: "$$ ${levelname}: $message" }, "$ WARNING: 50% done"],
  [{ format: "%(app)s %(message)s", defaults: { app: "ct" } }, "ct 50% done"],
])("%j", (config, expected) => {
  const formatter = createFormatter(config);
  expect(formatter.problems).toEqual([]);
  expect(formatter.format(record, false)).toBe(expected);
});

test("colorlog's fields are colors on a terminal and nothing elsewhere", () => {
  const formatter = createFormatter({
    "()": "colorlog.ColoredFormatter",
    format: "%(log_color)s%(levelname)s%(reset)s %(bold_cyan)s%(message_log_color)s%(message)s",
    log_colors: { WARNING: "bold_yellow,bg_white" },
    secondary_log_colors: { message: { WARNING: "light_red" } },
  });
  expect(formatter.problems).toEqual([]);
  expect(formatter.format(record, false)).toBe("WARNING 50% done");
  expect(formatter.format(record, true)).toBe(
    "\u001b[1;33m\u001b[47mWARNING\u001b[0m \u001b[1;36m\u001b[91m50% done\u001b[0m",
  );
});

test("fields that nothing fills in are named with the nearest", () => {
  const { problems } = createFormatter({ format: "%(levelnam)s %(log_color)s %(message)s" });
  expect(problems).toEqual(["unknown field 'levelnam' (did you mean 'levelname'?)", "unknown field 'log_color'"]);
});
