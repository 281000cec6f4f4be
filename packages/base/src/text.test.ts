import { expect, test } from "vitest";
import { CtError } from "./errors.ts";
import { getLogger, setLogSinks } from "./log.ts";
import { printable, printableJson } from "./text.ts";

const hostile = "a\u001b[31mred\u001b[0m \u001b]0;title\u0007\u009b2Jb\r\u0008\u202ec\u2066";

test("terminal escapes and direction marks are removed, text of all languages stays", () => {
  expect(printable(hostile)).toBe("ared bc");
  const plain = "Größe 火\t42%\n\ud83c\udfc0 \u05e9";
  expect(printable(plain)).toBe(plain);
});

test("JSON keeps what it says, in escapes", () => {
  const json = printableJson({ label: hostile });
  expect(printable(json)).toBe(json);
  expect(JSON.parse(json)).toEqual({ label: hostile });
});

test("errors and the log never hold them", () => {
  const said: string[] = [];
  const restore = setLogSinks([({ message }) => void said.push(message)]);
  getLogger("test").warning(hostile);
  restore();
  expect(said).toEqual(["ared bc"]);
  expect(new CtError({ code: "test", what: "no", where: hostile }).message).toBe("no\n  where: ared bc");
});
